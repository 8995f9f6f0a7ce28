import { formatTime, SystemClock } from "../apimachinery/clock.ts";
import { PEERS_PREFIX } from "../apiserver/peers.ts";
import { storeFolder } from "../cluster/open-store.ts";
import { restoreBackupInto, restoreBackupToFolder } from "../cluster/restore-backup.ts";
import { checkBackup, writeBackup } from "../store/backup-file.ts";
import { refuseStoreIn, restoreInto, restoreToFolder } from "../store/restore.ts";
import { isEmpty } from "../store/snapshot.ts";
import { carried } from "../store/source.ts";
import type { Store } from "../store/store.ts";
import { dataDirHint } from "./cluster-state.ts";
import { Failure } from "./failure.ts";
import { progressBar } from "./output/progress.ts";
import { restoring } from "./restoring.ts";
import {
  etcdOf,
  holding,
  openSource,
  type PlaceFlags,
  refuseRunning,
  requireStore,
  whereOf,
  withEtcd,
} from "./store-place.ts";

/** The flags of every `pintle store` command, as commander hands them over. */
export interface StoreFlags extends PlaceFlags {
  readonly output: string;
  readonly dryRun?: boolean;
}

function print(flags: StoreFlags, report: object, words: string): void {
  process.stdout.write(flags.output === "json" ? `${JSON.stringify(report, null, 2)}\n` : `${words}\n`);
}

/** `pintle store check FILE`: reads a whole backup. */
export async function checkFile(file: string, flags: StoreFlags): Promise<void> {
  const bar = progressBar(process.stderr, "checking");
  const facts = await checkBackup(file, bar.show).finally(bar.clear);
  const { keys, revision, engine, createdAt } = facts;
  const words = `${file} is whole: ${keys} keys of revision ${revision} of ${engine}, written ${createdAt}`;
  print(flags, { file, ...facts }, words);
}

/** `pintle store export FILE`: a backup of one revision, also while a cluster runs. */
export async function exportStore(file: string, flags: StoreFlags): Promise<void> {
  const source = await openSource(flags);
  const bar = progressBar(process.stderr, "exporting");
  try {
    const { engine, revision } = source;
    const entries = carried(source.entries, (count) => bar.show(count, source.keys));
    if (flags.dryRun) {
      let keys = 0;
      for await (const _ of entries) keys += 1;
      bar.clear();
      const words = `would export ${keys} keys of revision ${revision} of ${whereOf(flags)}`;
      print(flags, { file, engine, revision, keys, dryRun: true }, words);
      return;
    }
    const createdAt = formatTime(new SystemClock().nowMs());
    const facts = await writeBackup(file, { engine, revision, createdAt }, entries);
    bar.clear();
    const words = `exported ${facts.keys} keys of revision ${revision} to ${file} (${facts.bytes} bytes)`;
    print(flags, { file, ...facts, dryRun: false }, words);
  } finally {
    bar.clear();
    await source.close();
  }
}

/** `pintle store import FILE`: fills an empty store. */
export async function importStore(file: string, flags: StoreFlags): Promise<void> {
  const access = etcdOf(flags);
  const where = whereOf(flags);
  if (access === undefined) refuseRunning(flags.dataDir, "stop it first");
  if (flags.dryRun) {
    await requireEmpty(flags);
    const facts = await checkBackup(file);
    print(flags, { file, where, ...facts, dryRun: true }, `would import ${facts.keys} keys into ${where}`);
    return;
  }
  const options = restoring(file);
  const facts =
    access === undefined
      ? await holding(flags.dataDir, () => restoreBackupToFolder(storeFolder(flags.dataDir), options))
      : await withEtcd(access, (store) => restoreBackupInto(store, where, options));
  print(flags, { file, where, ...facts, dryRun: false }, `imported ${facts.keys} keys into ${where}`);
}

/** `pintle store migrate --to …`: from the data directory to etcd, or back. */
export async function migrateStore(flags: StoreFlags & { readonly to: "lmdb" | "etcd" }): Promise<void> {
  const { dataDir, etcdServers, to } = flags;
  const access = etcdOf(flags);
  if (access === undefined || etcdServers === undefined)
    throw new Failure("name the etcd with --etcd-servers, and the data directory with --data-dir");
  refuseRunning(dataDir, "stop it first");
  const [from, target]: PlaceFlags[] =
    to === "etcd" ? [{ dataDir }, { ...flags }] : [{ ...flags }, { dataDir }];
  if (to === "etcd") requireStore(dataDir);
  else await withEtcd(access, (store) => refuseServed(store));
  const where = whereOf(target!);
  await requireEmpty(target!);
  const source = await openSource(from!);
  const bar = progressBar(process.stderr, "migrating");
  let keys = 0;
  try {
    const entries = carried(source.entries, (count) => bar.show(count, source.keys));
    if (flags.dryRun) for await (const _ of entries) keys += 1;
    else if (to === "etcd") keys = await withEtcd(access, (store) => restoreInto(store, where, entries));
    else keys = await holding(dataDir, () => restoreToFolder(storeFolder(dataDir), entries));
  } finally {
    bar.clear();
    await source.close();
  }
  const report = {
    from: whereOf(from!),
    to: where,
    revision: source.revision,
    keys,
    dryRun: flags.dryRun === true,
  };
  const next =
    to === "etcd"
      ? `pintle up --store etcd --etcd-endpoints ${etcdServers}${dataDirHint(dataDir)}`
      : `pintle up${dataDirHint(dataDir)}`;
  const words = flags.dryRun
    ? `would migrate ${keys} keys from ${report.from} to ${where}`
    : `migrated ${keys} keys from ${report.from} to ${where}; go on with: ${next}`;
  print(flags, report, words);
}

/** Writes that come after the copy would be lost. A server that has gone without a word is known for 15 s more. */
async function refuseServed(store: Store): Promise<void> {
  const { entries } = await store.range(PEERS_PREFIX);
  if (entries.length === 0) return;
  const servers = entries.map(({ key }) => key.slice(PEERS_PREFIX.length)).join(", ");
  throw new Failure(`API servers work on this etcd: ${servers}; stop them first`);
}

async function requireEmpty(flags: PlaceFlags): Promise<void> {
  const access = etcdOf(flags);
  if (access === undefined) refuseStoreIn(storeFolder(flags.dataDir));
  else if (!(await withEtcd(access, isEmpty)))
    throw new Failure(`${whereOf(flags)} has a cluster in it already; nothing was changed`);
}
