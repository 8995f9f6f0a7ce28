import { expect, test } from "vitest";
import { startVirtualApi } from "../../test/virtual-api.ts";
import { ConfigMap, Lease } from "../api/registry.ts";
import { silentLogger } from "../apimachinery/log.ts";
import { seededRandom } from "../apimachinery/random.ts";
import type { Client } from "./client.ts";
import { type LeaderElector, startLeaderElector } from "./leader-elector.ts";

const LEASE = { namespace: "kube-system", name: "worker" };

/** Electors over one API; each can be cut off from it, and says in `words` when its work begins and ends. */
async function election() {
  const api = await startVirtualApi();
  const words: string[] = [];
  const working = new Set<string>();
  const cut = new Set<string>();
  const clients = new Map<string, Client>();
  const say = (what: string) => words.push(`${Math.round(api.clock.nowMs() / 1000) - startSeconds} ${what}`);
  const startSeconds = Math.round(api.clock.nowMs() / 1000);
  const start = (identity: string, lead?: () => Promise<never>): LeaderElector =>
    startLeaderElector({
      client: reachable(api.client, () => !cut.has(identity)),
      clock: api.clock,
      random: seededRandom(identity.length),
      log: silentLogger,
      lease: LEASE,
      identity,
      lead:
        lead ??
        (async (client) => {
          say(`${identity} works`);
          working.add(identity);
          clients.set(identity, client);
          expect([...working]).toEqual([identity]);
          return {
            stop: async () => {
              say(`${identity} rests`);
              working.delete(identity);
            },
          };
        }),
      onFailure: (error) => say(`${identity} failed: ${String(error)}`),
    });
  return { ...api, words, cut, start, clients, spec: async () => (await api.client.get(Lease, LEASE)).spec };
}

/** A client whose calls are never answered while it is cut off, as those to a machine that stands still. */
function reachable(client: Client, isReachable: () => boolean): Client {
  return new Proxy(client, {
    get: (target, name: keyof Client) => {
      const call = target[name].bind(target) as (...given: unknown[]) => unknown;
      return (...given: unknown[]) => (isReachable() ? call(...given) : new Promise(() => {}));
    },
  });
}

test("the first leads, the second waits, and takes over at once when the Lease is given back", async () => {
  const { clock, words, start, spec } = await election();
  const first = start("a");
  await clock.advance(1_000);
  const second = start("bb");
  await clock.advance(60_000);
  expect([words, first.isLeader, second.isLeader]).toEqual([["0 a works"], true, false]);
  expect(await spec()).toMatchObject({
    holderIdentity: "a",
    leaseDurationSeconds: 15,
    leaseTransitions: 0,
    acquireTime: "2026-01-01T00:00:00.000000Z",
    renewTime: "2026-01-01T00:01:00.000000Z",
  });
  await first.stop();
  expect(await spec()).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1 });
  await clock.advance(5_000);
  expect(words.slice(0, 2)).toEqual(["0 a works", "61 a rests"]);
  expect(words[2]).toMatch(/^6[1-6] bb works$/);
  expect((await spec())?.leaseTransitions).toBe(1);
  await second.stop();
});

test("a leader that is cut off rests before another can work, its writes refused, and waits for its turn again", async () => {
  const { clock, words, cut, start, clients } = await election();
  const first = start("a");
  const second = start("bb");
  await clock.advance(20_500);
  cut.add("a");
  await clock.advance(30_000);
  expect(words[0]).toBe("0 a works");
  // The last renewal that was answered was sent at 20 s.
  expect(words[1]).toBe("30 a rests");
  expect(words[2]).toMatch(/^(3[5-9]|4[0-4]) bb works$/);
  cut.delete("a");
  const late = clients.get("a")!.create(ConfigMap, { metadata: { namespace: "default", name: "late" } });
  await expect(late).rejects.toThrow("does not lead any more");
  await clock.advance(30_000);
  expect([words.length, first.isLeader, second.isLeader]).toEqual([3, false, true]);
  await second.stop();
  await clock.advance(5_000);
  expect(words.slice(3)).toEqual([expect.stringMatching(/bb rests/), expect.stringMatching(/a works/)]);
  await first.stop();
});

test("a leader that dies without a word is followed once its Lease has not changed for its duration", async () => {
  const { clock, words, cut, start, client, spec } = await election();
  const gone = { holderIdentity: "gone", leaseDurationSeconds: 15, leaseTransitions: 3 };
  // What its clock says is of no interest: it may be years behind, or ahead.
  const renewTime = "2031-01-01T00:00:00.000000Z";
  await client.create(Lease, { metadata: LEASE, spec: { ...gone, renewTime, acquireTime: renewTime } });
  const one = start("a");
  await clock.advance(14_000);
  expect(words).toEqual([]);
  await clock.advance(6_000);
  expect(words).toEqual([expect.stringMatching(/^1[5-9] a works$/)]);
  expect(await spec()).toMatchObject({ holderIdentity: "a", leaseTransitions: 4 });
  expect(cut.size).toBe(0);
  await one.stop();
});

test("whoever takes the Lease away ends the term at the next renewal", async () => {
  const { clock, words, start, client } = await election();
  const one = start("a");
  await clock.advance(5_000);
  const lease = await client.get(Lease, LEASE);
  await client.update(Lease, { ...lease, spec: { ...lease.spec, holderIdentity: "thief" } });
  await clock.advance(2_500);
  expect(words).toEqual(["0 a works", "6 a rests"]);
  await one.stop();
});

test("a Lease that changed since it was last seen is given back all the same", async () => {
  const { client, clock, start, spec } = await election();
  const one = start("a");
  await clock.advance(1_000);
  await client.patch(Lease, LEASE, { type: "merge", body: { metadata: { labels: { touched: "yes" } } } });
  await one.stop();
  expect((await spec())?.holderIdentity ?? "").toBe("");
});

test("work that cannot begin gives the Lease back and is told", async () => {
  const { clock, words, start, spec } = await election();
  start("a", () => Promise.reject(new Error("no port")));
  await clock.advance(3_000);
  expect(words).toEqual([expect.stringMatching(/a failed: Error: no port$/)]);
  expect((await spec())?.holderIdentity).toBe("");
});

test("of seven who come and go, never do two work", async () => {
  const { clock, words, cut, start } = await election();
  const random = seededRandom(7);
  const names = ["a", "bb", "ccc", "dddd", "eeeee", "ffffff", "ggggggg"];
  const running = new Map(names.map((name) => [name, start(name)]));
  for (let step = 0; step < 150; step++) {
    const name = names[random.below(names.length)]!;
    if (random.below(3) === 0) {
      // One that is cut off cannot say goodbye: time has to pass for it.
      const stopped = running.get(name)?.stop();
      await clock.advance(25_000);
      await stopped;
      running.set(name, start(name));
    } else if (cut.has(name)) cut.delete(name);
    else cut.add(name);
    await clock.advance(random.below(12_000));
  }
  cut.clear();
  await clock.advance(60_000);
  expect(words.filter((word) => word.endsWith("works")).length).toBeGreaterThan(10);
  expect(words.filter((word) => word.includes("failed"))).toEqual([]);
  expect([...running.values()].filter(({ isLeader }) => isLeader).length).toBe(1);
});
