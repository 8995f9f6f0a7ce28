/**
 * How a row in linear memory is declared: an enum whose members are its fields. A member's value holds the field's type in
 * the upper half and its byte offset within the row in the lower half; the last member, `bytes`, is the size of the row.
 *
 *   31         16 15          0
 *   |   type    |   offset    |      allocatableMemory = F64 | 16
 *
 * The enums are exported: a host reads them to open its views, so an offset is written in one place only. The accessors
 * below fold to a single load or store; in the debug build they assert that the field has the type it is read as.
 */
export const I32: i32 = 1 << 16;
export const U32: i32 = 2 << 16;
export const F64: i32 = 3 << 16;

export const OFFSET: i32 = 0xffff;

export function getI32(row: usize, field: i32): i32 {
  assert((field & ~OFFSET) == I32);
  return load<i32>(row + <usize>(field & OFFSET));
}

export function setI32(row: usize, field: i32, value: i32): void {
  assert((field & ~OFFSET) == I32);
  store<i32>(row + <usize>(field & OFFSET), value);
}

export function getU32(row: usize, field: i32): u32 {
  assert((field & ~OFFSET) == U32);
  return load<u32>(row + <usize>(field & OFFSET));
}

export function setU32(row: usize, field: i32, value: u32): void {
  assert((field & ~OFFSET) == U32);
  store<u32>(row + <usize>(field & OFFSET), value);
}

export function getF64(row: usize, field: i32): f64 {
  assert((field & ~OFFSET) == F64);
  return load<f64>(row + <usize>(field & OFFSET));
}

export function setF64(row: usize, field: i32, value: f64): void {
  assert((field & ~OFFSET) == F64);
  store<f64>(row + <usize>(field & OFFSET), value);
}
