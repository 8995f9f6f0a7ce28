import type { Random } from "../../host/apimachinery/random.ts";
import {
  CompactedError,
  type Entry,
  FutureRevisionError,
  LeaseNotFoundError,
  type Operation,
  StoreUnavailableError,
} from "../../host/store/store.ts";
import type { RecordedStore } from "./recorded-store.ts";

/**
 * Many clients at once on few keys, so that they meet: writers, readers and watchers, each on one of the stores in turn.
 * What they do comes from the seed; how it interleaves is up to the store.
 */
export interface Workload {
  readonly stores: readonly RecordedStore[];
  readonly random: Random;
  readonly writers: number;
  readonly readers: number;
  readonly watchers: number;
  /** How many operations each writer and each reader carries out; absent: until `isOver`. */
  readonly operations?: number;
  readonly isOver?: () => boolean;
  /** Awaited after an operation that failed, and now and then otherwise. */
  readonly pause: () => Promise<void>;
  /** Writers hang some keys on leases of this time. */
  readonly leaseMs?: number;
  /** A client compacts now and then, up to a revision that it may choose: others must not lose what they follow. */
  readonly compactsTo?: () => number;
}

const PREFIXES = ["/a/", "/ab/", "/b/"];
const KEYS_PER_PREFIX = 6;

/** Runs to the end, and then lets every watcher have what is outstanding. */
export async function runWorkload(workload: Workload): Promise<void> {
  const { stores, random, writers, readers, watchers } = workload;
  const storeOf = (index: number) => stores[index % stores.length]!;
  const witnesses = stores.map(
    (store, i) => new FollowingWatcher(store, "", random.fork(`witness${i}`), false, workload.pause),
  );
  const followers = Array.from(
    { length: watchers },
    (_, i) =>
      new FollowingWatcher(
        storeOf(i),
        pick(random, ["", ...PREFIXES]),
        random.fork(`watcher${i}`),
        true,
        workload.pause,
      ),
  );
  const all = [...witnesses, ...followers];
  for (const watcher of all) watcher.begin();
  for (const watcher of all) await watcher.settle();
  let working = writers + readers;
  const client = async (name: string, index: number, step: (client: Client) => Promise<void>) => {
    const state: Client = {
      name,
      store: storeOf(index),
      random: random.fork(name),
      workload,
      count: 0,
      leases: [],
    };
    try {
      for (let i = 0; i < (workload.operations ?? Number.POSITIVE_INFINITY); i++) {
        if (workload.isOver?.() === true) break;
        if (!(await tolerated(() => step(state)))) await workload.pause();
        else if (step === readSome || state.random.below(20) === 0) await workload.pause();
      }
    } finally {
      working -= 1;
    }
  };
  const compactor = async () => {
    while (working > 0) {
      await workload.pause();
      const { store } = pick(random, stores);
      const revision = workload.compactsTo?.() ?? 0;
      if (revision > store.compactedRevision) await tolerated(() => store.compact(revision));
    }
  };
  await Promise.all([
    ...Array.from({ length: writers }, (_, i) => client(`p${i}`, i, writeSome)),
    ...Array.from({ length: readers }, (_, i) => client(`q${i}`, i, readSome)),
    ...(workload.compactsTo === undefined ? [] : [compactor()]),
  ]);
  await settle(stores, all, workload.pause);
}

/** Reads each store once more, waits until all have the same, and says so of their watchers. */
async function settle(
  stores: readonly RecordedStore[],
  watchers: readonly FollowingWatcher[],
  pause: () => Promise<void>,
): Promise<void> {
  let newest = 0;
  for (const store of stores)
    while (
      !(await tolerated(async () => {
        newest = Math.max(newest, (await store.range("")).revision);
      }))
    )
      await pause();
  for (const { store } of stores) while (store.revision < newest) await pause();
  for (const watcher of watchers) await watcher.settle();
}

interface Client {
  readonly name: string;
  readonly store: RecordedStore;
  readonly random: Random;
  readonly workload: Workload;
  count: number;
  leases: string[];
}

async function writeSome(client: Client): Promise<void> {
  const { store, random } = client;
  const names = new Set([someKey(random)]);
  if (random.below(6) === 0) for (let i = 1 + random.below(3); i > 0; i--) names.add(someKey(random));
  const operations: Operation[] = [];
  for (const key of names) operations.push(await someOperation(client, key, await store.get(key)));
  await store.write(operations);
}

/** Mostly what fits what is there, sometimes what does not. */
async function someOperation(client: Client, key: string, current: Entry | undefined): Promise<Operation> {
  const { random } = client;
  const roll = random.below(100);
  const modified = current?.modRevision ?? 0;
  const expectedRevision = random.below(12) === 0 ? Math.max(1, modified - 1) : modified;
  if (roll < 10) return { type: "check", key, expectedRevision: modified };
  if (roll < 30) return { type: "delete", key, ...(roll < 20 ? { expectedRevision } : {}) };
  const value = someValue(client);
  const lease = await someLease(client);
  const put = { key, value, ...(lease === undefined ? {} : { lease }) };
  if (current === undefined || roll < 35) return { type: "create", ...put };
  return { type: "update", ...put, expectedRevision };
}

/** No two writes have the same value, so that a value tells who wrote it. Some are larger than a page. */
function someValue(client: Client): Uint8Array {
  client.count += 1;
  const padding = client.random.below(12) === 0 ? 9_000 : client.random.below(40);
  return Buffer.from(`${client.store.name}.${client.name}.${client.count}${"x".repeat(padding)}`);
}

async function someLease(client: Client): Promise<string | undefined> {
  const { random, leases, store, workload } = client;
  if (workload.leaseMs === undefined || random.below(4) > 0) return undefined;
  const known = leases.length === 0 ? undefined : pick(random, leases);
  const roll = random.below(10);
  if (known !== undefined && roll === 0) await store.store.revokeLease(known);
  else if (known !== undefined && roll < 4) await store.store.keepLeaseAlive(known);
  if (known !== undefined && roll < 8) return known;
  const { id } = await store.store.grantLease(workload.leaseMs);
  leases.push(id);
  if (leases.length > MAX_LEASES) leases.shift();
  return id;
}

const MAX_LEASES = 4;

async function readSome({ store, random }: Client): Promise<void> {
  const oldest = Math.max(1, store.store.compactedRevision);
  const past = oldest + random.below(store.store.revision - oldest + 1);
  const options = random.below(2) === 0 ? {} : { revision: past };
  if (random.below(2) === 0) {
    await store.get(someKey(random), options);
    return;
  }
  const page = random.below(2) === 0 ? {} : { limit: 1 + random.below(4), after: someKey(random) };
  await store.range(pick(random, ["", "/a", ...PREFIXES]), { ...options, ...page });
}

function someKey(random: Random): string {
  return `${pick(random, PREFIXES)}${random.below(KEYS_PER_PREFIX)}`;
}

/**
 * Follows a prefix as a reflector does: from the revision it has, again after an end, from a new list when that is
 * compacted. A wanderer also breaks off and resumes now and then, and asks how far it is.
 */
class FollowingWatcher {
  readonly #store: RecordedStore;
  readonly #prefix: string;
  readonly #random: Random;
  readonly #wanders: boolean;
  #watch: { readonly id: string; requestProgress(): void; cancel(): void } | undefined;
  #position: number;
  readonly #pause: () => Promise<void>;
  #listing: Promise<void> = Promise.resolve();

  constructor(
    store: RecordedStore,
    prefix: string,
    random: Random,
    wanders: boolean,
    pause: () => Promise<void>,
  ) {
    this.#pause = pause;
    this.#store = store;
    this.#prefix = prefix;
    this.#random = random;
    this.#wanders = wanders;
    this.#position = wanders ? store.store.revision : store.store.compactedRevision;
  }

  begin(): void {
    try {
      this.#watch = this.#store.watch(this.#prefix, this.#position, {
        onEvents: (events) => {
          this.#position = events.at(-1)!.revision;
          if (this.#wanders) this.#wander();
        },
        onProgress: (revision) => {
          this.#position = Math.max(this.#position, revision);
        },
        onEnd: (reason) => {
          this.#watch = undefined;
          if (reason instanceof CompactedError) this.#listing = this.#listAgain();
        },
      });
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error;
      this.#listing = this.#listAgain();
    }
  }

  async settle(): Promise<void> {
    await this.#listing;
    const { revision } = this.#store.store;
    // What is published is delivered in the microtasks that follow.
    await this.#pause();
    if (this.#watch !== undefined) this.#store.settled(this.#watch.id, revision);
  }

  #wander(): void {
    const roll = this.#random.below(10);
    if (roll < 3) this.#watch?.requestProgress();
    if (roll > 0) return;
    this.#watch?.cancel();
    this.begin();
  }

  /** Asks until it is answered: the store may be out of reach for a while. */
  async #listAgain(): Promise<void> {
    let revision: number | undefined;
    while (revision === undefined)
      if (
        !(await tolerated(async () => {
          revision = (await this.#store.range(this.#prefix)).revision;
        }))
      )
        await this.#pause();
    this.#position = revision;
    this.begin();
  }
}

/** @returns whether it succeeded; what a client has to reckon with is no failure of the test */
async function tolerated(action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    const isExpected = [StoreUnavailableError, CompactedError, FutureRevisionError, LeaseNotFoundError].some(
      (kind) => error instanceof kind,
    );
    if (!isExpected) throw error;
    return false;
  }
}

export function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[random.below(items.length)]!;
}
