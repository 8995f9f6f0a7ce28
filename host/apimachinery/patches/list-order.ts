import { isObject } from "../copy.ts";

/** How merged lists are ordered (k8s.io/apimachinery/pkg/util/strategicpatch, normalizeElementOrder). */
type Identity = (item: unknown) => unknown;

function identityBy(mergeKey: string | undefined): Identity {
  return (item) => (mergeKey !== undefined && isObject(item) ? item[mergeKey] : item);
}

/**
 * Brings a merged list into order: what the patch names in the patch's order, what only the server has in the server's;
 * the two are woven together so that a server's item stands before the first patched one that it preceded.
 *
 *   order [c, a], server [a, x, b, c], merged [a, x, b, c]  ->  x b c a
 *   order [b],    server [a],          merged [a, b]        ->  b a: what is new goes before what was there
 */
export function inOrder(
  merged: readonly unknown[],
  order: readonly unknown[],
  server: readonly unknown[],
  mergeKey: string | undefined,
): unknown[] {
  const identity = identityBy(mergeKey);
  const orderPlaces = places(order, identity);
  const serverPlaces = places(server, identity);
  const placeIn = (where: ReadonlyMap<unknown, number>, item: unknown) => where.get(identity(item)) ?? -1;
  const named = merged.filter((item) => placeIn(orderPlaces, item) >= 0);
  const serverOnly = merged.filter((item) => placeIn(orderPlaces, item) < 0);
  named.sort((a, b) => placeIn(orderPlaces, a) - placeIn(orderPlaces, b));
  serverOnly.sort((a, b) => placeIn(serverPlaces, a) - placeIn(serverPlaces, b));
  const woven: unknown[] = [];
  let next = 0;
  for (const item of serverOnly) {
    const own = placeIn(serverPlaces, item);
    while (next < named.length) {
      const other = placeIn(serverPlaces, named[next]);
      if (own >= 0 && other >= 0 && own < other) break;
      woven.push(named[next++]);
    }
    woven.push(item);
  }
  return [...woven, ...named.slice(next)];
}

/** The first place of each item. */
function places(list: readonly unknown[], identity: Identity): Map<unknown, number> {
  const found = new Map<unknown, number>();
  list.forEach((item, place) => {
    if (!found.has(identity(item))) found.set(identity(item), place);
  });
  return found;
}

/** Lists of plain values are sets: the patch adds what is missing. */
export function mergePrimitives(original: readonly unknown[], patch: readonly unknown[]): unknown[] {
  return inOrder([...new Set([...original, ...patch])], patch, original, undefined);
}

export function deleteItems(original: readonly unknown[], unwanted: readonly unknown[]): unknown[] {
  const gone = new Set(unwanted);
  return original.filter((item) => !gone.has(item));
}

/** The first place of each element, by its merge key. */
export function placesByKey(list: readonly unknown[], mergeKey: string): Map<unknown, number> {
  return places(list, identityBy(mergeKey));
}
