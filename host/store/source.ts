import type { BackupOrigin, KeyAndValue } from "./backup-file.ts";
import { OWN_PREFIX } from "./owner.ts";
import type { Entry } from "./store.ts";

/** A store as it stands at one revision, to be read once and closed. */
export interface StoreSource {
  readonly engine: BackupOrigin["engine"];
  readonly revision: number;
  /** About how many entries come: to show how far it is. */
  readonly keys: number;
  readonly entries: AsyncIterable<Entry>;
  close(): Promise<void>;
}

/**
 * What of a store is carried to another: the cluster's objects. What is about the store itself stays, and so does what
 * hangs on leases, which are the store's own.
 */
export async function* carried(
  entries: AsyncIterable<KeyAndValue>,
  onEntry: (count: number) => void = () => {},
): AsyncGenerator<KeyAndValue, void, void> {
  let count = 0;
  for await (const { key, value, lease } of entries) {
    count += 1;
    onEntry(count);
    if (lease === undefined && !key.startsWith(OWN_PREFIX)) yield { key, value };
  }
}
