import { type BackupFacts, checkBackup, entriesOfBackup } from "../store/backup-file.ts";
import { refuseStoreIn, restoreInto, restoreToFolder } from "../store/restore.ts";
import { carried } from "../store/source.ts";
import type { Store } from "../store/store.ts";

export interface RestoreOptions {
  /** A file that `pintle store export` wrote. */
  readonly file: string;
  /** Told of what has been done of how much: first in bytes that were checked, then in keys. */
  readonly onProgress?: (what: "checking" | "restoring", done: number, total: number) => void;
}

/** Restores a backup to an LMDB folder that has no store; nothing is written before the whole file has been checked. */
export async function restoreBackupToFolder(dir: string, options: RestoreOptions): Promise<BackupFacts> {
  refuseStoreIn(dir);
  const facts = await check(options);
  await restoreToFolder(dir, entries(options, facts));
  return facts;
}

/** Restores a backup into an open store with nothing of a cluster in it. */
export async function restoreBackupInto(
  store: Store,
  where: string,
  options: RestoreOptions,
): Promise<BackupFacts> {
  const facts = await check(options);
  await restoreInto(store, where, entries(options, facts));
  return facts;
}

function check({ file, onProgress }: RestoreOptions): Promise<BackupFacts> {
  return checkBackup(file, (done, total) => onProgress?.("checking", done, total));
}

function entries({ file, onProgress }: RestoreOptions, facts: BackupFacts) {
  return carried(entriesOfBackup(file, facts), (count) => onProgress?.("restoring", count, facts.keys));
}
