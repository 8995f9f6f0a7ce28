import { expect, test } from "vitest";
import type { V1EndpointSlice } from "../api/generated/types.ts";
import { EndpointSlice, Endpoints } from "../api/registry.ts";
import { VirtualClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/log.ts";
import { seededRandom } from "../apimachinery/random.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import type { Store } from "../store/store.ts";
import { publishServers } from "./bootstrap.ts";
import { createApiCore } from "./core.ts";
import { joinPeers } from "./peers.ts";

test("Service default/kubernetes leads to the API servers that are alive", async () => {
  const clock = new VirtualClock();
  const store = createMemoryStore({ clock });
  const core = await createApiCore({ store, clock, random: seededRandom(1), log: silentLogger });
  const client = core.client("tester");
  let isCut = false;
  const join = (address: string, port: number, mayFail = false) =>
    joinPeers({
      store: new Proxy(store, {
        get: (target, name: keyof typeof store) => {
          const value: unknown = target[name];
          if (typeof value !== "function") return value;
          return (...given: unknown[]): unknown => {
            if (isCut && mayFail) throw new Error("cut off");
            return Reflect.apply(value, target, given);
          };
        },
      }),
      clock,
      log: silentLogger,
      self: { address, port },
      publish: (servers) => publishServers(core.api, servers),
    });
  const place = { namespace: "default", name: "kubernetes" };
  const addresses = ({ items }: { items: readonly V1EndpointSlice[] }) =>
    items.map(
      ({ metadata, endpoints, ports }) =>
        `${metadata?.name} ${endpoints?.map((one) => one.addresses[0]).join()}:${ports?.[0]?.port}`,
    );
  const seen = async () => {
    const { subsets } = await client.get(Endpoints, place);
    return [
      subsets?.map((one) => `${one.addresses?.map(({ ip }) => ip).join()}:${one.ports?.[0]?.port}`).join(" "),
      ...addresses(await client.list(EndpointSlice, { namespace: "default" })),
    ];
  };
  await join("10.0.0.1", 6443);
  expect(await seen()).toEqual(["10.0.0.1:6443", "kubernetes 10.0.0.1:6443"]);
  const second = await join("10.0.0.2", 6443);
  expect(await seen()).toEqual(["10.0.0.1,10.0.0.2:6443", "kubernetes 10.0.0.1,10.0.0.2:6443"]);
  await join("10.0.0.3", 7443, true);
  expect(await seen()).toEqual([
    "10.0.0.1,10.0.0.2:6443 10.0.0.3:7443",
    "kubernetes 10.0.0.1,10.0.0.2:6443",
    "kubernetes-7443 10.0.0.3:7443",
  ]);
  const { revision } = store;
  await clock.advance(60_000);
  // Nobody came or went: nothing is written.
  expect(store.revision).toBe(revision);
  isCut = true;
  await clock.advance(30_000);
  expect(await seen()).toEqual(["10.0.0.1,10.0.0.2:6443", "kubernetes 10.0.0.1,10.0.0.2:6443"]);
  isCut = false;
  await clock.advance(10_000);
  expect((await seen())[2]).toBe("kubernetes-7443 10.0.0.3:7443");
  await second.stop();
  expect((await seen())[1]).toBe("kubernetes 10.0.0.1:6443");
});

test("two that begin at the same moment do not stand in each other's way", async () => {
  const clock = new VirtualClock();
  const store = createMemoryStore({ clock });
  const begin = async (port: number) => {
    const core = await createApiCore({ store, clock, random: seededRandom(port), log: silentLogger });
    await joinPeers({
      store,
      clock,
      log: silentLogger,
      self: { address: "10.0.0.1", port },
      publish: (servers) => publishServers(core.api, servers),
    });
    return core.client("tester");
  };
  const [client] = await Promise.all([begin(1), begin(2), begin(3), begin(4), begin(5)]);
  const { subsets } = await client.get(Endpoints, { namespace: "default", name: "kubernetes" });
  expect(subsets?.map(({ ports }) => ports?.[0]?.port)).toEqual([1, 2, 3, 4, 5]);
});

test("one that looks for the Service just before another makes it, finds that it is there", async () => {
  const clock = new VirtualClock();
  const store = createMemoryStore({ clock });
  const begin = (over: Store, seed: number) =>
    createApiCore({ store: over, clock, random: seededRandom(seed), log: silentLogger });
  const first = await begin(store, 1);
  let looks = 0;
  const late: Partial<Store> = {
    get: async (key, options) => {
      const found = await store.get(key, options);
      if (key === "/registry/services/specs/default/kubernetes" && looks++ === 0)
        await publishServers(first.api, [{ address: "10.0.0.1", port: 6443 }]);
      return found;
    },
  };
  const second = await begin(
    new Proxy(store, {
      get: (target, name: keyof Store) => {
        const value: unknown = late[name] ?? target[name];
        return typeof value === "function" ? value.bind(target) : value;
      },
    }),
    2,
  );
  await publishServers(second.api, [{ address: "10.0.0.2", port: 6443 }]);
  const slices = await second.client("tester").list(EndpointSlice, { namespace: "default" });
  expect([looks > 0, slices.items[0]?.endpoints?.[0]?.addresses]).toEqual([true, ["10.0.0.2"]]);
});
