import { expect, test } from "vitest";
import type { V1Service, V1ServicePort } from "../../api/generated/types.ts";
import { Namespace, Service } from "../../api/registry.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/log.ts";
import { seededRandom } from "../../apimachinery/random.ts";
import type { Client } from "../../client/client.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import type { Store } from "../../store/store.ts";
import { createApiCore } from "../core.ts";
import { ALLOCATIONS_PREFIX } from "./allocation-keys.ts";

/** An API server on a store; two of one seed draw the same numbers. */
async function server(store: Store, seed = 1): Promise<Client> {
  const core = await createApiCore({
    store,
    clock: new VirtualClock(),
    random: seededRandom(seed),
    log: silentLogger,
  });
  return core.client("tester");
}

function service(name: string, ...ports: Partial<V1ServicePort>[]): V1Service {
  const numbered = ports.map((port, i) => ({ name: `p${i}`, port: 80 + i, ...port }));
  return { metadata: { name, namespace: "default" }, spec: { type: "NodePort", ports: numbered } };
}

/** `a 10.96.0.9 30001 30002` */
function holding({ metadata, spec }: V1Service): string {
  return [metadata?.name, spec?.clusterIP, ...(spec?.ports ?? []).map(({ nodePort }) => nodePort)].join(" ");
}

/** What the store says, as `30001 uid`. */
async function stored(store: Store): Promise<string[]> {
  const { entries } = await store.range(ALLOCATIONS_PREFIX);
  return entries.map(({ key, value }) => `${key.split("/").at(-1)} ${Buffer.from(value).toString()}`);
}

/** Each number has the one owner that the Services themselves name. */
async function assertSound(store: Store, client: Client): Promise<void> {
  const { items } = await client.list(Service);
  const named = items.flatMap(({ metadata, spec }) =>
    [spec?.clusterIP, ...(spec?.ports ?? []).map(({ nodePort }) => nodePort)]
      .filter((one) => one !== undefined && one !== "None")
      .map((one) => `${one} ${metadata?.uid}`),
  );
  expect((await stored(store)).toSorted()).toEqual(named.toSorted());
  expect(new Set(named.map((words) => words.split(" ")[0])).size).toBe(named.length);
}

async function outcomes(writes: Promise<V1Service>[]): Promise<string[]> {
  const settled = await Promise.allSettled(writes);
  return settled.map((one) => (one.status === "fulfilled" ? holding(one.value) : String(one.reason)));
}

test("of two API servers that are asked for the same number at once, one gives it and the other refuses", async () => {
  const store = createMemoryStore();
  const [one, two] = [await server(store), await server(store, 2)];
  const [first, second] = await outcomes([
    one.create(Service, service("a", { nodePort: 30080 })),
    two.create(Service, service("b", { nodePort: 30080 })),
  ]);
  expect(first).toMatch(/^a 10\.\d+\.\d+\.\d+ 30080$/);
  expect(second).toBe(
    'ApiError: Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
  );
  await assertSound(store, one);
});

test("those that draw the same number at once draw again", async () => {
  const store = createMemoryStore();
  const servers = [await server(store, 5), await server(store, 5), await server(store, 5)];
  const names = Array.from({ length: 30 }, (_, i) => `s${i}`);
  const written = await outcomes(names.map((name, i) => servers[i % 3]!.create(Service, service(name, {}))));
  expect(written.filter((words) => words.startsWith("ApiError"))).toEqual([]);
  await assertSound(store, servers[0]!);
});

test("two updates of one Service that name the same new port at once leave it taken", async () => {
  const store = createMemoryStore();
  const client = await server(store);
  const made = await client.create(Service, service("a", {}));
  const changes = [1, 2, 3].map((turn) => ({
    metadata: { annotations: { turn: String(turn) } },
    spec: { ports: [{ port: 80, name: "p0", nodePort: 30100 }] },
  }));
  const patched = changes.map((body) =>
    client.patch(Service, made.metadata as never, { type: "merge", body }),
  );
  expect(await outcomes(patched)).toEqual(Array(3).fill(`a ${made.spec?.clusterIP} 30100`));
  await assertSound(store, client);
  await expect(client.create(Service, service("b", { nodePort: 30100 }))).rejects.toThrow(
    /already allocated/,
  );
  // The port it had before is free again.
  const nodePort = made.spec?.ports?.[0]?.nodePort;
  expect(holding(await client.create(Service, service("c", { nodePort })))).toMatch(
    new RegExp(` ${nodePort}$`),
  );
});

test("what one API server frees the other gives out", async () => {
  const store = createMemoryStore();
  const [one, two] = [await server(store), await server(store, 2)];
  const made = await one.create(Service, service("a", { nodePort: 30200 }, { nodePort: 30201 }));
  await two.patch(Service, made.metadata as never, {
    type: "json",
    body: [{ op: "remove", path: "/spec/ports/1" }],
  });
  await one.create(Service, service("b", { nodePort: 30201 }));
  await two.delete(Service, { namespace: "default", name: "a" });
  const again = service("c", { nodePort: 30200 });
  again.spec!.clusterIP = made.spec?.clusterIP;
  expect(holding(await one.create(Service, again))).toBe(`c ${made.spec?.clusterIP} 30200`);
  await assertSound(store, one);
});

test("a dry run and a refused write leave nothing behind", async () => {
  const store = createMemoryStore();
  const client = await server(store);
  const before = await stored(store);
  await client.create(Service, service("a", { nodePort: 30300 }), { dryRun: true });
  await expect(client.create(Service, service("a", { nodePort: 30300 }, { nodePort: 1 }))).rejects.toThrow();
  expect(await stored(store)).toEqual(before);
  await client.create(Service, service("b", { nodePort: 30300 }));
  await expect(client.create(Service, service("b", { nodePort: 30301 }))).rejects.toThrow(/already exists/);
  await client.create(Service, service("c", { nodePort: 30301 }));
  const ports = Array.from({ length: 130 }, () => ({}));
  await expect(client.create(Service, service("d", ...ports))).rejects.toThrow(
    "spec.ports: Too many: 131: must have at most 120 items",
  );
  await assertSound(store, client);
});

test("keys that are missing or without a Service are put right at the start", async () => {
  const store = createMemoryStore();
  const client = await server(store);
  await client.create(Service, service("a", { nodePort: 30400 }));
  const good = await stored(store);
  for (const { key } of (await store.range(ALLOCATIONS_PREFIX)).entries) await store.delete(key);
  await store.create(`${ALLOCATIONS_PREFIX}node-ports/30500`, Buffer.from("gone"));
  await store.create(`${ALLOCATIONS_PREFIX}other/1`, Buffer.from("gone"));
  const next = await server(store, 2);
  expect(await stored(store)).toEqual(good);
  await expect(next.create(Service, service("b", { nodePort: 30400 }))).rejects.toThrow(/already allocated/);
  await next.create(Service, service("c", { nodePort: 30500 }));
  await assertSound(store, next);
});

test("a Service that goes with its last finalizer gives back what it held", async () => {
  const store = createMemoryStore();
  const client = await server(store);
  const held = service("a", { nodePort: 30600 });
  held.metadata!.finalizers = ["example.com/hold"];
  const made = await client.create(Service, held);
  await client.delete(Service, { namespace: "default", name: "a" });
  await expect(client.create(Service, service("b", { nodePort: 30600 }))).rejects.toThrow(
    /already allocated/,
  );
  const body = { metadata: { finalizers: null } };
  await client.patch(Service, made.metadata as never, { type: "merge", body });
  await client.create(Service, service("b", { nodePort: 30600 }));
  await assertSound(store, client);
  expect((await client.list(Namespace)).items.length).toBe(4);
});
