import { Piscina } from "piscina";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { startVirtualApi, type VirtualApi, watchWrites } from "../../test/virtual-api.ts";
import type { CoreV1Event, V1Node, V1Pod } from "../api/generated/types.ts";
import { Event, Node, Pod } from "../api/registry.ts";
import { ApiError } from "../apimachinery/errors.ts";
import { type SchedulerComponentOptions, startScheduler } from "./component.ts";
import type { DecidingScheduler } from "./deciding-scheduler.ts";
import { createDecidingScheduler } from "./library.ts";

/** What goes wrong between a decision and its binding. After each: the pod is bound once, and its room counts once. */
let api: VirtualApi;
let scheduler: { stop(): Promise<void> };
/** What a binding answers; "lost": it is stored, and the answer does not arrive. */
let answer: (name: string) => Error | "lost" | undefined;
let bindings: string[];

const start = async (more: Partial<SchedulerComponentOptions> = {}) => {
  const { client } = api;
  const watched = watchWrites(client, () => undefined);
  const faulty = new Proxy(watched, {
    get: (target, verb) => {
      if (verb !== "createSubresource") return Reflect.get(target, verb);
      return async (...call: Parameters<typeof client.createSubresource>) => {
        const { name } = call[1];
        bindings.push(name);
        const fault = answer(name);
        if (fault instanceof Error) throw fault;
        const stored = await client.createSubresource(...call);
        if (fault === "lost") throw new ApiError("Timeout", "the server was unable to return a response");
        return stored;
      };
    },
  });
  scheduler = await startScheduler({ ...api.parts, thread: "caller", ...more, client: faulty });
};

beforeEach(async () => {
  api = await startVirtualApi();
  answer = () => undefined;
  bindings = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  await scheduler.stop();
});

const node = (name: string, cpu = "1") => {
  const room = { cpu, memory: "1Gi", pods: "10" };
  return api.client.create<V1Node>(Node, {
    metadata: { name },
    status: { capacity: room, allocatable: room },
  });
};
const pod = (name: string, cpu = "600m", more: Partial<V1Pod["spec"]> = {}) =>
  api.client.create<V1Pod>(Pod, {
    metadata: { name, namespace: "default" },
    spec: { containers: [{ name: "c", image: "nginx", resources: { requests: { cpu } } }], ...more },
  });
const get = (name: string) => api.client.get<V1Pod>(Pod, { namespace: "default", name });
const nodeOf = async (name: string) => (await get(name)).spec?.nodeName;
const remove = (name: string) =>
  api.client.delete(Pod, { namespace: "default", name }, { gracePeriodSeconds: 0 });
const condition = async (name: string) => {
  const found = (await get(name)).status?.conditions?.find(({ type }) => type === "PodScheduled");
  return `${found?.status} ${found?.reason}: ${found?.message}`;
};
const warnings = async () =>
  (await api.client.list<CoreV1Event>(Event, { namespace: "default" })).items
    .filter(({ type }) => type === "Warning")
    .map(({ reason, message }) => `${reason}: ${message}`);
const once = (name: string, fault: Error | "lost") => {
  let left = 1;
  return (asked: string) => (asked === name && left-- > 0 ? fault : undefined);
};
/** 1 CPU, of which web has 600m: 400m are left, once. */
const expectRoomForOneMore = async () => {
  await pod("small", "400m");
  await pod("over", "100m");
  await api.clock.advance(20_000);
  expect([await nodeOf("web"), await nodeOf("small"), await nodeOf("over")]).toEqual(["n1", "n1", undefined]);
};

describe("a binding that fails", () => {
  test.each([
    { code: 409, fault: new ApiError("Conflict", 'Operation cannot be fulfilled on pods/binding "web"') },
    { code: 404, fault: new ApiError("NotFound", 'pods "web" not found') },
    { code: 500, fault: new ApiError("InternalError", "etcdserver: request timed out") },
    { code: 504, fault: new ApiError("Timeout", "the server was unable to return a response in time") },
  ])("with $code is taken back, said in its words, and tried again after a second", async ({ fault }) => {
    await node("n1");
    answer = once("web", fault);
    await start();
    await pod("web");
    await api.clock.advance(500);
    const text = `running Bind plugin "DefaultBinder": ${fault.message}`;
    expect(await condition("web")).toBe(`False SchedulerError: ${text}`);
    expect(await warnings()).toEqual([`FailedScheduling: ${text}`]);
    await api.clock.advance(3_000);
    expect(bindings).toEqual(["web", "web"]);
    await expectRoomForOneMore();
  });

  test("though it was stored is not repeated, and counts once", async () => {
    await node("n1");
    answer = once("web", "lost");
    await start();
    await pod("web");
    await api.clock.advance(20_000);
    expect(bindings).toEqual(["web"]);
    await expectRoomForOneMore();
  });

  test("again and again backs off: 1, 2, 4, 8, 10 seconds", async () => {
    await node("n1");
    const at: number[] = [];
    answer = () => {
      at.push(Math.round((api.clock.nowMs() - began) / 1_000));
      return new ApiError("InternalError", "no");
    };
    await start();
    const began = api.clock.nowMs();
    await pod("web");
    await api.clock.advance(50_000);
    const waits = at.slice(1).map((second, i) => second - at[i]!);
    // Counted in whole seconds, and looked at once a second.
    expect(waits.slice(0, 5)).toEqual([2, 3, 5, 9, 11]);
  });
});

describe("what changes while a pod is chosen", () => {
  test("the pod is deleted while it is assumed: its room is free again", async () => {
    await node("n1");
    answer = () => new ApiError("NotFound", 'pods "web" not found');
    await start();
    await pod("web");
    await remove("web");
    await api.clock.advance(1_000);
    answer = () => undefined;
    await pod("web");
    await api.clock.advance(2_000);
    await expectRoomForOneMore();
  });

  test("its node is removed: it is not bound there, and goes elsewhere", async () => {
    await node("n1");
    const inner = await createDecidingScheduler({ thread: "caller" });
    let removed = false;
    const core: DecidingScheduler = new Proxy(inner, {
      get: (target, name) => {
        const value = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        if (name !== "decide") return value.bind(target);
        return async (pods: readonly V1Pod[]) => {
          const decisions = await inner.decide(pods);
          if (!removed) {
            removed = true;
            await api.client.delete(Node, { name: "n1" });
            await node("n2");
            // The watch shows it before the answer is there.
            for (let i = 0; i < 50; i++) await Promise.resolve();
          }
          return decisions;
        };
      },
    });
    await start({ createCore: async () => core });
    await pod("web");
    await api.clock.advance(5_000);
    expect(await nodeOf("web")).toBe("n2");
    expect(bindings).toEqual(["web"]);
    expect(await warnings()).toEqual(['FailedScheduling: nodeinfo not found for node name "n1"']);
  });

  test("the clock of the machine is set an hour back or forth: waiting takes as long as it takes", async () => {
    await node("n1");
    for (const jumpMs of [-3_600_000, 3_600_000]) {
      let jumped = 0;
      const clock = {
        nowMs: () => api.clock.nowMs() + jumped,
        monotonicMs: () => api.clock.monotonicMs(),
        setTimeout: (callback: () => void, delayMs: number) => api.clock.setTimeout(callback, delayMs),
      };
      answer = once("web", new ApiError("InternalError", "no"));
      bindings = [];
      await start({ clock });
      await pod("web");
      await api.clock.advance(100);
      jumped = jumpMs;
      await api.clock.advance(500);
      expect(bindings).toEqual(["web"]);
      await api.clock.advance(3_000);
      expect(await nodeOf("web")).toBe("n1");
      await remove("web");
      await scheduler.stop();
    }
    await start();
  });
});

describe("a core that dies", () => {
  test("is started again from the caches: what was bound and assumed counts, what was asked is asked again", async () => {
    await node("n1");
    let died = 0;
    const made: DecidingScheduler[] = [];
    const createCore = async () => {
      const inner = await createDecidingScheduler({ thread: "caller" });
      made.push(inner);
      return new Proxy(inner, {
        get: (target, name) => {
          const value = Reflect.get(target, name);
          if (typeof value !== "function") return value;
          if (name !== "decide" || made.length > 2) return value.bind(target);
          return async (pods: readonly V1Pod[]) => {
            if (pods.some(({ metadata }) => metadata?.name === "web") && died++ < 2)
              throw new Error("worker exited with code: 1");
            return inner.decide(pods);
          };
        },
      });
    };
    await pod("bound", "100m", { nodeName: "n1" });
    await start({ createCore });
    await pod("web", "500m");
    await api.clock.advance(100);
    expect(await condition("web")).toBe("False SchedulerError: worker exited with code: 1");
    await api.clock.advance(20_000);
    expect(made).toHaveLength(3);
    expect(bindings).toEqual(["web"]);
    await expectRoomForOneMore();
  });

  test("one that cannot be started is tried again each second", async () => {
    await node("n1");
    let tries = 0;
    const createCore = async () => {
      if (++tries === 1) {
        const inner = await createDecidingScheduler({ thread: "caller" });
        return Object.assign(Object.create(inner) as DecidingScheduler, {
          ...Object.fromEntries(
            (
              ["addNode", "updateNode", "addPod", "removePod", "addObject", "removeObject", "close"] as const
            ).map((name) => [name, (inner[name] as (...given: unknown[]) => unknown).bind(inner)]),
          ),
          decide: () => Promise.reject(new Error("out of memory")),
        });
      }
      if (tries < 4) throw new Error("out of memory");
      return createDecidingScheduler({ thread: "caller" });
    };
    await start({ createCore });
    await pod("web");
    await api.clock.advance(10_000);
    expect(tries).toBe(4);
    expect(await nodeOf("web")).toBe("n1");
  });

  test("a Piscina worker that is killed: its pods are bound all the same, each once", async () => {
    const pools: Piscina[] = [];
    const run = Piscina.prototype.run;
    let kills = 2;
    vi.spyOn(Piscina.prototype, "run").mockImplementation(function (this: Piscina, task: unknown, options) {
      pools.push(this);
      const { schedule } = task as { schedule?: unknown };
      const answered = run.call(this, task, options);
      if (schedule !== undefined && kills-- > 0) void this.threads[0]?.terminate();
      return answered as Promise<never>;
    });
    await node("n1", "4");
    await start({ thread: "worker" });
    for (const name of ["a", "b", "c"]) await pod(name, "1");
    await vi.waitFor(
      async () => {
        await api.clock.advance(500);
        expect(await Promise.all(["a", "b", "c"].map(nodeOf))).toEqual(["n1", "n1", "n1"]);
      },
      { timeout: 20_000, interval: 50 },
    );
    expect([...bindings].sort()).toEqual(["a", "b", "c"]);
    expect(new Set(pools).size).toBeGreaterThan(1);
  });
});
