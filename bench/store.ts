import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { open } from "lmdb";
import { EtcdConnection } from "../host/store/etcd-connection.ts";
import { txnRpc } from "../host/store/etcd-protocol.ts";
import { openEtcdStore } from "../host/store/etcd-store.ts";
import { openLmdbStore } from "../host/store/lmdb-store.ts";
import { createMemoryStore } from "../host/store/memory-store.ts";
import type { Store } from "../host/store/store.ts";
import { startProgram } from "./measuring/process-tree.ts";
import { startEtcd } from "./peers/etcd.ts";
import { podKey } from "./stores/keys.ts";
import type { MemoryReport } from "./stores/memory.ts";
import type { Case, Measurement, Scale, Suite } from "./suite.ts";

/** The store by itself: values of 3 KiB (a pod) under keys as Kubernetes' in etcd. `durable` means fsynced. */
const POD = Buffer.alloc(3_072, "x");
const RUN_MS = 2_000;

type EngineName = "memory" | "lmdb" | "etcd";

const ENGINES: readonly EngineName[] = ["memory", "lmdb", "etcd"];

/** @param use  is given the data directory of LMDB, the endpoint of etcd */
async function withStore<Result>(
  engine: EngineName,
  use: (store: Store, place: string) => Promise<Result>,
): Promise<Result> {
  if (engine === "etcd") return await withEtcdStore(use);
  const dir = mkdtempSync(join(tmpdir(), "pintle-bench-"));
  const store = engine === "memory" ? createMemoryStore() : await openLmdbStore(dir);
  try {
    return await use(store, dir);
  } finally {
    await store.close();
    rmSync(dir, { recursive: true });
  }
}

async function withEtcdStore<Result>(
  use: (store: Store, endpoint: string) => Promise<Result>,
): Promise<Result> {
  const etcd = await startEtcd();
  if (etcd === undefined) throw new Error("etcd did not start: Debian has it in etcd-server");
  try {
    const store = await openEtcdStore([etcd.endpoint]);
    try {
      return await use(store, etcd.endpoint);
    } finally {
      await store.close();
    }
  } finally {
    await etcd.stop();
  }
}

async function fill(store: Store, pods: number): Promise<void> {
  for (let first = 0; first < pods; first += 1_000) {
    const count = Math.min(1_000, pods - first);
    await Promise.all(Array.from({ length: count }, (_, i) => store.create(podKey(first + i), POD)));
  }
}

/** Writes of new keys, `inFlight` of them at any time, for two seconds. */
function put(inFlight: number): Case {
  const measure = async (engine: EngineName): Promise<Measurement> =>
    withStore(engine, async (store, place) => {
      const value = await putsPerSecond(inFlight, (key) => store.create(key, POD));
      const peer =
        engine === "memory"
          ? undefined
          : engine === "lmdb"
            ? { name: "bare lmdb", value: await bareLmdb(inFlight) }
            : { name: "bare etcd", value: await bareEtcd(inFlight, place) };
      return { params: { engine, durable: engine === "memory" ? "no" : "yes" }, unit: "puts/s", value, peer };
    });
  return { name: `put-${inFlight}`, run: () => eachEngine(measure) };
}

async function putsPerSecond(inFlight: number, put: (key: string) => Promise<unknown>): Promise<number> {
  let puts = 0;
  const start = performance.now();
  const writer = async () => {
    while (performance.now() - start < RUN_MS) await put(podKey(puts++));
  };
  await Promise.all(Array.from({ length: inFlight }, writer));
  return (puts / (performance.now() - start)) * 1_000;
}

/** The same puts, with the same client, straight into etcd: no mirror, no watch. */
async function bareEtcd(inFlight: number, endpoint: string): Promise<number> {
  const etcd = new EtcdConnection({ endpoints: [endpoint] });
  try {
    return await putsPerSecond(inFlight, (name) => {
      const put = { key: Buffer.from(`bare${name}`), value: POD, lease: "0", prev_kv: true } as const;
      return etcd.write(txnRpc, { compare: [], success: [{ request_put: put }], failure: [] });
    });
  } finally {
    etcd.close();
  }
}

/** The same puts straight into npm lmdb: no revisions, no comparison, no watch, nothing in memory. */
async function bareLmdb(inFlight: number): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), "pintle-bench-"));
  const database = open({
    path: join(dir, "bare.mdb"),
    encoding: "binary",
    overlappingSync: false,
    mapSize: 2 ** 33,
  });
  let puts = 0;
  const start = performance.now();
  while (performance.now() - start < RUN_MS) {
    await Promise.all(Array.from({ length: inFlight }, () => database.put(podKey(puts++), POD)));
  }
  const value = (puts / (performance.now() - start)) * 1_000;
  await database.close();
  rmSync(dir, { recursive: true });
  return value;
}

async function eachEngine(
  measure: (engine: EngineName) => Promise<Measurement>,
): Promise<readonly Measurement[]> {
  const measurements: Measurement[] = [];
  for (const engine of ENGINES) measurements.push(await measure(engine));
  return measurements;
}

/** Entries with their values. */
async function range10k(engine: EngineName): Promise<Measurement> {
  return withStore(engine, async (store) => {
    await fill(store, 10_000);
    const times: number[] = [];
    let bytes = 0;
    for (let i = 0; i < 100; i++) {
      const start = performance.now();
      const { entries } = await store.range("/registry/pods/");
      for (const { value } of entries) bytes += value.length;
      times.push(performance.now() - start);
    }
    if (bytes !== 100 * 10_000 * POD.length) throw new Error(`the ranges had ${bytes} bytes`);
    times.sort((a, b) => a - b);
    return { params: { engine, p99Ms: Number(times[98]!.toFixed(3)) }, unit: "ms", value: times[49]! };
  });
}

/** Deliveries to 1,000 watchers of one prefix while 64 writers write. */
async function watch1k(engine: EngineName): Promise<Measurement> {
  return withStore(engine, async (store) => {
    let deliveries = 0;
    for (let i = 0; i < 1_000; i++)
      store.watch("/registry/pods/", store.revision, {
        onEvents: (events) => {
          for (const _ of events) deliveries += 1;
        },
      });
    let puts = 0;
    const start = performance.now();
    const writer = async () => {
      while (performance.now() - start < RUN_MS) await store.create(podKey(puts++), POD);
    };
    await Promise.all(Array.from({ length: 64 }, writer));
    return {
      params: { engine, watchers: 1_000 },
      unit: "events/s",
      value: (deliveries / (performance.now() - start)) * 1_000,
    };
  });
}

/**
 * A process that had filled a store was killed: from the call to the first value, the file being in the page cache.
 * `--pods` keys, 100,000 unless given. `cpuMs` is steadier than the time on a machine that does other things.
 */
async function recovery(valueBytes: number, { pods = 100_000 }: Scale): Promise<Measurement> {
  const filler = await startProgram(
    (folder) => [resolve(import.meta.dirname, "stores/fill.js"), folder, `${pods}`, `${valueBytes}`],
    (_, output) => output.includes("filled"),
  );
  try {
    process.kill(filler.pid, "SIGKILL");
    await delay(100);
    const start = performance.now();
    const cpu = process.cpuUsage();
    const store = await openLmdbStore(filler.folder);
    const { entries } = await store.range("/registry/pods/", { limit: 1 });
    const readBytes = entries[0]!.value.length;
    const value = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    const { keys } = store.metrics();
    await store.close();
    const params = {
      engine: "lmdb",
      pods: keys,
      valueBytes: readBytes,
      cpuMs: Math.round((user + system) / 1_000),
    };
    return { params, unit: "ms", value };
  } finally {
    await filler.stop();
  }
}

/**
 * Leases that all run out, a thousandth of them with a key: how late the latest of those keys was deleted. `--pods` of
 * them, 1,000,000 unless given. (Etcd, which ends 1,000 a second, is left out.)
 */
async function leases(engine: "memory" | "lmdb", { pods: count = 1_000_000 }: Scale): Promise<Measurement> {
  return withStore(engine, async (store) => {
    const ttlMs = 20_000;
    const dueMs = new Map<string, number>();
    let latestMs = 0;
    let allEnded = () => {};
    const ended = new Promise<void>((resolve) => {
      allEnded = resolve;
    });
    store.watch("/registry/leases/", 1, {
      onEvents: (events) => {
        for (const { type, key } of events) {
          if (type === "put") continue;
          latestMs = Math.max(latestMs, performance.now() - dueMs.get(key)!);
          dueMs.delete(key);
        }
        if (dueMs.size === 0) allEnded();
      },
    });
    const start = performance.now();
    for (let first = 0; first < count; first += 1_000) {
      const grants = Array.from({ length: Math.min(1_000, count - first) }, () => store.grantLease(ttlMs));
      const [lease] = await Promise.all(grants);
      const key = `/registry/leases/${first}`;
      dueMs.set(key, performance.now() + ttlMs);
      await store.create(key, POD, { lease: lease!.id });
    }
    const grantsPerSecond = Math.round((count / (performance.now() - start)) * 1_000);
    await ended;
    return { params: { engine, leases: count, grantsPerSecond }, unit: "ms", value: latestMs };
  });
}

/** What a stored pod takes up, beside the JSON that is stored of it; `--pods`, 50,000 unless given. */
async function bytesPerPod(
  engine: "memory" | "lmdb",
  through: "store" | "apiserver",
  { pods = 50_000 }: Scale,
): Promise<Measurement> {
  const script = resolve(import.meta.dirname, "stores/memory.js");
  const args = ["--expose-gc", script, engine, through, `${pods}`];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { jsonBytes, residentBytes, usedBytes } = JSON.parse(stdout) as MemoryReport;
  return {
    params: { engine, through, pods, usedBytes },
    unit: "bytes",
    value: residentBytes,
    peer: { name: "its JSON", value: jsonBytes },
  };
}

export const suite: Suite = {
  cases: [
    put(1),
    put(32),
    put(64),
    { name: "range-10k", run: () => eachEngine(range10k) },
    { name: "watch-1k", run: () => eachEngine(watch1k) },
    { name: "recovery", run: async (scale) => [await recovery(200, scale), await recovery(3_072, scale)] },
    {
      name: "lease-1m",
      run: async (scale) => [await leases("memory", scale), await leases("lmdb", scale)],
    },
    {
      name: "bytes-per-pod",
      run: async (scale) => [
        await bytesPerPod("memory", "store", scale),
        await bytesPerPod("lmdb", "store", scale),
        await bytesPerPod("memory", "apiserver", scale),
        await bytesPerPod("lmdb", "apiserver", scale),
      ],
    },
  ],
};
