import type { Operation, Store, TransactionResult, WatchEvent } from "../../store/store.ts";
import type { AnyObject } from "./view.ts";

/** Whoever keeps count of what objects take that no other object may have. */
export interface Allocations {
  /** What is to be written together with an object that becomes `after`; none when it takes and gives back nothing. */
  operations(before: AnyObject | undefined, after: AnyObject | undefined): Operation[];
  /** What the store says of one of those keys. */
  setStored(key: string, owner: string | undefined): void;
}

export type AllocatedWrite =
  | { readonly outcome: "written"; readonly event: WatchEvent }
  /** The object's own condition did not hold. */
  | { readonly outcome: "lost"; readonly current: Extract<TransactionResult, { ok: false }>["current"][0] }
  /** Another object has what this one was to take; the allocations know it now, and another may be chosen. */
  | { readonly outcome: "taken" };

/** Writes an object and, in the same transaction, what it takes and gives back. */
export async function writeAllocated(
  store: Store,
  allocations: Allocations,
  write: Operation,
  others: readonly Operation[],
): Promise<AllocatedWrite> {
  const result = await store.transact([write, ...others]);
  if (result.ok) {
    for (const { key, entry } of result.events)
      if (key !== write.key) allocations.setStored(key, entry && Buffer.from(entry.value).toString());
    return { outcome: "written", event: result.events.find(({ key }) => key === write.key)! };
  }
  const [current, ...rest] = result.current;
  const expected = "expectedRevision" in write ? (write.expectedRevision ?? 0) : 0;
  if ((current?.modRevision ?? 0) !== expected) return { outcome: "lost", current };
  for (const [i, { key }] of others.entries()) {
    const holder = rest[i];
    allocations.setStored(key, holder && Buffer.from(holder.value).toString());
  }
  return { outcome: "taken" };
}
