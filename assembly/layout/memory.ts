/**
 * How a core lays its tables out: a descriptor at a fixed address says where each starts and how many rows each dimension
 * has; the tables follow, 64-byte aligned, and the memory is grown for them once. Below the descriptor is what the debug build
 * keeps for itself: the names of the files that assert something.
 */
export const DESCRIPTOR: usize = 16384;
export const FIRST_TABLE: usize = 17408;

const PAGE: usize = 65536;
/** Wasm has 4 GiB; the last page is left out, so that an end fits in 32 bits. */
const MEMORY_MAX: f64 = 4294901760.0;

/** Where the table after one of so many bytes starts; -1: beyond what memory can be. As f64, since bytes may exceed 32 bits. */
export function tableEnd(start: f64, bytes: f64): f64 {
  const end = Math.ceil((start + bytes) / 64.0) * 64.0;
  return end > MEMORY_MAX ? -1.0 : end;
}

/** Grows the memory to hold everything below `end`; new memory is zero. False: the host has no more. */
export function growTo(end: f64): bool {
  assert(__heap_base <= DESCRIPTOR);
  const pages = <i32>((<usize>end + PAGE - 1) / PAGE) - memory.size();
  return pages <= 0 || memory.grow(pages) >= 0;
}
