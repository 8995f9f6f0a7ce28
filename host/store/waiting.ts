import type { Commit } from "./history.ts";
import type { LeaseChange } from "./journal.ts";
import type { StoreUnavailableError } from "./store.ts";

/** Bytes of writes that may wait for the journal; at the bound a write is refused with StoreUnavailableError. */
export const MAX_WAITING_BYTES = 256 * 1024 * 1024;
/** What a waiting write costs beside its key and value. */
export const WRITE_OVERHEAD_BYTES = 256;

/** What a batch takes in: a commit, leases, both, or nothing but somebody who waits for the batch. */
export interface Change {
  readonly commit?: Commit | undefined;
  readonly leaseChanges?: readonly LeaseChange[] | undefined;
}

/** A change on its way to the journal. */
export interface WaitingChange extends Change {
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (reason: StoreUnavailableError) => void;
}
