/** What is wrong with a value, told without knowing which document it stands in; `decodeObject` adds that. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

/** How Go's decoder calls a JSON value. */
export function jsonKind(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}
