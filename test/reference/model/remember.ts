/**
 * The same answer again for the same object: pods, nodes and cycles do not change once they are handed out. The model is slow
 * enough as it is.
 */
export function remembered<Key extends object, T>(make: (key: Key) => T): (key: Key) => T {
  const known = new WeakMap<Key, { readonly value: T }>();
  return (key) => {
    const found = known.get(key) ?? { value: make(key) };
    known.set(key, found);
    return found.value;
  };
}
