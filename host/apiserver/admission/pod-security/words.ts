/** `container "c"`, `containers "a", "b"` */
export function quoted(what: string, names: readonly string[]): string {
  const all = names.map((name) => JSON.stringify(name)).join(", ");
  return `${names.length > 1 ? `${what}s` : what} ${all}`;
}

/** `type "x"`, `types "x", "y"`: each value once, sorted. */
export function quotedFields(what: string, values: readonly string[]): string {
  return quoted(what, [...new Set(values)].sort());
}
