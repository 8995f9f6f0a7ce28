import { afterEach, describe, expect, test } from "vitest";
import { openEtcdStore } from "../../host/store/etcd-store.ts";
import { StoreOpenError } from "../../host/store/open-error.ts";
import { CompactedError, type Store, StoreUnavailableError } from "../../host/store/store.ts";
import { apply, bytes, inKeys, inWords, recorder, settledAt } from "../../host/store/store-shorthand.ts";
import { EtcdProcess, freePort, hasEtcd } from "./etcd-process.ts";

const stores: Store[] = [];
const etcds: EtcdProcess[] = [];

async function startEtcd(): Promise<EtcdProcess> {
  const etcd = await EtcdProcess.start();
  etcds.push(etcd);
  return etcd;
}

async function openStore(...endpoints: string[]): Promise<Store> {
  const store = await openEtcdStore(endpoints);
  stores.push(store);
  return store;
}

function unavailable(error: unknown): undefined {
  if (!(error instanceof StoreUnavailableError)) throw error;
}

/** Until the store answers again after an etcd came back. */
async function applied(store: Store, write: string): Promise<string> {
  for (;;) {
    try {
      return await apply(store, write);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
    }
  }
}

afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
  await Promise.all(etcds.splice(0).map((etcd) => etcd.remove()));
});

describe.runIf(hasEtcd())("the store in etcd", { timeout: 60_000 }, () => {
  test("two processes on one etcd are one store: what one has acknowledged the other reads and watches", async () => {
    const { endpoint } = await startEtcd();
    const [one, two] = [await openStore(endpoint), await openStore(endpoint)];
    const watcher = recorder();
    two.watch("", 1, watcher);
    for (let i = 0; i < 50; i++) {
      const { modRevision } = (await (i % 2 === 0 ? two : one).get("a")) ?? { modRevision: 0 };
      expect(modRevision).toBe(i === 0 ? 0 : i + 1);
      const write = i === 0 ? "create a 0" : `update a@${modRevision} ${i}`;
      await apply(i % 2 === 0 ? one : two, write);
    }
    await settledAt(two, 51);
    expect(watcher.events.length).toBe(50);
    // Both race for the same revision: one of them wins.
    const results = await Promise.all([one, two].map((store) => apply(store, "update a@51 x")));
    expect(results.filter((result) => result.startsWith("no"))).toEqual(["no: a=x created 2 modified 52"]);
  });

  test("writes side by side take each a revision of their own", async () => {
    const store = await openStore((await startEtcd()).endpoint);
    const watcher = recorder();
    store.watch("", 1, watcher);
    const writes = Array.from({ length: 500 }, (_, i) => apply(store, `create k${i} ${i}`));
    const revisions = (await Promise.all(writes)).map((words) => Number(words.split(" ").at(-1)));
    expect(revisions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, i) => i + 2));
    expect(watcher.events.map((words) => Number(words.split(" ")[0]))).toEqual(
      Array.from({ length: 500 }, (_, i) => i + 2),
    );
  });

  test("a store goes on where it was when etcd was killed and comes back; watches miss nothing", async () => {
    const etcd = await startEtcd();
    const store = await openStore(etcd.endpoint);
    const watcher = recorder();
    store.watch("", 1, watcher);
    await apply(store, "create a 1");
    await etcd.kill();
    await expect(apply(store, "create b 1")).rejects.toThrow(StoreUnavailableError);
    await expect(store.get("a")).rejects.toThrow(StoreUnavailableError);
    await etcd.restart();
    // The one that was refused never left.
    expect(await applied(store, "create b 2")).toBe("b=2 created 3 modified 3");
    expect(inKeys(await store.range(""))).toBe("a b");
    expect(watcher).toMatchObject({ events: ["2 put a=1", "3 put b=2"], ends: [] });
  });

  test("an endpoint that does not answer gives way to the next", async () => {
    const { endpoint } = await startEtcd();
    const store = await openStore(`http://127.0.0.1:${await freePort()}`, endpoint);
    expect(await apply(store, "create a 1")).toBe("a=1 created 2 modified 2");
    expect(await store.keepLeaseAlive((await store.grantLease(5_000)).id)).toMatchObject({ ttlMs: 5_000 });
  });

  test("of three members any one may be killed or stand still: nothing acknowledged is lost", async () => {
    const members = await EtcdProcess.startCluster(3);
    etcds.push(...members);
    const endpoints = members.map(({ endpoint }) => endpoint);
    const store = await openEtcdStore(endpoints, { callLimitMs: 1_000 });
    stores.push(store);
    const watcher = recorder();
    store.watch("", store.revision, watcher);
    const acknowledged: string[] = [];
    let isOver = false;
    const writer = async (name: string) => {
      for (let i = 0; !isOver; i++) {
        const key = `${name}-${String(i).padStart(6, "0")}`;
        // One that failed may have been carried out all the same: it is neither counted nor tried again.
        const result = await store.create(key, bytes(key)).catch(unavailable);
        if (result?.ok === true) acknowledged.push(key);
      }
    };
    const writers = ["w", "x", "y", "z"].map(writer);
    const moreThan = async (count: number) => {
      while (acknowledged.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    for (const member of members) {
      await moreThan(acknowledged.length + 100);
      await member.kill();
      await moreThan(acknowledged.length + 100);
      await member.restart();
    }
    for (const member of members) {
      member.pause();
      await moreThan(acknowledged.length + 100);
      member.resume();
    }
    isOver = true;
    await Promise.all(writers);
    const far = await openStore(...endpoints.toReversed());
    const keys = (await far.range("")).entries.map(({ key }) => key);
    expect(acknowledged.filter((key) => !keys.includes(key))).toEqual([]);
    await settledAt(store, far.revision);
    expect(watcher.ends).toEqual([]);
    // All that is there was told, once and in order.
    const told = watcher.events.map((words) => Number(words.split(" ")[0]));
    expect(told).toEqual(Array.from({ length: keys.length }, (_, i) => far.revision - keys.length + i + 1));
  });

  test("opens with the history that etcd retains", async () => {
    const etcd = await startEtcd();
    for (const value of ["1", "2", "3"]) etcd.ctl("put", "/registry/a", value);
    etcd.ctl("compact", "3");
    const store = await openStore(etcd.endpoint);
    const watcher = recorder();
    store.watch("/registry/", 3, watcher);
    expect(() => store.watch("/registry/", 2, watcher)).toThrow(CompactedError);
    etcd.ctl("del", "/registry/a");
    await settledAt(store, 5);
    expect(watcher.events).toEqual(["4 put /registry/a=3 was 2@3", "5 delete /registry/a was 3@4"]);
  });

  test("what happened while it was away and is compacted since ends its watches, and only that", async () => {
    const etcd = await startEtcd();
    const store = await openStore(etcd.endpoint);
    await apply(store, "create a 1");
    const watcher = recorder();
    store.watch("", 2, watcher);
    const gate = await etcd.gate();
    const far = await openStore(gate.endpoint);
    const cut = recorder();
    far.watch("", 2, cut);
    await gate.close();
    for (const write of ["create b 1", "delete a", "create c 1"]) await apply(store, write);
    await store.compact(5);
    await gate.open();
    await settledAt(far, 5);
    expect(cut.events).toEqual([]);
    expect(cut.ends).toEqual([expect.stringContaining("has been compacted")]);
    expect(inKeys(await far.range(""))).toBe("b c");
    expect(() => far.watch("", 4, recorder())).toThrow(CompactedError);
    expect(await apply(far, "create d 1")).toBe("d=1 created 6 modified 6");
    await settledAt(store, 6);
    expect([watcher.events.length, watcher.ends]).toEqual([4, []]);
  });

  test("an etcd that lost its data is not taken for the one that was known", async () => {
    const etcd = await startEtcd();
    const store = await openStore(etcd.endpoint);
    for (const write of ["create a 1", "create b 1"]) await apply(store, write);
    const watcher = recorder();
    store.watch("", store.revision, watcher);
    await etcd.loseData();
    const says =
      "etcd cannot be followed: it is at revision 1 and was at 3: its data was lost or an older backup";
    let refused: unknown;
    for (let tries = 0; tries < 50 && !String(refused).includes(says); tries++)
      refused = await store.get("a").then(() => "answered", String);
    expect(refused).toContain(says);
    expect(watcher.ends).toEqual([expect.stringContaining(says)]);
  });

  test("what Kubernetes wrote in protobuf is refused, whenever it comes", async () => {
    const etcd = await startEtcd();
    const store = await openStore(etcd.endpoint);
    const watcher = recorder();
    store.watch("", 1, watcher);
    const other = await openStore(etcd.endpoint);
    await other.create("/registry/pods/default/a", bytes("k8s\0 ...")).catch(() => {});
    const says = "/registry/pods/default/a in etcd was written by Kubernetes in protobuf";
    await expect(store.get("a")).rejects.toThrow(says);
    expect(watcher.ends).toEqual([expect.stringContaining(says)]);
    await expect(openStore(etcd.endpoint)).rejects.toThrow(says);
  });

  test("no etcd, and an endpoint that is none, are said in one line", async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const refused = await openEtcdStore([endpoint]).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StoreOpenError);
    expect(String(refused)).toMatch(
      /^StoreOpenError: etcd at http:\/\/127\.0\.0\.1:\d+ cannot be used: [^\n]+$/,
    );
    await expect(openEtcdStore(["ftp://127.0.0.1:1"])).rejects.toThrow(
      "only http://HOST:PORT and https://HOST:PORT are understood",
    );
  });

  test("keys lie as they are", async () => {
    const etcd = await startEtcd();
    const store = await openStore(etcd.endpoint);
    await store.create("/registry/pods/default/a", bytes('{"kind":"Pod"}'));
    expect(etcd.ctl("get", "--prefix", "/registry/").trim()).toBe('/registry/pods/default/a\n{"kind":"Pod"}');
    etcd.ctl("put", "/registry/pods/default/a", "{}");
    expect(inWords(await store.get("/registry/pods/default/a"))).toBe(
      "/registry/pods/default/a={} created 2 modified 3",
    );
  });
});
