import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { V1Node, V1Pod } from "../../api/generated/types.ts";
import { SystemClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/log.ts";
import { readConfiguration } from "../configuration/read-configuration.ts";
import type { DecidingScheduler } from "../deciding-scheduler.ts";
import { createDecidingScheduler } from "../library.ts";
import { ExtendedDecisions } from "./extended-decisions.ts";
import {
  type FakeExtender,
  HANG,
  nodesOf,
  startFakeExtender,
  type Verb,
} from "./fake-extender.test-support.ts";
import { HttpExtender } from "./http-extender.ts";

/** The real core and real HTTP. Nodes n1, n2, n3 have 4, 2 and 1 cpu: the core alone takes the emptiest, n1. */
let core: DecidingScheduler;
let fakes: FakeExtender[];
let nodes: Map<string, V1Node>;
let pods: Map<string, V1Pod>;

beforeEach(async () => {
  core = await createDecidingScheduler({ thread: "caller", flavour: "debug" });
  [fakes, nodes, pods] = [[], new Map(), new Map()];
  for (const [name, cpu] of Object.entries({ n1: "4", n2: "2", n3: "1" })) addNode(name, cpu);
});
afterEach(async () => {
  await core.close();
  await Promise.all(fakes.map((fake) => fake.stop()));
});

function addNode(name: string, cpu: string): void {
  const node: V1Node = { metadata: { name }, status: { allocatable: { cpu, memory: "8Gi", pods: "10" } } };
  nodes.set(name, node);
  core.addNode(node);
}

const podOf = (name: string, cpu = "100m", more: Partial<V1Pod["spec"]> = {}): V1Pod => ({
  metadata: { name, namespace: "default", uid: `uid-${name}` },
  spec: { containers: [{ name: "c", resources: { requests: { cpu } } }], ...more },
});

function bound(pod: V1Pod, node: string): void {
  const placed = { ...pod, spec: { ...pod.spec!, nodeName: node } };
  pods.set(`default/${pod.metadata!.name}`, placed);
  core.addPod(placed);
}

interface Ask {
  readonly verbs: Record<string, Verb>;
  readonly fields?: object;
}

/** The decision about a pod with these extenders: `n1`, or the message. */
async function decide(asked: readonly Ask[], pod = podOf("web")): Promise<string> {
  return short(await decideFully(asked, pod));
}

async function decideFully(asked: readonly Ask[], pod = podOf("web")) {
  const written = await Promise.all(
    asked.map(async ({ verbs, fields }) => {
      const fake = await startFakeExtender(verbs);
      fakes.push(fake);
      const named = Object.fromEntries(Object.keys(verbs).map((verb) => [`${verb}Verb`, verb]));
      return { urlPrefix: fake.url, weight: 1, nodeCacheCapable: true, ...named, ...fields };
    }),
  );
  const { extenders } = readConfiguration({
    apiVersion: "kubescheduler.config.k8s.io/v1",
    kind: "KubeSchedulerConfiguration",
    extenders: written,
  });
  const view = { node: (name: string) => nodes.get(name), pod: (key: string) => pods.get(key) };
  const clock = new SystemClock();
  const decisions = new ExtendedDecisions(
    extenders.map((one) => new HttpExtender(one, clock, view)),
    undefined,
    silentLogger,
  );
  try {
    return await decisions.decide(core.stepwise, pod);
  } finally {
    decisions.close();
  }
}

const short = ({ node, ...rest }: Awaited<ReturnType<typeof decideFully>>) =>
  node ?? ("message" in rest ? withoutPort(rest.message) : "");
const withoutPort = (text: string) => text.replace(/:\d{4,5}/g, ":PORT");

/** A filter that keeps these. */
const keeps =
  (...names: string[]): Verb =>
  () => ({ NodeNames: names });
const answers = (value: unknown) => () => value;

describe("filter", () => {
  test.each<{ name: string; filter: Verb; fields?: object; wants: string }>([
    { name: "names are taken", filter: keeps("n2", "n3"), wants: "n2" },
    {
      name: "whole nodes are taken",
      filter: ({ Nodes }) => ({ Nodes }),
      fields: { nodeCacheCapable: false },
      wants: "n1",
    },
    { name: "a field of another case is read", filter: answers({ nodenames: ["n3"] }), wants: "n3" },
    {
      name: "names have no effect where whole nodes are asked for",
      filter: keeps("n3"),
      fields: { nodeCacheCapable: false },
      wants: `0/3 nodes are available:${SUFFIX(3)}`,
    },
    {
      name: "a node that was not asked about is a lie",
      filter: keeps("n9"),
      wants:
        'extender "http://127.0.0.1:PORT" claims a filtered node "n9" which is not found in the input node list',
    },
    { name: "an error in words", filter: answers({ Error: "out of order" }), wants: "out of order" },
    {
      name: "a code",
      filter: answers(500),
      wants: "failed filter with extender at URL http://127.0.0.1:PORT/filter, code 500",
    },
    {
      name: "another code than 200",
      filter: answers(404),
      wants: "failed filter with extender at URL http://127.0.0.1:PORT/filter, code 404",
    },
    { name: "nothing", filter: answers(""), wants: "EOF" },
    {
      name: "a connection that ends",
      filter: answers("die"),
      wants: 'Post "http://127.0.0.1:PORT/filter": EOF',
    },
    {
      name: "a list of numbers",
      filter: answers({ NodeNames: [1] }),
      wants:
        "json: cannot unmarshal number into Go struct field ExtenderFilterResult.NodeNames of type string",
    },
    {
      name: "a list of nothing",
      filter: answers([]),
      wants: "json: cannot unmarshal array into Go struct field ExtenderFilterResult of type object",
    },
    {
      name: "nulls are nothing",
      filter: answers({ NodeNames: null, Nodes: null, FailedNodes: null, Error: null }),
      wants: `0/3 nodes are available:${SUFFIX(3)}`,
    },
    {
      name: "too slow",
      filter: answers(HANG),
      fields: { httpTimeout: "1ms" },
      wants:
        'Post "http://127.0.0.1:PORT/filter": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
    },
    {
      name: "an error of one that may be ignored",
      filter: answers(500),
      fields: { ignorable: true },
      wants: "n1",
    },
    {
      name: "a lie of one that may be ignored",
      filter: keeps("n9"),
      fields: { ignorable: true },
      wants: "n1",
    },
    {
      name: "a pod that asks for nothing it manages",
      filter: keeps("n3"),
      fields: { managedResources: [{ name: "example.com/gpu" }] },
      wants: "n1",
    },
    {
      name: "what is said of nodes nobody asked about",
      filter: answers({ NodeNames: ["n2"], FailedNodes: { n9: "no" } }),
      wants: "n2",
    },
    {
      name: "a node that is refused and kept is kept",
      filter: answers({ NodeNames: ["n2"], FailedNodes: { n2: "no" } }),
      wants: "n2",
    },
  ])("$name: $wants", async ({ filter, fields, wants }) => {
    expect(await decide([{ verbs: { filter }, ...(fields && { fields }) }])).toBe(wants);
  });

  test("each sees what is left by those before it; ignorable ones come last", async () => {
    const filters: Ask[] = [
      { verbs: { filter: answers(500) }, fields: { ignorable: true } },
      { verbs: { filter: keeps("n3", "n2") } },
      { verbs: { filter: keeps("n3") } },
    ];
    expect(await decide(filters)).toBe("n3");
    expect(fakes.map(({ calls }) => calls.map(({ body }) => nodesOf(body).join(" ")))).toEqual([
      ["n3"],
      ["n1 n2 n3"],
      ["n3 n2"],
    ]);
  });

  test("what they say of nodes is told with what the nodes say themselves", async () => {
    const filter = answers({
      NodeNames: [],
      FailedNodes: { n2: "no licence", n1: "no licence" },
      FailedAndUnresolvableNodes: { n1: "wrong rack" },
    });
    const decision = await decideFully([{ verbs: { filter } }], podOf("large", "1500m"));
    expect(decision).toMatchObject({
      node: null,
      message:
        "0/3 nodes are available: 1 Insufficient cpu, 1 no licence, 1 wrong rack. no new claims to deallocate, " +
        "preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.",
      plugins: ["Extender", "NodeResourcesFit"],
      nodes: { n1: ["wrong rack"], n2: ["no licence"], n3: ["Insufficient cpu"] },
    });
  });

  test("nobody is asked when no node is left", async () => {
    expect(await decide([{ verbs: { filter: keeps() } }], podOf("huge", "9"))).toMatch(
      /^0\/3 .* 3 Insufficient cpu/,
    );
    expect(fakes[0]!.calls).toEqual([]);
  });

  test("the shape of a question, in both forms", async () => {
    const filter: Verb = (body) => ({ NodeNames: nodesOf(body) });
    await decide([{ verbs: { filter } }, { verbs: { filter }, fields: { nodeCacheCapable: false } }]);
    const [names, whole] = fakes.map(({ calls }) => calls[0]!.body);
    expect(names).toEqual({ Pod: podOf("web"), Nodes: null, NodeNames: ["n1", "n2", "n3"] });
    expect(whole).toEqual({
      Pod: podOf("web"),
      Nodes: { metadata: {}, items: [...nodes.values()] },
      NodeNames: null,
    });
  });
});

function SUFFIX(count: number): string {
  return ` no new claims to deallocate, preemption: 0/${count} nodes are available: ${count} Preemption is not helpful for scheduling.`;
}

/** Scores by node. */
const scores =
  (given: Record<string, unknown>): Verb =>
  () =>
    Object.entries(given).map(([Host, Score]) => ({ Host, Score }));

describe("prioritize", () => {
  test.each<{ name: string; asked: Ask[]; wants: string }>([
    {
      name: "outweighs the core",
      asked: [{ verbs: { prioritize: scores({ n3: 10 }) }, fields: { weight: 10 } }],
      wants: "n3",
    },
    {
      name: "too small a weight does not",
      asked: [{ verbs: { prioritize: scores({ n1: 10, n3: 10 }) } }],
      wants: "n1",
    },
    {
      name: "is summed over all",
      asked: [
        { verbs: { prioritize: scores({ n2: 10 }) }, fields: { weight: 5 } },
        { verbs: { prioritize: scores({ n3: 10 }) }, fields: { weight: 6 } },
        { verbs: { prioritize: scores({ n2: 10 }) }, fields: { weight: 5 } },
      ],
      wants: "n2",
    },
    { name: "an error is ignored", asked: [{ verbs: { prioritize: () => 500 } }], wants: "n1" },
    {
      name: "garbage is ignored",
      asked: [{ verbs: { prioritize: scores({ n3: "10" }) }, fields: { weight: 10 } }],
      wants: "n1",
    },
    {
      name: "a fraction is ignored",
      asked: [{ verbs: { prioritize: scores({ n3: 9.5 }) }, fields: { weight: 10 } }],
      wants: "n1",
    },
    {
      name: "a node that is not there is ignored",
      asked: [{ verbs: { prioritize: scores({ n9: 10 }) }, fields: { weight: 10 } }],
      wants: "n1",
    },
    { name: "null is an empty list", asked: [{ verbs: { prioritize: () => "null" } }], wants: "n1" },
  ])("$name: $wants", async ({ asked, wants }) => {
    expect(await decide(asked)).toBe(wants);
  });

  test("is not asked about the only node", async () => {
    await decide([{ verbs: { filter: keeps("n2"), prioritize: scores({}) } }]);
    expect(fakes[0]!.calls.map(({ verb }) => verb)).toEqual(["filter"]);
  });

  test("of nodes that are alike one that somebody has scored is taken", async () => {
    addNode("n0", "4");
    expect(await decide([{ verbs: { prioritize: scores({ n0: 0 }) } }])).toBe("n0");
  });
});

describe("placing", () => {
  test("a node that was taken meanwhile is not overcommitted: the pod is judged anew", async () => {
    let asked = 0;
    const filter: Verb = (body) => {
      if (asked++ === 0) bound(podOf("quick", "3900m"), "n1");
      return { NodeNames: nodesOf(body) };
    };
    expect(await decide([{ verbs: { filter } }], podOf("web", "1"))).toBe("n2");
    expect(asked).toBe(2);
    // What was tried is forgotten: n2 has 1 cpu left, and n1 none.
    expect(await core.decide([podOf("other", "1")])).toMatchObject([{ node: "n2" }]);
    expect(await core.decide([podOf("more", "1")])).toMatchObject([{ node: "n3" }]);
  });

  test("a pod whose node is always taken meanwhile is given up", async () => {
    for (const name of ["m1", "m2", "m3"]) addNode(name, "4");
    let asked = 0;
    const filter: Verb = (body) => {
      const [node] = nodesOf(body);
      bound(podOf(`quick-${asked++}`, "3900m"), node!);
      return { NodeNames: [node] };
    };
    expect(await decide([{ verbs: { filter } }], podOf("web", "3"))).toBe(
      'node "m2" was taken while extenders were asked',
    );
    expect(asked).toBe(3);
  });

  test("the nominated node is asked about first, alone", async () => {
    core.nominate(podOf("web"), "n3");
    expect(await decide([{ verbs: { filter: (body) => ({ NodeNames: nodesOf(body) }) } }])).toBe("n3");
    expect(fakes[0]!.calls.map(({ body }) => nodesOf(body))).toEqual([["n3"]]);
    core.nominate(podOf("again"), "n3");
    expect(await decide([{ verbs: { filter: keeps("n2") } }], podOf("again"))).toBe("n2");
  });
});

describe("preempt", () => {
  const high = podOf("high", "4", { priority: 10 });
  /** n1 is full of a and b, n2 too small however empty. */
  const fill = () => {
    bound(podOf("a", "2", { priority: 1 }), "n1");
    bound(podOf("b", "2", { priority: 2 }), "n1");
    addNode("n4", "4");
    bound(podOf("c", "1", { priority: 3 }), "n4");
  };
  const meta = (uids: readonly string[], NumPDBViolations = 0) => ({
    Pods: uids.map((UID) => ({ UID })),
    NumPDBViolations,
  });
  const leaves =
    (victims: object): Verb =>
    () => ({ NodeNameToMetaVictims: victims });
  const preempting = (preempt: Verb, fields = {}): Ask[] => [{ verbs: { preempt }, fields }];

  test("without it, what is missed least", async () => {
    fill();
    expect(
      await decideFully(
        preempting((body) => body),
        high,
      ),
    ).toMatchObject({
      preemption: { node: "n1", victims: ["default/b", "default/a"] },
    });
  });

  test.each<{ name: string; preempt: Verb; fields?: object; wants: object }>([
    {
      name: "leaves one",
      preempt: leaves({ n4: meta(["uid-c"]) }),
      wants: { preemption: { node: "n4", victims: ["default/c"] }, nominated: "n4" },
    },
    {
      name: "budgets are broken, it says",
      preempt: leaves({ n1: meta(["uid-a", "uid-b"], 1), n4: meta(["uid-c"]) }),
      wants: { preemption: { node: "n4" } },
    },
    {
      name: "leaves nothing",
      preempt: leaves({}),
      wants: { message: expect.stringMatching(/ preemption: no candidate node for preemption$/) },
    },
    {
      name: "a node without victims",
      preempt: leaves({ n4: meta([]) }),
      wants: {
        message: expect.stringMatching(/\. preemption: expected at least one victim pod on node "n4"$/),
      },
    },
    {
      name: "a node without victims, of one that may be ignored",
      preempt: leaves({ n1: meta(["uid-b", "uid-a"]), n4: meta([]) }),
      fields: { ignorable: true },
      wants: { preemption: { node: "n1", victims: ["default/b", "default/a"] } },
    },
    {
      name: "a pod that is not there",
      preempt: leaves({ n4: meta(["uid-a"]) }),
      wants: {
        message: expect.stringMatching(
          /claims to preempt pod \(UID: uid-a\) on node: n4, but the pod is not found on that node$/,
        ),
      },
    },
    {
      name: "a node that was not offered",
      preempt: leaves({ n2: meta(["uid-c"]) }),
      wants: { message: expect.stringMatching(/ preemption: nodeinfo not found for node name "n2"$/) },
    },
    { name: "an error", preempt: () => 500, wants: { message: expect.stringMatching(/preempt, code 500$/) } },
    {
      name: "an error of one that may be ignored",
      preempt: () => 500,
      fields: { ignorable: true },
      wants: { preemption: { node: "n1" } },
    },
  ])("$name", async ({ preempt, fields, wants }) => {
    fill();
    expect(await decideFully(preempting(preempt, fields), high)).toMatchObject({ node: null, ...wants });
  });

  test("the shape of a question, in both forms", async () => {
    fill();
    const preempt: Verb = () => 500;
    await decide(
      [
        { verbs: { preempt }, fields: { ignorable: true } },
        { verbs: { preempt }, fields: { ignorable: true, nodeCacheCapable: false } },
      ],
      high,
    );
    const [metaForm, whole] = fakes.map(({ calls }) => calls[0]!.body);
    expect(metaForm).toEqual({
      Pod: high,
      NodeNameToVictims: null,
      NodeNameToMetaVictims: { n1: meta(["uid-b", "uid-a"]), n4: meta(["uid-c"]) },
    });
    expect(whole).toMatchObject({
      NodeNameToVictims: { n1: { Pods: [{ metadata: { name: "b" } }, {}], NumPDBViolations: 0 }, n4: {} },
      NodeNameToMetaVictims: null,
    });
  });
});
