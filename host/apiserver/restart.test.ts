import { describe, expect, test } from "vitest";
import { ConfigMap, Event, EventsV1Event, Namespace, Service } from "../api/registry.ts";
import { VirtualClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/log.ts";
import { seededRandom } from "../apimachinery/random.ts";
import type { Client } from "../client/client.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import type { Store } from "../store/store.ts";
import { createApiCore } from "./core.ts";

const HOUR_MS = 3_600_000;

const start = (store: Store, clock: VirtualClock, seed = 7) =>
  createApiCore({ store, clock, random: seededRandom(seed), log: silentLogger });

const service = (name: string, spec: object) => ({
  metadata: { name, namespace: "default" },
  spec: { ports: [{ port: 80 }], ...spec },
});

const create = (client: Client, name: string, spec: object) =>
  client.create(Service, service(name, spec)).then(
    ({ spec: made }) => `${made?.clusterIP} ${made?.ports?.[0]?.nodePort ?? "-"}`,
    (error: Error) => error.message,
  );

describe("a second run on the same store", () => {
  test("knows which addresses and ports are taken", async () => {
    const clock = new VirtualClock();
    const store = createMemoryStore({ clock });
    const first = await start(store, clock);
    const spec = { type: "NodePort", clusterIP: "10.96.5.5", ports: [{ port: 80, nodePort: 30100 }] };
    expect(await create(first.client("a"), "web", spec)).toBe("10.96.5.5 30100");
    const second = await start(store, clock);
    expect(await create(second.client("a"), "other", spec)).toBe(
      'Service "other" is invalid: [spec.clusterIPs: Invalid value: ["10.96.5.5"]: failed to allocate IP 10.96.5.5: ' +
        "provided IP is already allocated, spec.ports[0].nodePort: Invalid value: 30100: provided port is already allocated]",
    );
    await second.client("a").delete(Service, { namespace: "default", name: "web" });
    expect(await create(second.client("a"), "other", spec)).toBe("10.96.5.5 30100");
  });

  test("changes nothing that is there", async () => {
    const clock = new VirtualClock();
    const store = createMemoryStore({ clock });
    const first = await start(store, clock);
    await first.client("a").delete(Namespace, { name: "kube-node-lease" });
    const { revision } = store;
    await start(store, clock);
    expect(store.revision).toBe(revision);
  });

  test("with the same seed draws the same names and uids", async () => {
    const run = async () => {
      const clock = new VirtualClock();
      const { client } = await start(createMemoryStore({ clock }), clock);
      const made = await client("a").create(ConfigMap, {
        metadata: { generateName: "a-", namespace: "default" },
      });
      return [made.metadata?.name, made.metadata?.uid];
    };
    expect(await run()).toEqual(await run());
  });
});

describe("events", () => {
  test("go an hour after they last happened", async () => {
    const clock = new VirtualClock();
    const core = await start(createMemoryStore({ clock }), clock);
    const client = core.client("a");
    const event = (name: string) => ({
      metadata: { name, namespace: "default" },
      involvedObject: { kind: "Pod", name: "p", namespace: "default" },
      reason: "Testing",
      type: "Normal",
      lastTimestamp: new Date(clock.nowMs()).toISOString().replace(/\.\d+Z/, "Z"),
    });
    await client.create(Event, event("old"));
    await clock.advance(HOUR_MS / 2);
    await client.create(Event, event("new"));
    const names = async () => (await client.list(Event)).items.map((one) => one.metadata?.name);
    await clock.advance(HOUR_MS / 2);
    expect(await names()).toEqual(["new", "old"]);
    await clock.advance(HOUR_MS / 6);
    expect(await names()).toEqual(["new"]);
    core.stop();
  });

  test("are the same object in both groups", async () => {
    const clock = new VirtualClock();
    const client = (await start(createMemoryStore({ clock }), clock)).client("a");
    await client.create(EventsV1Event, {
      metadata: { name: "e", namespace: "default" },
      regarding: { kind: "Pod", name: "p", namespace: "default" },
      reason: "Testing",
      action: "Test",
      type: "Normal",
      note: "hello",
      reportingController: "test",
      reportingInstance: "test-1",
      eventTime: "2026-01-01T00:00:00.000000Z",
    });
    const core = await client.get(Event, { namespace: "default", name: "e" });
    expect(core).toMatchObject({ apiVersion: "v1", message: "hello", involvedObject: { name: "p" } });
    const { items } = await client.list(EventsV1Event, {
      namespace: "default",
      fieldSelector: "regarding.name=p",
    });
    expect(items[0]).toMatchObject({ apiVersion: "events.k8s.io/v1", note: "hello" });
  });
});
