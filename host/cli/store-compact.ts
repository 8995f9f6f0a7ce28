import { storeFolder } from "../cluster/open-store.ts";
import { compactFolder } from "../store/compact-folder.ts";
import type { EtcdAccess } from "../store/etcd-access.ts";
import { checkFile } from "../store/rewrite-file.ts";
import {
  etcdOf,
  fileBytes,
  holding,
  lmdbPath,
  openSource,
  type PlaceFlags,
  refuseRunning,
  requireStore,
  whereOf,
} from "./store-place.ts";

/** What `pintle store compact -o json` prints. */
interface CompactReport {
  readonly where: string;
  /** The newest revision: what was before it is forgotten. */
  readonly revision: number;
  readonly dryRun: boolean;
  /** Of LMDB. */
  readonly bytesBefore?: number;
  readonly bytesAfter?: number;
}

/** `pintle store compact`: forgets history. The file of LMDB is written anew, which needs the cluster to be down. */
export async function compactStore(flags: PlaceFlags, output: string, dryRun: boolean): Promise<void> {
  const access = etcdOf(flags);
  const report =
    access === undefined
      ? await compactLmdb(flags.dataDir, dryRun)
      : await compactEtcd(flags, access, dryRun);
  process.stdout.write(output === "json" ? `${JSON.stringify(report, null, 2)}\n` : `${inWords(report)}\n`);
}

async function compactLmdb(dataDir: string, dryRun: boolean): Promise<CompactReport> {
  requireStore(dataDir);
  refuseRunning(dataDir, "it forgets history by itself; to give the file's room back, stop it first");
  const where = lmdbPath(dataDir);
  return await holding(dataDir, async () => {
    if (!dryRun) return { where, dryRun, ...(await compactFolder(storeFolder(dataDir))) };
    const { history } = checkFile(where);
    return { where, revision: history.newestRevision, bytesBefore: fileBytes(where), dryRun };
  });
}

async function compactEtcd(flags: PlaceFlags, access: EtcdAccess, dryRun: boolean): Promise<CompactReport> {
  const source = await openSource(flags);
  const { revision } = source;
  await source.close();
  if (!dryRun) {
    const tools = await import("../store/etcd-tools.ts");
    await tools.compactEtcd(access, revision);
  }
  return { where: whereOf(flags), revision, dryRun };
}

function inWords({ where, revision, dryRun, bytesBefore, bytesAfter }: CompactReport): string {
  const size = bytesBefore === undefined ? "" : `, ${bytesBefore} bytes`;
  if (dryRun) return `would compact ${where} at revision ${revision}${size}`;
  return `compacted ${where} at revision ${revision}${size}${bytesAfter === undefined ? "" : `, now ${bytesAfter}`}`;
}
