import { storeFolder } from "../cluster/open-store.ts";
import { findHolder } from "../store/directory-lock.ts";
import type { MemberState } from "../store/etcd-tools.ts";
import { checkFile } from "../store/rewrite-file.ts";
import type { Entry } from "../store/store.ts";
import { Failure } from "./failure.ts";
import { progressBar } from "./output/progress.ts";
import {
  etcdOf,
  fileBytes,
  holding,
  lmdbPath,
  openSource,
  type PlaceFlags,
  requireStore,
  whereOf,
} from "./store-place.ts";

/** What `pintle store check -o json` prints. */
export interface CheckReport {
  readonly store: "lmdb" | "etcd";
  readonly where: string;
  /** Whether a cluster works on it: then its file is read through LMDB, and pages that are not in use are not checked. */
  readonly running?: boolean;
  readonly revision: number;
  readonly keys: number;
  /** Keys whose values are no JSON objects, up to MAX_NAMED of them. */
  readonly unreadable: readonly string[];
  readonly sound: boolean;
  /** Of LMDB that is at rest. */
  readonly compactedRevision?: number;
  readonly usedBytes?: number;
  readonly fileBytes?: number;
  readonly members?: readonly MemberState[];
}

const MAX_NAMED = 10;
const REGISTRY = "/registry/";

/** `pintle store check`: reads all there is. Prints what it found; a failure when anything is wrong. */
export async function checkStore(flags: PlaceFlags, output: string): Promise<void> {
  const report = etcdOf(flags) === undefined ? await checkLmdb(flags) : await checkEtcd(flags);
  process.stdout.write(output === "json" ? `${JSON.stringify(report, null, 2)}\n` : inWords(report));
  const { where, members = [], unreadable } = report;
  const gone = members.find(({ error }) => error !== undefined);
  if (gone !== undefined) throw new Failure(`${gone.endpoint} does not answer: ${gone.error}`);
  if (unreadable.length > 0)
    throw new Failure(`${where} holds values that are no objects: ${unreadable.join(", ")}`);
}

async function checkLmdb(flags: PlaceFlags): Promise<CheckReport> {
  const { dataDir } = flags;
  requireStore(dataDir);
  const path = lmdbPath(dataDir);
  const running = findHolder(dataDir) !== undefined || findHolder(storeFolder(dataDir)) !== undefined;
  const base = { store: "lmdb", where: path, running } as const;
  if (running) return { ...base, ...(await readThrough(flags)), fileBytes: fileBytes(path) };
  return await holding(dataDir, async () => {
    // Every page and every value, and nothing written.
    const { history, usedBytes } = checkFile(path);
    const found = await readThrough(flags);
    return {
      ...base,
      ...found,
      compactedRevision: history.compactedRevision,
      usedBytes,
      fileBytes: fileBytes(path),
    };
  });
}

async function checkEtcd(flags: PlaceFlags): Promise<CheckReport> {
  const { askMembers } = await import("../store/etcd-tools.ts");
  const members = await askMembers(etcdOf(flags)!);
  const found = await readThrough(flags);
  const sound = found.sound && members.every(({ error }) => error === undefined);
  return { store: "etcd", where: whereOf(flags), ...found, sound, members };
}

async function readThrough(
  flags: PlaceFlags,
): Promise<Pick<CheckReport, "revision" | "keys" | "unreadable" | "sound">> {
  const source = await openSource(flags);
  const bar = progressBar(process.stderr, "checking");
  const unreadable: string[] = [];
  let keys = 0;
  try {
    for await (const entry of source.entries) {
      keys += 1;
      bar.show(keys, source.keys);
      if (!isObject(entry) && unreadable.length < MAX_NAMED) unreadable.push(entry.key);
    }
    return { revision: source.revision, keys, unreadable, sound: unreadable.length === 0 };
  } finally {
    bar.clear();
    await source.close();
  }
}

/** Objects lie below /registry/; what else there is, is not ours to judge. */
function isObject({ key, value }: Entry): boolean {
  if (!key.startsWith(REGISTRY)) return true;
  try {
    const object: unknown = JSON.parse(Buffer.from(value).toString());
    return typeof object === "object" && object !== null && "kind" in object;
  } catch {
    return false;
  }
}

function inWords(report: CheckReport): string {
  const { where, keys, revision, sound, running, members } = report;
  const lines = [
    `${where}: ${sound ? "sound" : "NOT SOUND"}`,
    `keys         ${keys}`,
    `revision     ${revision}`,
  ];
  if (report.compactedRevision !== undefined) lines.push(`history      from ${report.compactedRevision}`);
  if (report.usedBytes !== undefined) lines.push(`bytes        ${report.usedBytes} of ${report.fileBytes}`);
  if (running) lines.push("running      read beside the cluster: its records, not every page of the file");
  for (const { endpoint, revision: known, error } of members ?? [])
    lines.push(`member       ${endpoint} ${error ?? `at revision ${known}`}`);
  return `${lines.join("\n")}\n`;
}
