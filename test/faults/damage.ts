import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Random, seededRandom } from "../../host/apimachinery/random.ts";
import { openLmdbStore, STORE_FILE } from "../../host/store/lmdb-store.ts";
import { StoreOpenError } from "../../host/store/open-error.ts";
import { checkFile } from "../../host/store/rewrite-file.ts";
import { DamagedValueError, type Entry, type Store } from "../../host/store/store.ts";

/** What a disk, or somebody, may do to the file. Block: what a disk writes at once, or LMDB's page. */
export const DAMAGES = [
  "bit",
  "bit of a transaction number",
  "cut",
  "zeroed block",
  "garbage block",
  "moved block",
  "forgotten block",
  "unfinished transaction",
] as const;
export type Damage = (typeof DAMAGES)[number];

export interface DamageRun {
  readonly seed: number;
  readonly damage: Damage;
  readonly count: number;
  readonly refused: number;
  /** It was opened, and whoever asked for a damaged value was told. */
  readonly told: number;
  readonly harmless: number;
  /** A line each: something else than a clear refusal, a clear word or an intact store. */
  readonly violations: readonly string[];
}

/** A store with keys small and large, a history, deletes, leases and freed pages; closed. */
export async function filledDir(seed: number): Promise<{ dir: string; earlier: Buffer }> {
  const random = seededRandom(seed).fork("filled");
  const dir = mkdtempSync(join(tmpdir(), "pintle-filled-"));
  const store = await openLmdbStore(dir, { history: { maxRevisions: 100 } });
  const { id: lease } = await store.grantLease(3_600_000);
  let earlier = Buffer.alloc(0);
  for (let round = 0; round < 4; round++) {
    if (round === 3) earlier = readFileSync(join(dir, STORE_FILE));
    const { entries } = await store.range("");
    const found = new Map(entries.map((entry) => [entry.key, entry.modRevision]));
    const writes = Array.from({ length: 60 }, (_, i) => {
      const key = `/registry/pods/default/pod-${i}`;
      const value = new Uint8Array(i % 7 === 0 ? 4_000 + random.below(9_000) : 50 + i).fill(round + i);
      const revision = found.get(key);
      if (revision === undefined) return store.create(key, value, i % 9 === 0 ? { lease } : {});
      return i % 5 === 0 ? store.delete(key) : store.update(key, value, revision);
    });
    await Promise.all(writes);
  }
  await store.close();
  return { dir, earlier };
}

/**
 * Damages a copy of a store over and over and opens it. Either it is refused in one line and no byte of it is touched,
 * or all that was in it is there and it works; only a value may be answered with DamagedValueError. `store check` finds
 * every damage that anybody is told of, and no other.
 *
 * @param count     how often
 * @param onDamage  told after each
 */
export async function damageRun(
  seed: number,
  damage: Damage,
  count: number,
  onDamage = () => {},
): Promise<DamageRun> {
  const { dir: original, earlier } = await filledDir(seed);
  const random = seededRandom(seed).fork(damage);
  const sound = readFileSync(join(original, STORE_FILE));
  const intact = await openLmdbStore(original);
  const expected = await picture(intact);
  await intact.close();
  const run = { refused: 0, told: 0, harmless: 0, violations: [] as string[] };
  const dir = mkdtempSync(join(tmpdir(), "pintle-damaged-"));
  const file = join(dir, STORE_FILE);
  try {
    for (let i = 0; i < count; i++) {
      cpSync(join(original, STORE_FILE), file);
      const { bytes, where } = damaged(sound, earlier, damage, random, i);
      writeFileSync(file, bytes);
      const outcome = await openAndUse(dir, expected);
      if (isExpected(outcome)) run[outcome] += 1;
      else run.violations.push(`${damage} ${i} of seed ${seed}, ${where}: ${outcome}`);
      rmSync(`${file}-lock`, { force: true });
      onDamage();
    }
  } finally {
    rmSync(original, { recursive: true, force: true });
    rmSync(dir, { recursive: true, force: true });
  }
  return { seed, damage, count, ...run };
}

type Outcome = "refused" | "told" | "harmless";

function isExpected(outcome: string): outcome is Outcome {
  return outcome === "refused" || outcome === "told" || outcome === "harmless";
}

/** @returns what is expected, or what is wrong */
async function openAndUse(dir: string, expected: string): Promise<string> {
  const before = contents(dir);
  const isSound = passesCheck(dir);
  if (contents(dir) !== before) return "it was checked, and the files changed";
  const store = await openLmdbStore(dir).catch((error: unknown) => error);
  if (store instanceof Error || store === undefined) {
    if (!(store instanceof StoreOpenError) || store.message.includes("\n")) return `it failed with ${store}`;
    if (isSound) return "it was refused, and the check found nothing";
    return contents(dir) === before ? "refused" : "it was refused, and the files changed";
  }
  const opened = store as Store;
  const seen = await picture(opened);
  if (!agrees(seen, expected)) return "it was opened and holds something else";
  const outcome = seen === expected ? "harmless" : "told";
  if (isSound !== (outcome === "harmless"))
    return `${outcome}, and the check found ${isSound ? "nothing" : "something"}`;
  const live = await entriesOf(opened, opened.revision);
  const keys = Array.from({ length: 10 }, (_, i) => i);
  await Promise.all(keys.map((i) => opened.create(`/new/${i}`, new Uint8Array(i * 1_000))));
  const compacted = await opened.compact(opened.revision).then(
    () => "",
    (error: Error) => error.message,
  );
  await opened.close();
  // A record is not removed when it cannot be looked at first.
  if (compacted !== "" && (outcome === "harmless" || !compacted.includes(" is damaged: "))) return compacted;
  const again = await openLmdbStore(dir);
  const found = await entriesOf(again, again.revision);
  await again.close();
  return agrees(found.filter((line) => !line.startsWith("/new/")).join("\n"), live.join("\n")) &&
    found.length === live.length + 10
    ? outcome
    : `it took 10 writes, and then held something else`;
}

function passesCheck(dir: string): boolean {
  try {
    checkFile(join(dir, STORE_FILE));
    return true;
  } catch (error) {
    if (error instanceof StoreOpenError) return false;
    throw error;
  }
}

/** The same, but for values that somebody was told are damaged. */
function agrees(seen: string, expected: string): boolean {
  const lines = expected.split("\n");
  const others = seen.split("\n");
  return (
    lines.length === others.length &&
    others.every((line, i) => line === lines[i] || agreesInPart(line.split(" "), lines[i]!.split(" ")))
  );
}

function agreesInPart(words: readonly string[], expected: readonly string[]): boolean {
  return (
    words.length === expected.length && words.every((word, i) => word === DAMAGED || word === expected[i])
  );
}

/** Where the meta pages have the numbers of their transactions. */
const META_TRANSACTIONS: readonly number[] = [152, 4_096 + 152];
/** From there to the number of the main tree's root. */
const META_ROOT_OFFSET = -16;

function transactionAt(file: Buffer, position: number): number {
  return Number(file.readBigUInt64LE(position));
}

function damaged(
  sound: Buffer,
  earlier: Buffer,
  damage: Damage,
  random: Random,
  turn: number,
): { bytes: Buffer; where: string } {
  const bytes = Buffer.from(sound);
  const size = [512, 4_096][random.below(2)]!;
  let at = random.below(Math.floor(sound.length / size)) * size;
  switch (damage) {
    case "bit": {
      // Every fourth hits the two meta pages' headers, the rest anything.
      const byte =
        turn % 4 === 0 ? (turn % 8 === 0 ? 0 : 4_096) + random.below(168) : random.below(sound.length);
      bytes[byte]! ^= 1 << random.below(8);
      return { bytes, where: `byte ${byte}` };
    }
    // It says which of the two meta pages is the newer: one wrong bit of either, and the last writes may be gone.
    case "bit of a transaction number": {
      const byte = META_TRANSACTIONS[turn % 2]! + random.below(2);
      bytes[byte]! ^= 1 << random.below(8);
      return { bytes, where: `byte ${byte}` };
    }
    case "cut": {
      const end = random.below(sound.length);
      return { bytes: bytes.subarray(0, end), where: `cut at byte ${end}` };
    }
    case "zeroed block":
      bytes.fill(0, at, at + size);
      break;
    case "garbage block":
      for (let i = at; i < at + size; i++) bytes[i] = random.below(256);
      break;
    case "moved block": {
      const from = random.below(Math.floor(sound.length / size)) * size;
      sound.copy(bytes, at, from, from + size);
      break;
    }
    // A write that the disk acknowledged and never carried out: the block is as it was some transactions ago. (Of a meta
    // page that is a crash before the commit, and nobody can tell the one from the other.)
    case "forgotten block":
      at = Math.max(at, 2 * 4_096);
      if (at < earlier.length) earlier.copy(bytes, at, at, at + size);
      else bytes.fill(0, at, at + size);
      break;
    // A crash, and no damage: the next transaction has begun to write to pages that only the older meta page leads to.
    case "unfinished transaction": {
      const [newer, older] = META_TRANSACTIONS.toSorted(
        (a, b) => transactionAt(sound, b) - transactionAt(sound, a),
      );
      const root = Number(sound.readBigUInt64LE(older! + META_ROOT_OFFSET));
      for (let i = 24; i < 4_096; i++) bytes[root * 4_096 + i] = random.below(256);
      bytes.writeBigUInt64LE(BigInt(transactionAt(sound, newer!) + 1), root * 4_096 + 8);
      return { bytes, where: `page ${root}` };
    }
    default:
      damage satisfies never;
  }
  return { bytes, where: `${size} bytes at ${at}` };
}

const DAMAGED = "damaged";

/** The store as text: what a client can see of it, a word for each value. */
export async function picture(store: Store): Promise<string> {
  const lines = [`${store.revision} ${store.compactedRevision}`];
  for (const revision of [store.compactedRevision, store.revision])
    lines.push(...(await entriesOf(store, revision)));
  const watch = store.watch("", store.compactedRevision, {
    onEvents: (events) => {
      for (const { type, revision, entry, previous } of events)
        lines.push(`${revision} ${type} ${inWords(entry)} ${inWords(previous)}`);
    },
  });
  await new Promise((resolve) => setImmediate(resolve));
  watch.cancel();
  return lines.join("\n");
}

async function entriesOf(store: Store, revision: number): Promise<string[]> {
  return (await store.range("", { revision })).entries.map(inWords);
}

function inWords(entry: Entry | undefined): string {
  if (entry === undefined) return "nothing";
  const { key, modRevision, createRevision, lease } = entry;
  return `${key}@${modRevision} ${createRevision} ${lease ?? "-"} ${valueInWords(entry)}`;
}

function valueInWords(entry: Entry): string {
  try {
    return `=${Buffer.from(entry.value).toString("hex")}`;
  } catch (error) {
    if (error instanceof DamagedValueError) return DAMAGED;
    throw error;
  }
}

/** Every file but LMDB's own lock file, which is made anew with each opening. */
export function contents(dir: string): string {
  const names = readdirSync(dir).filter((name) => name !== `${STORE_FILE}-lock`);
  return names.map((name) => `${name} ${readFileSync(join(dir, name), "base64")}`).join("\n");
}
