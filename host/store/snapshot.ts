import type { KeyAndValue } from "./backup-file.ts";
import { countOf, type KeyTree, slice } from "./key-tree.ts";
import { OWN_PREFIX } from "./owner.ts";
import type { Entry, Operation, Store } from "./store.ts";
import { MAX_OPERATIONS, StoreUnavailableError } from "./store.ts";

/** Entries that are handed on at a time; the tree itself never changes. */
const STRIDE = 1_000;

/** The entries of a tree, one after the other. */
export async function* entriesOf(tree: KeyTree): AsyncGenerator<Entry> {
  for (let from = 0; from < countOf(tree); from += STRIDE) yield* slice(tree, from, from + STRIDE);
}

/**
 * Fills an empty store with the entries of a snapshot, of this engine or another. They are written anew: keys and values
 * are as they were, revisions are the new store's own (clients that know later ones are told so and list again), and
 * leases stay behind with what hung on them.
 *
 * @returns how many entries were written
 */
export async function restoreSnapshot(store: Store, entries: AsyncIterable<KeyAndValue>): Promise<number> {
  if (!(await isEmpty(store)))
    throw new StoreUnavailableError("a snapshot is restored to an empty store only, and this one has keys");
  let written = 0;
  let batch: Operation[] = [];
  const write = async () => {
    const result = await store.transact(batch);
    if (!result.ok) throw new StoreUnavailableError("somebody else writes to the store while it is restored");
    written += batch.length;
    batch = [];
  };
  for await (const { key, value, lease } of entries) {
    if (lease !== undefined) continue;
    batch.push({ type: "create", key, value });
    if (batch.length === MAX_OPERATIONS) await write();
  }
  if (batch.length > 0) await write();
  return written;
}

/** Whether there is nothing of a cluster in a store; what it says of itself does not count. */
export async function isEmpty(store: Store): Promise<boolean> {
  const { entries } = await store.range("", { limit: 1 });
  if (entries.length === 0 || !entries[0]!.key.startsWith(OWN_PREFIX)) return entries.length === 0;
  return (await store.range("", { after: `${OWN_PREFIX}\u{10ffff}`, limit: 1 })).entries.length === 0;
}
