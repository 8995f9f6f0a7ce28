import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Random, seededRandom } from "../../host/apimachinery/random.ts";
import { openLmdbStore, STORE_FILE } from "../../host/store/lmdb-store.ts";
import { StoreOpenError } from "../../host/store/open-error.ts";
import type { Store } from "../../host/store/store.ts";

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
  readonly harmless: number;
  /** A line each: something else than a clear refusal or an intact store. */
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
 * or all that was in it is there and it works.
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
  const run = { refused: 0, harmless: 0, violations: [] as string[] };
  const dir = mkdtempSync(join(tmpdir(), "pintle-damaged-"));
  const file = join(dir, STORE_FILE);
  try {
    for (let i = 0; i < count; i++) {
      cpSync(join(original, STORE_FILE), file);
      const { bytes, where } = damaged(sound, earlier, damage, random, i);
      writeFileSync(file, bytes);
      const outcome = await openAndUse(dir, expected);
      if (outcome === "refused" || outcome === "harmless") run[outcome] += 1;
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

/** @returns "refused", "harmless", or what is wrong */
async function openAndUse(dir: string, expected: string): Promise<string> {
  const before = contents(dir);
  const store = await openLmdbStore(dir).catch((error: unknown) => error);
  if (store instanceof Error || store === undefined) {
    if (!(store instanceof StoreOpenError) || store.message.includes("\n")) return `it failed with ${store}`;
    return contents(dir) === before ? "refused" : "it was refused, and the files changed";
  }
  const opened = store as Store;
  if ((await picture(opened)) !== expected) return "it was opened and holds something else";
  const keys = Array.from({ length: 10 }, (_, i) => i);
  await Promise.all(keys.map((i) => opened.create(`/new/${i}`, new Uint8Array(i * 1_000))));
  await opened.compact(opened.revision);
  await opened.close();
  const again = await openLmdbStore(dir);
  const found = (await again.range("/new/")).entries.length;
  await again.close();
  return found === 10 ? "harmless" : `it took 10 writes and has ${found} of them`;
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

/** The store as text: what a client can see of it. */
export async function picture(store: Store): Promise<string> {
  const pages: string[] = [];
  for (const revision of [store.compactedRevision, store.revision]) {
    const { entries } = await store.range("", { revision });
    pages.push(
      ...entries.map(
        ({ key, modRevision, lease, value }) =>
          `${key}@${modRevision} ${lease ?? ""} ${Buffer.from(value).toString("hex")}`,
      ),
    );
  }
  return [store.revision, store.compactedRevision, ...pages].join("\n");
}

/** Every file but LMDB's own lock file, which is made anew with each opening. */
export function contents(dir: string): string {
  const names = readdirSync(dir).filter((name) => name !== `${STORE_FILE}-lock`);
  return names.map((name) => `${name} ${readFileSync(join(dir, name), "base64")}`).join("\n");
}
