import { afterEach, describe, expect, test } from "vitest";
import { ConfigMap } from "../../host/api/registry.ts";
import { SystemClock } from "../../host/apimachinery/clock.ts";
import { ApiError } from "../../host/apimachinery/errors.ts";
import { silentLogger } from "../../host/apimachinery/log.ts";
import { seededRandom } from "../../host/apimachinery/random.ts";
import { createApiCore } from "../../host/apiserver/core.ts";
import type { Client, ListOptions } from "../../host/client/client.ts";
import { openEtcdStore } from "../../host/store/etcd-store.ts";
import { createMemoryStore } from "../../host/store/memory-store.ts";
import { type Store, StoreUnavailableError } from "../../host/store/store.ts";
import { EtcdProcess, hasEtcd } from "./etcd-process.ts";

/**
 * The API server's reads on every kind of store: what each form of resourceVersion means (api-wire 10, 11), and, where
 * several processes write, that a read without one shows all that anybody was acknowledged before it.
 */
interface Cluster {
  readonly store: Store;
  readonly client: Client;
}

const clusters: { stop(): void; readonly store: Store }[] = [];
const etcds: EtcdProcess[] = [];

async function cluster(store: Store): Promise<Cluster> {
  const clock = new SystemClock();
  const core = await createApiCore({ store, clock, random: seededRandom(7), log: silentLogger });
  clusters.push({ stop: core.stop, store });
  return { store, client: core.client("test") };
}

async function startEtcd(): Promise<EtcdProcess> {
  const etcd = await EtcdProcess.start();
  etcds.push(etcd);
  return etcd;
}

afterEach(async () => {
  for (const { stop, store } of clusters.splice(0)) {
    stop();
    await store.close();
  }
  await Promise.all(etcds.splice(0).map((etcd) => etcd.remove()));
});

const engines: { engine: string; open: () => Promise<Store> }[] = [
  { engine: "memory", open: async () => createMemoryStore() },
  ...(hasEtcd()
    ? [{ engine: "etcd", open: async () => await openEtcdStore([(await startEtcd()).endpoint]) }]
    : []),
];

const put = (client: Client, name: string, value = "1") =>
  client.create(ConfigMap, { metadata: { name, namespace: "default" }, data: { value } });

/** `a b @r3 more` or the refusal; revisions are shown as the number of the write that got them. */
async function listed(client: Client, revisions: readonly string[], options: ListOptions): Promise<string> {
  try {
    const { items, metadata } = await client.list(ConfigMap, { namespace: "default", ...options });
    const at = revisions.indexOf(metadata.resourceVersion ?? "");
    const names = items.map((item) => item.metadata?.name);
    return [...names, `@r${at}`, ...(metadata.continue ? [`${metadata.remainingItemCount} more`] : [])].join(
      " ",
    );
  } catch (error) {
    if (error instanceof ApiError) return `${error.code} ${error.reason}`;
    throw error;
  }
}

describe.each(engines)("resourceVersion on $engine", { timeout: 60_000 }, ({ open }) => {
  test("of a list", async () => {
    const { client, store } = await cluster(await open());
    // r1: a, r2: a b, r3: a b c, r4: b c
    const revisions = ["0"];
    for (const name of ["a", "b", "c"])
      revisions.push((await put(client, name)).metadata?.resourceVersion ?? "");
    await client.delete(ConfigMap, { namespace: "default", name: "a" });
    revisions.push(String(store.revision));
    const [, r1 = "", r2 = "", r3 = "", r4 = ""] = revisions;
    const newest = "b c @r4";
    const rows: [string, ListOptions, string][] = [
      ["newest", {}, newest],
      ["any state", { resourceVersion: "0" }, newest],
      ["any state has no pages", { resourceVersion: "0", limit: 1 }, newest],
      ["empty is unset", { resourceVersion: "" }, newest],
      ["not older than", { resourceVersion: r2 }, newest],
      ["not older than, said", { resourceVersion: r4, resourceVersionMatch: "NotOlderThan" }, newest],
      ["exact", { resourceVersion: r1, resourceVersionMatch: "Exact" }, "a @r1"],
      ["exact, in pages", { resourceVersion: r3, resourceVersionMatch: "Exact", limit: 2 }, "a b @r3 1 more"],
      ["pages of the newest", { limit: 1 }, "b @r4 1 more"],
      ["pages not older than", { limit: 1, resourceVersion: r1 }, "b @r4 1 more"],
    ];
    for (const [name, options, wants] of rows)
      expect([name, await listed(client, revisions, options)]).toEqual([name, wants]);
    // The second page is of the first one's revision, whatever has changed since.
    const first = await client.list(ConfigMap, { namespace: "default", limit: 1 });
    await put(client, "d");
    expect(await listed(client, revisions, { limit: 5, continue: first.metadata.continue })).toBe("c @r4");
    await store.compact(store.revision);
    const wants = ["410 Expired", "410 Expired", "b c d @r5"];
    revisions.push(String(store.revision));
    const after = [
      { continue: first.metadata.continue },
      { resourceVersion: r4, resourceVersionMatch: "Exact" as const },
      { resourceVersion: r1 },
    ];
    for (const [index, options] of after.entries())
      expect(await listed(client, revisions, options)).toBe(wants[index]);
    // The refusal carries a token with which the rest can be had, of another revision.
    const refused: unknown = await client
      .list(ConfigMap, { namespace: "default", continue: first.metadata.continue })
      .catch((error: unknown) => error);
    const goOn = (refused as ApiError).status.metadata["continue"];
    expect(await listed(client, revisions, { continue: String(goOn) })).toBe("c d @r5");
  });

  test("that nobody was given yet is waited for, and then refused", async () => {
    const { client, store } = await cluster(await open());
    const future = { resourceVersion: String(store.revision + 1) };
    const waiting = listed(client, [], { ...future });
    await put(client, "a");
    expect(await waiting).toBe("a @r-1");
    const far = String(store.revision + 1000);
    const refused: unknown = await client
      .list(ConfigMap, { namespace: "default", resourceVersion: far })
      .catch((error: unknown) => error);
    expect((refused as ApiError).status).toMatchObject({
      code: 504,
      reason: "Timeout",
      message: `Timeout: Too large resource version: ${far}, current: ${store.revision}`,
      details: {
        causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
        retryAfterSeconds: 1,
      },
    });
  });

  test("of a watch", async () => {
    const { client, store } = await cluster(await open());
    await put(client, "a");
    const r1 = String(store.revision);
    await put(client, "b");
    await put(client, "c");
    const told = new Map<string, string[]>();
    const follow = (name: string, resourceVersion: string | undefined) => {
      const events: string[] = [];
      told.set(name, events);
      const options = { namespace: "default", ...(resourceVersion === undefined ? {} : { resourceVersion }) };
      client.watch(ConfigMap, options, {
        onEvent: (type, object) => void events.push(`${type} ${object.metadata?.name}`),
        onEnd: (error) => void events.push(`END ${String(error)}`),
      });
    };
    follow("unset", undefined);
    follow("any", "0");
    follow("after r1", r1);
    follow("in the future", String(store.revision + 1));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await put(client, "d");
    await put(client, "e");
    await new Promise((resolve) => setTimeout(resolve, 50));
    const state = ["ADDED a", "ADDED b", "ADDED c"];
    const news = ["ADDED d", "ADDED e"];
    expect(Object.fromEntries(told)).toEqual({
      unset: [...state, ...news],
      any: [...state, ...news],
      "after r1": ["ADDED b", "ADDED c", ...news],
      "in the future": ["ADDED e"],
    });
    await store.compact(store.revision);
    follow("compacted", r1);
    expect(told.get("compacted")).toEqual([
      expect.stringMatching(new RegExp(`^END ApiError: too old resource version: ${r1} \\(\\d+\\)$`)),
    ]);
  });
});

/** Writes counters and, before each read, notes what was acknowledged: the read must show it, or something newer. */
class Counters {
  readonly acknowledged = new Map<string, number>();
  isOver = false;
  reads = 0;

  async count(store: Store, name: string): Promise<void> {
    const key = `/registry/configmaps/default/${name}`;
    const value = (n: number) =>
      Buffer.from(
        JSON.stringify({
          kind: "ConfigMap",
          apiVersion: "v1",
          metadata: { name, namespace: "default" },
          data: { n },
        }),
      );
    const created = await store.create(key, value(0));
    let revision = created.ok ? created.entry.modRevision : 0;
    for (let n = 1; !this.isOver; n++) {
      await new Promise((resolve) => setImmediate(resolve));
      const written = await store.update(key, value(n), revision).catch(whenUnavailable);
      const now = written?.ok ? written.entry : ((await store.get(key).catch(whenUnavailable)) ?? undefined);
      if (now === undefined) continue;
      revision = now.modRevision;
      if (written?.ok) this.acknowledged.set(name, n);
    }
  }

  async read(client: Client, how: "get" | "list"): Promise<void> {
    while (!this.isOver) {
      await new Promise((resolve) => setImmediate(resolve));
      const atLeast = new Map(this.acknowledged);
      const names = [...atLeast.keys()];
      const items =
        how === "list"
          ? (await client.list(ConfigMap, { namespace: "default" }).catch(whenUnavailable))?.items
          : await Promise.all(
              names.map((name) => client.get(ConfigMap, { namespace: "default", name })),
            ).catch(whenUnavailable);
      if (items === undefined) continue;
      const seen = new Map(items.map(({ metadata, data }) => [metadata?.name ?? "", Number(data?.["n"])]));
      for (const [name, n] of atLeast)
        if (!((seen.get(name) ?? -1) >= n))
          throw new Error(`${how} shows ${seen.get(name)} of ${name}, not ${n}`);
      this.reads += 1;
    }
  }
}

function whenUnavailable(error: unknown): undefined {
  if (error instanceof StoreUnavailableError) return undefined;
  throw error;
}

describe.runIf(hasEtcd())("reads beside other processes on one etcd", { timeout: 60_000 }, () => {
  async function race(
    writers: readonly Store[],
    client: Client,
    meanwhile: () => Promise<void>,
  ): Promise<void> {
    const counters = new Counters();
    const work = [
      ...writers.map((store, i) => counters.count(store, `w${i}`)),
      counters.read(client, "get"),
      counters.read(client, "list"),
    ];
    const failed = Promise.all(work);
    await Promise.race([failed, meanwhile()]);
    counters.isOver = true;
    await failed;
    expect(counters.reads).toBeGreaterThan(20);
    for (const count of counters.acknowledged.values()) expect(count).toBeGreaterThan(20);
  }

  const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

  test("what they and etcdctl were acknowledged is seen, also while etcd is compacted and the way is slow", async () => {
    const etcd = await startEtcd();
    const gate = await etcd.gate();
    const near = await openEtcdStore([etcd.endpoint]);
    const { client, store } = await cluster(await openEtcdStore([gate.endpoint], { callLimitMs: 1_000 }));
    clusters.push({ stop: () => {}, store: near });
    await race([near, near], client, async () => {
      for (let i = 0; i < 6; i++) {
        const name = `ctl-${i}`;
        const object = { kind: "ConfigMap", apiVersion: "v1", metadata: { name, namespace: "default" } };
        etcd.ctl("put", `/registry/configmaps/default/${name}`, JSON.stringify(object));
        const read = await client.get(ConfigMap, { namespace: "default", name });
        expect(read.metadata?.name).toBe(name);
        await near.compact(near.revision - 1);
        await pause(100);
      }
      await gate.close();
      await pause(100);
      await gate.open();
      await pause(300);
    });
    expect(store.revision).toBe(near.revision);
  });

  test("of three members one is killed, one stands still, and each read shows what was acknowledged", async () => {
    const members = await EtcdProcess.startCluster(3);
    etcds.push(...members);
    const endpoints = members.map(({ endpoint }) => endpoint);
    const options = { callLimitMs: 500 };
    const writer = await openEtcdStore(endpoints.toReversed(), options);
    clusters.push({ stop: () => {}, store: writer });
    const { client } = await cluster(await openEtcdStore(endpoints, options));
    await race([writer, writer], client, async () => {
      await pause(300);
      await members[0]!.kill();
      await pause(1_500);
      await members[0]!.restart();
      members[1]!.pause();
      await pause(1_500);
      members[1]!.resume();
      await pause(500);
    });
  });
});
