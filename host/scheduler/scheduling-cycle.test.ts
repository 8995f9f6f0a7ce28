import { afterEach, beforeEach, expect, test } from "vitest";
import { startVirtualApi, type VirtualApi, watchWrites } from "../../test/virtual-api.ts";
import type { V1Pod } from "../api/generated/types.ts";
import { Node, Pod } from "../api/registry.ts";
import { objectKey } from "../apimachinery/object.ts";
import { startScheduler } from "./component.ts";
import type { DecidingScheduler, FullDecision } from "./deciding-scheduler.ts";

/**
 * What happens while the core decides. This core places every pod on n1, when it is told to answer; what it is told is
 * noted in words.
 */
class SlowCore implements DecidingScheduler {
  readonly told: string[] = [];
  #answer: ((decide: (pod: V1Pod) => FullDecision) => void) | undefined;

  addNode = (node: { metadata?: { name?: string } }) => void this.told.push(`+node ${node.metadata?.name}`);
  updateNode = (node: { metadata?: { name?: string } }) =>
    void this.told.push(`~node ${node.metadata?.name}`);
  removeNode = (name: string) => void this.told.push(`-node ${name}`);
  addPod = (pod: V1Pod) => void this.told.push(`+${pod.metadata?.name} on ${pod.spec?.nodeName}`);
  removePod = (_: string, name: string) => void this.told.push(`-${name}`);
  nominate = () => {};
  noteStatus = () => {};
  hasRoom = true;
  stillFits = () => this.hasRoom;
  addObject = () => {};
  removeObject = () => {};
  explain = () => Promise.reject(new Error("not asked here"));
  stepwise = { judge: this.explain, placeOn: this.explain, refuse: this.explain, offersOn: this.explain };
  close = async () => {};

  schedule = () => Promise.reject(new Error("not asked here"));
  scheduleGroup = () => Promise.reject(new Error("not asked here"));

  decide(pods: readonly V1Pod[]): Promise<FullDecision[]> {
    this.told.push(`schedule ${pods.map((pod) => pod.metadata?.name).join(" ")}`);
    return new Promise((resolve) => {
      this.#answer = (decide) => resolve(pods.map(decide));
    });
  }

  /** Answers the batch that waits. */
  answer(): void {
    this.#answer?.((pod) => ({ pod: objectKey(pod), node: "n1" }));
    this.#answer = undefined;
  }
}

let api: VirtualApi;
let core: SlowCore;
let scheduler: { stop(): Promise<void> };
let failing: boolean;

beforeEach(async () => {
  api = await startVirtualApi();
  core = new SlowCore();
  failing = false;
  const client = watchWrites(api.client, (write) =>
    failing && write === "createSubresource Pod" ? new Error("no") : undefined,
  );
  scheduler = await startScheduler({ ...api.parts, client, createCore: async () => core });
  await api.client.create(Node, { metadata: { name: "n1" } });
  await create("web");
  core.told.length = 0;
});
afterEach(async () => {
  core.answer();
  await scheduler.stop();
});

const reference = (name: string) => ({ namespace: "default", name });
const create = async (name: string, nodeName?: string) => {
  const spec = {
    containers: [{ name: "c", image: "nginx" }],
    ...(nodeName === undefined ? {} : { nodeName }),
  };
  await api.client.create<V1Pod>(Pod, { metadata: { name, namespace: "default" }, spec });
  await api.clock.advance(0);
};
const remove = (name: string) => api.client.delete(Pod, reference(name), { gracePeriodSeconds: 0 });
const answer = async () => {
  await api.clock.advance(0);
  core.answer();
  await api.clock.advance(0);
};
const nodeOf = async (name: string) => (await api.client.get<V1Pod>(Pod, reference(name))).spec?.nodeName;

test("a pod that was assumed is not told again when it is seen bound", async () => {
  await answer();
  expect(await nodeOf("web")).toBe("n1");
  expect(core.told).toEqual([]);
});

test("its end gives its room back", async () => {
  await answer();
  await remove("web");
  await api.clock.advance(0);
  expect(core.told).toEqual(["-web"]);
});

test("a pod deleted meanwhile is forgotten", async () => {
  await remove("web");
  await answer();
  expect(core.told).toEqual(["-web"]);
});

test("a pod deleted and made again meanwhile is scheduled anew", async () => {
  await remove("web");
  await create("web");
  await answer();
  expect(core.told).toEqual(["-web", "schedule web"]);
  await answer();
  expect(await nodeOf("web")).toBe("n1");
});

test("a pod bound by somebody else meanwhile stays where the API says", async () => {
  const binding = { metadata: reference("web"), target: { kind: "Node", name: "n2" } };
  await api.client.createSubresource(Pod, reference("web"), "binding", binding);
  await answer();
  expect(await nodeOf("web")).toBe("n2");
  expect(core.told).toEqual(["+web on n2"]);
});

test("a pod whose node another scheduler has filled meanwhile is not bound there, and asked again after backoff", async () => {
  core.hasRoom = false;
  await answer();
  expect(await nodeOf("web")).toBeUndefined();
  expect(core.told).toEqual(["-web"]);
  core.hasRoom = true;
  await api.clock.advance(3000);
  await answer();
  expect(await nodeOf("web")).toBe("n1");
});

test("a binding that fails is forgotten, and asked again after backoff", async () => {
  failing = true;
  await answer();
  expect(core.told).toEqual(["-web"]);
  failing = false;
  await api.clock.advance(3000);
  expect(core.told).toEqual(["-web", "schedule web"]);
  await answer();
  expect(await nodeOf("web")).toBe("n1");
});

test("pods that come meanwhile wait for the next batch, together", async () => {
  for (const name of ["a", "b", "c"]) await create(name);
  expect(core.told).toEqual([]);
  await answer();
  expect(core.told).toEqual(["schedule a b c"]);
});

test("a bound pod whose labels change is told again, and not scheduled again", async () => {
  await answer();
  await api.client.patch(Pod, reference("web"), {
    type: "merge",
    body: { metadata: { labels: { a: "b" } } },
  });
  await api.clock.advance(60_000);
  expect(core.told).toEqual(["+web on n1"]);
});
