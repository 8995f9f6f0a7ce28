import { describe, expect, test } from "vitest";
import type { V1Node, V1Pod } from "../../host/api/generated/types.ts";
import type { KubernetesObject } from "../../host/apimachinery/object.ts";
import type { DecidingScheduler, Refusal } from "../../host/scheduler/deciding-scheduler.ts";
import { createDecidingScheduler } from "../../host/scheduler/library.ts";
import { chooseNode } from "../../host/scheduler/preemption/choose-node.ts";
import { play, type Step } from "./session.ts";
import { withArgs } from "./shorthand.ts";

const PRIORITIES: Record<string, number> = { neg: -100, low: 0, mid: 100, high: 1000 };

/** `n1 500m`: a node of so much cpu, alone in its zone unless one is named: `n1 500m zone1`. */
function node(text: string): V1Node {
  const [name = "", cpu = "", zone = name] = text.split(" ");
  return {
    metadata: { name, labels: { "kubernetes.io/hostname": name, zone } },
    status: { allocatable: { cpu, memory: "32Gi", pods: "32" } },
  };
}

/** `p1 low 100m on n1 at 5 app=foo`: a pod of this priority; where it is bound, second of its start, a label. */
function pod(text: string, spec: Partial<V1Pod["spec"]> = {}): V1Pod {
  const [, name = "", priority = "", cpu = "", on, at, label] =
    /^(\w+) (\w+) (\w+)(?: on (\w+))?(?: at (\d+))?(?: (\w+=\w+))?$/.exec(text) ?? [];
  const [key = "", value = ""] = label?.split("=") ?? [];
  return {
    metadata: { name, namespace: "default", uid: name, ...(label ? { labels: { [key]: value } } : {}) },
    spec: {
      priority: PRIORITIES[priority]!,
      containers: [{ name: "c", resources: { requests: { cpu } } }],
      ...(on === undefined ? {} : { nodeName: on }),
      ...spec,
    },
    ...(at === undefined ? {} : { status: { startTime: `2026-01-01T00:00:0${at}Z` } }),
  };
}

function budget(label: string, disruptionsAllowed: number, disrupted: string[] = []): KubernetesObject {
  const [key = "", value = ""] = label.split("=");
  const status = {
    disruptionsAllowed,
    disruptedPods: Object.fromEntries(disrupted.map((name) => [name, "2026-01-01T00:00:00Z"])),
  };
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: `of-${value}`, namespace: "default" },
    spec: { selector: { matchLabels: { [key]: value } } },
    status,
  } as KubernetesObject;
}

interface Situation {
  readonly nodes: readonly string[];
  readonly bound: readonly (string | V1Pod)[];
  readonly objects?: readonly KubernetesObject[];
  readonly nominated?: readonly (readonly [pod: string | V1Pod, node: string])[];
  readonly pod: string | V1Pod;
  readonly config?: ReturnType<typeof withArgs>;
}

const asPod = (one: string | V1Pod) => (typeof one === "string" ? pod(one) : one);

/** `n1: a b`: where room would be made, and who would go; else the message. The model has to agree. */
async function preempt(situation: Situation): Promise<string> {
  const { nodes, bound, objects = [], nominated = [], config } = situation;
  const steps: Step[] = [
    ...nodes.map((text) => ({ node: node(text) })),
    ...objects.map((object) => ({ object })),
    ...bound.map((one) => ({ bound: asPod(one) })),
    ...nominated.map(([one, on]) => ({ nominate: asPod(one), on })),
    { place: asPod(situation.pod) },
  ];
  const same = config === undefined ? {} : { config };
  expect(await play({ ...same, steps }, { flavour: "debug" })).toBeUndefined();
  const scheduler = await createDecidingScheduler({ thread: "caller", flavour: "debug", ...same });
  try {
    for (const step of steps) apply(scheduler, step);
    const [decision] = await scheduler.decide([asPod(situation.pod)]);
    if (decision!.node !== null) return `placed on ${decision!.node}`;
    const { preemption, message } = decision as Refusal;
    if (preemption === undefined) return message.replace(/^.*preemption: /, "");
    return `${preemption.node}: ${preemption.victims.map((key) => key.split("/")[1]).join(" ")}`;
  } finally {
    await scheduler.close();
  }
}

function apply(scheduler: DecidingScheduler, step: Step): void {
  if ("node" in step) scheduler.addNode(step.node);
  else if ("object" in step) scheduler.addObject(step.object);
  else if ("bound" in step) scheduler.addPod(step.bound);
  else if ("nominate" in step) scheduler.nominate(step.nominate, step.on);
}

describe("who has to go (9: tricky cases)", () => {
  test.each<Situation & { name: string; wants: string }>([
    {
      name: "53 a pod of equal priority does not",
      nodes: ["n1 500m"],
      bound: ["a mid 500m on n1"],
      pod: "p mid 500m",
      wants: "0/1 nodes are available: 1 No preemption victims found for incoming pod.",
    },
    {
      name: "54 one that fits back stays",
      nodes: ["n1 500m"],
      bound: ["a low 100m on n1", "b mid 300m on n1"],
      pod: "p high 300m",
      wants: "n1: b",
    },
    {
      name: "55 of two that are alike the younger goes",
      nodes: ["n1 500m"],
      bound: ["a low 100m on n1 at 5", "b low 100m on n1 at 4", "c mid 200m on n1 at 3", "d high 100m on n1"],
      pod: "p high 300m",
      wants: "n1: c a",
    },
    {
      name: "56 a budget does not save those that have to go",
      nodes: ["n1 500m"],
      bound: ["a mid 250m on n1 at 1 app=foo", "b mid 250m on n1 at 2 app=foo"],
      objects: [budget("app=foo", 1)],
      pod: "p high 500m",
      wants: "n1: a b",
    },
    {
      name: "57 the lowest of the most important victims",
      nodes: ["n1 500m", "n2 500m", "n3 500m"],
      bound: [
        ...["a mid 200m on n1", "b mid 300m on n1"],
        ...["c mid 200m on n2", "d low 300m on n2"],
        ...["e low 200m on n3", "f low 300m on n3"],
      ],
      pod: "p high 500m",
      wants: "n3: e f",
    },
    {
      name: "58 the smallest sum",
      nodes: ["n1 500m", "n2 500m", "n3 500m"],
      bound: [
        ...["a mid 200m on n1", "b mid 300m on n1"],
        ...["c mid 200m on n2", "d low 300m on n2"],
        ...["e mid 200m on n3", "f mid 300m on n3"],
      ],
      pod: "p high 500m",
      wants: "n2: c d",
    },
    {
      name: "59 the fewest",
      nodes: ["n1 500m", "n2 500m", "n3 500m"],
      bound: [
        ...["a mid 100m on n1", "b mid 100m on n1", "c neg 100m on n1", "d neg 200m on n1"],
        ...["e mid 200m on n2", "f neg 300m on n2"],
        ...["g mid 200m on n3", "h neg 200m on n3", "i low 100m on n3"],
      ],
      pod: "p high 500m",
      wants: "n2: e f",
    },
    {
      name: "60 those that started last",
      nodes: ["n1 500m", "n2 500m", "n3 500m"],
      bound: [
        ...["a mid 200m on n1 at 2", "b mid 300m on n1 at 2"],
        ...["c mid 200m on n2 at 3", "d mid 300m on n2 at 3"],
        ...["e mid 200m on n3 at 1", "f mid 300m on n3 at 1"],
      ],
      pod: "p high 500m",
      wants: "n2: c d",
    },
    {
      name: "61 no more candidates are looked for than are wanted",
      nodes: ["n1 500m", "n2 500m", "n3 500m", "n4 500m"],
      bound: [
        "a low 500m on n1 at 1 app=foo",
        "b low 500m on n2 at 1 app=foo",
        "c low 500m on n3 at 1",
        "d neg 500m on n4 at 1",
      ],
      objects: [budget("app=foo", 0)],
      config: withArgs("DefaultPreemption", { minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 2 }),
      pod: "p high 500m",
      wants: "n3: c",
    },
    {
      name: "63 pods that stand in the way of spreading",
      nodes: ["a 9 z1", "b 9 z1", "x 9 z2"],
      bound: [
        ...["a1 mid 0 on a app=foo", "a2 low 0 on a app=foo", "b1 low 0 on b app=foo"],
        ...["x1 high 0 on x app=foo", "x2 high 0 on x app=foo"],
      ].map((text) => pod(text.replace(" app", " at 1 app"))),
      pod: pod("p high 0 app=foo", {
        topologySpreadConstraints: ["zone", "kubernetes.io/hostname"].map((topologyKey) => ({
          maxSkew: 1,
          topologyKey,
          whenUnsatisfiable: "DoNotSchedule",
          labelSelector: { matchLabels: { app: "foo" } },
        })),
      }),
      wants: "a: a2",
    },
    {
      name: "a budget that is not used up protects nobody: the least important go",
      nodes: ["n1 500m"],
      bound: ["a low 250m on n1 at 1 app=foo", "b mid 250m on n1 at 2"],
      objects: [budget("app=foo", 1)],
      pod: "p high 250m",
      wants: "n1: a",
    },
    {
      name: "one that a budget protects is let back first",
      nodes: ["n1 500m"],
      bound: ["a low 250m on n1 at 1 app=foo", "b mid 250m on n1 at 2"],
      objects: [budget("app=foo", 0)],
      pod: "p high 250m",
      wants: "n1: b",
    },
    {
      name: "one whose disruption is counted already is not protected",
      nodes: ["n1 500m"],
      bound: ["a low 250m on n1 at 1 app=foo", "b mid 250m on n1 at 2"],
      objects: [budget("app=foo", 0, ["a"])],
      pod: "p high 250m",
      wants: "n1: a",
    },
    {
      name: "anti-affinity against a victim",
      nodes: ["n1 9"],
      bound: ["a low 1 on n1 at 1 app=foo", "b low 1 on n1 at 2"],
      pod: pod("p high 1", {
        affinity: {
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [
              { topologyKey: "zone", labelSelector: { matchLabels: { app: "foo" } } },
            ],
          },
        },
      }),
      wants: "n1: a",
    },
    {
      name: "ports of a victim",
      nodes: ["n1 9"],
      bound: [
        pod("a low 1 on n1", { containers: [{ name: "c", ports: [{ containerPort: 1, hostPort: 80 }] }] }),
      ],
      pod: pod("p high 1", { containers: [{ name: "c", ports: [{ containerPort: 1, hostPort: 80 }] }] }),
      wants: "n1: a",
    },
  ])("$name", async ({ wants, ...situation }) => {
    expect(await preempt(situation)).toBe(wants);
  });
});

describe("what is said of nodes that do not help (6.6)", () => {
  test.each<Situation & { name: string; wants: string }>([
    {
      name: "too small without victims, and others that are not asked",
      nodes: ["n1 500m", "n2 500m", "n3 100m"],
      bound: ["a low 100m on n1", "b high 300m on n1", "c low 100m on n2", "d high 300m on n2"],
      pod: "p high 400m",
      wants: "0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 Insufficient cpu.",
    },
    {
      name: "no victims",
      nodes: ["n1 500m", "n2 500m"],
      bound: ["a low 100m on n1", "b high 300m on n1", "c high 300m on n2"],
      pod: "p high 400m",
      wants: "0/2 nodes are available: 1 Insufficient cpu, 1 No preemption victims found for incoming pod.",
    },
  ])("$name", async ({ wants, ...situation }) => {
    expect(await preempt(situation)).toBe(wants);
  });
});

/** On its way out; whether a scheduler asked it to go is said by the condition's status and reason. */
function terminating(text: string, status: string, reason: string): V1Pod {
  const { metadata, ...rest } = pod(text);
  return {
    metadata: { ...metadata!, deletionTimestamp: "2026-01-01T00:00:09Z" },
    ...rest,
    status: { ...rest.status, conditions: [{ type: "DisruptionTarget", status, reason }] },
  };
}

const WAITS = "not eligible due to a terminating pod on the nominated node.";

describe("62 a pod that is nominated to a node", () => {
  test.each<Situation & { name: string; wants: string }>([
    {
      name: "waits for those that leave it for its sake",
      nodes: ["n1 500m", "n2 500m"],
      bound: [terminating("a low 500m on n1", "True", "PreemptionByScheduler"), "b low 500m on n2"],
      nominated: [["p high 500m", "n1"]],
      pod: "p high 500m",
      wants: WAITS,
    },
    {
      name: "not for one that leaves by itself",
      nodes: ["n1 500m", "n2 500m"],
      bound: [terminating("a low 500m on n1", "True", "EvictionByEvictionAPI"), "b low 500m on n2"],
      nominated: [["p high 500m", "n1"]],
      pod: "p high 500m",
      wants: "n1: a",
    },
    {
      name: "nor where the condition is not true",
      nodes: ["n1 500m", "n2 500m"],
      bound: [terminating("a low 500m on n1", "False", "PreemptionByScheduler"), "b low 500m on n2"],
      nominated: [["p high 500m", "n1"]],
      pod: "p high 500m",
      wants: "n1: a",
    },
    {
      name: "nor for one that is its equal",
      nodes: ["n1 500m", "n2 500m"],
      bound: [terminating("a high 500m on n1", "True", "PreemptionByScheduler"), "b low 500m on n2"],
      nominated: [["p high 500m", "n1"]],
      pod: "p high 500m",
      wants: "n2: b",
    },
    {
      name: "nor for one on another node",
      nodes: ["n1 500m", "n2 500m"],
      bound: ["b low 500m on n1", terminating("a mid 500m on n2", "True", "PreemptionByScheduler")],
      nominated: [["p high 500m", "n1"]],
      pod: "p high 500m",
      wants: "n1: b",
    },
    {
      name: "nor where nothing that leaves could help it",
      nodes: ["n1 300m", "n2 500m"],
      bound: [terminating("a low 300m on n1", "True", "PreemptionByScheduler"), "b low 500m on n2"],
      nominated: [["p high 500m", "n1"]],
      pod: "p high 500m",
      wants: "n2: b",
    },
  ])("$name", async ({ wants, ...situation }) => {
    expect(await preempt(situation)).toBe(wants);
  });
});

describe("nominated pods (5.7)", () => {
  test.each<Situation & { name: string; wants: string }>([
    {
      name: "keep their room from those of lower priority",
      nodes: ["n1 500m"],
      bound: [],
      nominated: [["x mid 400m", "n1"]],
      pod: "p low 200m",
      wants: "0/1 nodes are available: 1 No preemption victims found for incoming pod.",
    },
    {
      name: "and of their own",
      nodes: ["n1 500m", "n2 100m"],
      bound: [],
      nominated: [["x mid 400m", "n1"]],
      pod: "p mid 100m",
      wants: "placed on n1",
    },
    {
      name: "not from higher ones",
      nodes: ["n1 500m"],
      bound: [],
      nominated: [["x mid 400m", "n1"]],
      pod: "p high 200m",
      wants: "placed on n1",
    },
    {
      name: "and victims leave enough for both",
      nodes: ["n1 500m"],
      bound: ["a low 100m on n1 at 1", "b low 200m on n1 at 2", "c low 200m on n1 at 3"],
      nominated: [["x high 200m", "n1"]],
      pod: "p high 200m",
      wants: "n1: b c",
    },
    {
      name: "a pod goes to the node it is nominated to, whatever the scores",
      nodes: ["n1 500m", "n2 9"],
      bound: [],
      nominated: [["p mid 400m", "n1"]],
      pod: "p mid 400m",
      wants: "placed on n1",
    },
  ])("$name", async ({ wants, ...situation }) => {
    expect(await preempt(situation)).toBe(wants);
  });
});

/** Keeps pods with the label app=… away from its node. */
const awayFrom = (app: string): Partial<V1Pod["spec"]> => ({
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app } } },
      ],
    },
  },
});

// kube-scheduler leaves InterPodAffinity's filter out where neither the pod nor one that is there asks anything of the other.
describe("a nominated pod's anti-affinity", () => {
  const nodes = ["n1 500m", "n2 300m", "n3 200m"];
  const nominated = [[pod("x high 100m", awayFrom("web")), "n1"]] as const;
  const web = "p mid 100m app=web";
  test.each<Omit<Situation, "nodes" | "nominated"> & { name: string; wants: string }>([
    {
      name: "is not seen by a pod that asks nothing of others",
      bound: [],
      pod: web,
      wants: "placed on n1",
    },
    {
      name: "is by one that keeps away from others itself",
      bound: [],
      pod: pod(web, awayFrom("db")),
      wants: "placed on n2",
    },
    {
      name: "is by one that keeps near others",
      bound: ["f mid 100m on n1 app=db", "g mid 100m on n2 app=db"],
      pod: pod(web, { affinity: { podAffinity: awayFrom("db")!.affinity!.podAntiAffinity! } }),
      wants: "placed on n2",
    },
    {
      name: "is by one that a pod keeps away from elsewhere",
      bound: [pod("f mid 100m on n2", awayFrom("web"))],
      pod: web,
      wants: "placed on n3",
    },
    {
      name: "is not where others keep away from others",
      bound: [pod("f mid 100m on n2", awayFrom("db"))],
      pod: web,
      wants: "placed on n1",
    },
  ])("$name", async ({ wants, ...situation }) => {
    expect(await preempt({ nodes, nominated, ...situation })).toBe(wants);
  });
});

test("of candidates that are alike in everything the first is chosen", () => {
  const victims = [{ priority: 1, startMs: Number.POSITIVE_INFINITY }];
  const alike = ["n1", "n2"].map((name) => ({ node: name, victims, violations: 0 }));
  expect(chooseNode(alike)?.node).toBe("n1");
  expect(chooseNode([])).toBeUndefined();
});
