/**
 * Views over the tables of a core. A core exports an enum per row whose members are the fields; a member's value holds
 * type and byte offset (assembly/layout/field.ts). So no offset is written in TypeScript, and a field that the core does
 * not have does not compile.
 *
 *     const nodes = openTable<NodeField>(memory, exports.NodeField, address);
 *     nodes.allocatableMemory.set(slot, 8589934592);
 */
export type FieldName<Fields> = Exclude<keyof Fields & string, "bytes">;

export type TableView<Fields> = { readonly [Name in FieldName<Fields>]: FieldView };

export interface FieldView {
  get(row: number): number;
  set(row: number, value: number): void;
}

/** The types of assembly/layout/field.ts, by the number in the upper half of a field's value. */
const TYPES = [undefined, Int32Array, Uint32Array, Float64Array];

/**
 * Opens a view per field.
 *
 * @param fields   the exported enum, as the loader presents it: name -> number
 * @param address  where row 0 lies
 */
export function openTable<Fields extends { readonly bytes: number }>(
  memory: WebAssembly.Memory,
  fields: Fields,
  address: number,
): TableView<Fields> {
  const views: Record<string, FieldView> = {};
  const byName = fields as unknown as Record<string, number>;
  for (const name of Object.keys(byName)) {
    if (name !== "bytes") views[name] = openField(memory, byName[name]!, address, byName["bytes"]!);
  }
  return views as TableView<Fields>;
}

function openField(memory: WebAssembly.Memory, field: number, address: number, rowBytes: number): FieldView {
  const Type = TYPES[field >>> 16];
  if (Type === undefined) throw new Error(`the core exports a field of an unknown type: ${field}`);
  const column = new Type(memory.buffer);
  const first = (address + (field & 0xffff)) / Type.BYTES_PER_ELEMENT;
  const stride = rowBytes / Type.BYTES_PER_ELEMENT;
  return {
    get: (row) => column[first + row * stride]!,
    set: (row, value) => {
      column[first + row * stride] = value;
    },
  };
}
