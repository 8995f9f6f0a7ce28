import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { buildCluster } from "./cluster.ts";
import { readManifests } from "./manifests.ts";
import { place } from "./place.ts";

const folder = mkdtempSync(join(tmpdir(), "pintle-simulation-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes files and gives the folder's path; each call has its own. */
let folders = 0;
function files(contents: Record<string, string>): string {
  const inside = join(folder, String(folders++));
  for (const [name, text] of Object.entries(contents)) {
    mkdirSync(dirname(join(inside, name)), { recursive: true });
    writeFileSync(join(inside, name), text);
  }
  return inside;
}

const node = (name: string, more = "") =>
  `{apiVersion: v1, kind: Node, metadata: {name: ${name}, labels: {disk: ${name}}}, status: {allocatable: {cpu: 4, memory: 8Gi, pods: 10}}${more}}`;
const container = "containers: [{name: main, image: nginx, resources: {requests: {cpu: 1, memory: 1Gi}}}]";
const template = (spec = "", restart = "") =>
  `template: {metadata: {labels: {app: web}}, spec: {${restart}${spec}${container}}}`;
const workload = (kind: string, spec: string, apiVersion = "apps/v1", name = "web") =>
  `{apiVersion: ${apiVersion}, kind: ${kind}, metadata: {name: ${name}}, spec: {${spec}}}`;
const selector = "selector: {matchLabels: {app: web}}";
const once = "restartPolicy: Never, ";
const documents = (...texts: string[]) => texts.join("\n---\n");

async function placed(text: string, options: { ties?: "lowest" | "random"; seed?: number } = {}) {
  const cluster = buildCluster(readManifests([files({ "all.yaml": text })]));
  return place(cluster, { seed: options.seed ?? 0, ties: options.ties ?? "lowest" });
}

const podsOf = (text: string) =>
  buildCluster(readManifests([files({ "all.yaml": text })])).pods.map(({ object }) => object.metadata!.name);

describe("workloads expand to pods", () => {
  test.each([
    { kind: "Deployment", spec: `replicas: 2, ${selector}, ${template()}`, pods: ["web-0", "web-1"] },
    { kind: "Deployment", spec: `${selector}, ${template()}`, pods: ["web-0"] },
    { kind: "Deployment", spec: `replicas: 0, ${selector}, ${template()}`, pods: [] },
    { kind: "ReplicaSet", spec: `replicas: 2, ${selector}, ${template()}`, pods: ["web-0", "web-1"] },
    {
      kind: "ReplicationController",
      version: "v1",
      spec: `replicas: 2, selector: {app: web}, ${template()}`,
      pods: ["web-0", "web-1"],
    },
    {
      kind: "StatefulSet",
      spec: `serviceName: web, replicas: 2, ordinals: {start: 5}, ${selector}, ${template()}`,
      pods: ["web-5", "web-6"],
    },
    { kind: "DaemonSet", spec: `${selector}, ${template()}`, pods: ["web-0", "web-1"] },
    { kind: "DaemonSet", spec: `${selector}, ${template("nodeSelector: {disk: b}, ")}`, pods: ["web-0"] },
    { kind: "Job", version: "batch/v1", spec: template("", once), pods: ["web-0"] },
    {
      kind: "Job",
      version: "batch/v1",
      spec: `parallelism: 3, completions: 2, ${template("", once)}`,
      pods: ["web-0", "web-1"],
    },
    { kind: "Job", version: "batch/v1", spec: `suspend: true, ${template("", once)}`, pods: [] },
    {
      kind: "CronJob",
      version: "batch/v1",
      spec: `schedule: "* * * * *", jobTemplate: {spec: {parallelism: 2, completions: 4, ${template("", once)}}}`,
      pods: ["web-0", "web-1"],
    },
    {
      kind: "CronJob",
      version: "batch/v1",
      spec: `schedule: "* * * * *", suspend: true, jobTemplate: {spec: {${template("", once)}}}`,
      pods: [],
    },
  ])("$kind {$spec}", ({ kind, version, spec, pods }) => {
    expect(podsOf(documents(node("a"), node("b"), workload(kind, spec, version)))).toEqual(pods);
  });

  test("a daemon pod goes to its own node, though another has more room, and not past a taint", async () => {
    const tainted = node("c", ", spec: {taints: [{key: gpu, effect: NoSchedule}]}");
    const set = workload("DaemonSet", `${selector}, ${template()}`);
    const { placements } = await placed(documents(node("a"), node("b"), tainted, set));
    expect(placements).toEqual([
      { pod: "default/web-0", node: "a" },
      { pod: "default/web-1", node: "b" },
    ]);
  });

  test("the pods of a StatefulSet have their claims", () => {
    const claims = `volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]`;
    const set = workload("StatefulSet", `serviceName: web, ${claims}, ${selector}, ${template()}`);
    const { pods, objects } = buildCluster(readManifests([files({ "all.yaml": set })]));
    expect(pods[0]!.object.spec!.volumes).toEqual([
      { name: "data", persistentVolumeClaim: { claimName: "data-web-0" } },
    ]);
    expect(objects.map(({ object }) => `${object.kind} ${object.metadata!.name}`)).toEqual([
      "StatefulSet web",
      "PersistentVolumeClaim data-web-0",
    ]);
  });

  test("a claim counts as bound, unless its class waits for the first pod", async () => {
    const claims = (more: string) =>
      `volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], ${more}resources: {requests: {storage: 1Gi}}}}]`;
    const set = (more: string) =>
      workload("StatefulSet", `serviceName: web, ${claims(more)}, ${selector}, ${template()}`);
    const waits =
      "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: local}, provisioner: kubernetes.io/no-provisioner, volumeBindingMode: WaitForFirstConsumer}";
    expect((await placed(documents(node("a"), set("")))).placements).toHaveLength(1);
    const local = await placed(documents(node("a"), waits, set("storageClassName: local, ")));
    expect(local.unscheduled[0]!.message).toContain(
      "node(s) didn't find available persistent volumes to bind",
    );
  });

  test("a second workload of the same name gets its kind into the names of its pods", () => {
    const spec = `${selector}, ${template()}`;
    const both = documents(
      workload("Deployment", spec),
      workload("StatefulSet", `serviceName: web, ${spec}`),
    );
    expect(podsOf(both)).toEqual(["web-0", "web-statefulset-0"]);
  });

  test("in the dump of a cluster the pods that are there stand for their workload", async () => {
    const owned = (kind: string, owner: string, apiVersion: string, rest: string) =>
      `{apiVersion: ${apiVersion}, kind: ${kind}, metadata: {name: web-x, ownerReferences: [{apiVersion: apps/v1, kind: ${owner}, name: ${kind === "Pod" ? "web-x" : "web"}, uid: u, controller: true}]}, ${rest}}`;
    const { placements, stats } = await placed(
      documents(
        node("a"),
        node("b"),
        workload("Deployment", `replicas: 3, ${selector}, ${template()}`),
        owned("ReplicaSet", "Deployment", "apps/v1", `spec: {replicas: 3, ${selector}, ${template()}}`),
        owned("Pod", "ReplicaSet", "v1", `spec: {nodeName: b, ${container}}`),
      ),
    );
    expect(placements).toEqual([{ pod: "default/web-x", node: "b" }]);
    expect(stats).toMatchObject({ nodes: 2, pods: 1, placed: 1, allocated: { cpu: 0.125 } });
  });

  test("items of a List, and of a NodeList that does not say what they are", () => {
    const bare = node("a").replace("apiVersion: v1, kind: Node, ", "");
    const pod = workload("Pod", container, "v1", "one");
    const text = documents(
      `{apiVersion: v1, kind: NodeList, items: [${bare}]}`,
      `{apiVersion: v1, kind: List, items: [${pod}]}`,
    );
    const cluster = buildCluster(readManifests([files({ "all.yaml": text })]));
    expect([cluster.nodes.length, cluster.pods.length]).toEqual([1, 1]);
  });
});

describe("placing", () => {
  const nodes = [node("a"), node("b")];
  const pods = ["p", "q", "r"].map((name) => workload("Pod", container, "v1", name));

  test("in the order given, each seen by the next; the first of equals", async () => {
    const { placements, unscheduled, stats } = await placed(documents(...nodes, ...pods));
    expect(placements.map((one) => one.node)).toEqual(["a", "b", "a"]);
    expect(unscheduled).toEqual([]);
    expect(stats).toEqual({
      nodes: 2,
      pods: 3,
      placed: 3,
      seconds: 0,
      allocated: { cpu: 0.375, memory: 0.1875, pods: 0.15 },
      fragmentation: { cpu: 0, memory: 0, pods: 0 },
    });
  });

  test("a pod that fits nowhere says why, for each node", async () => {
    const large = workload("Pod", container.replace("cpu: 1", "cpu: 5"), "v1", "large");
    const { unscheduled, stats } = await placed(documents(...nodes, large));
    expect(unscheduled[0]).toMatchObject({
      pod: "default/large",
      message: expect.stringMatching(/^0\/2 nodes are available: 2 Insufficient cpu\./),
      nodes: { a: ["Insufficient cpu"], b: ["Insufficient cpu"] },
    });
    // All of the free cpu is of no use to the only pod there is.
    expect(stats).toMatchObject({ pods: 1, placed: 0, fragmentation: { cpu: 1 } });
  });

  test("a gated pod waits, and the next has its place", async () => {
    const gated = workload("Pod", `schedulingGates: [{name: quota}], ${container}`, "v1", "gated");
    const { placements, unscheduled } = await placed(documents(...nodes, gated, ...pods));
    expect(placements.map((one) => one.node)).toEqual(["a", "b", "a"]);
    expect(unscheduled).toEqual([
      {
        pod: "default/gated",
        message: "waiting for scheduling gates: [quota]",
        nodes: {},
      },
    ]);
  });

  test("random ties come from the seed", async () => {
    const many = Array.from({ length: 8 }, (_, i) => node(`n${i}`));
    const one = [...many, pods[0]!];
    const chosen = async (seed: number) =>
      (await placed(documents(...one), { ties: "random", seed })).placements[0]!.node;
    expect(await chosen(3)).toBe(await chosen(3));
    const all = await Promise.all(Array.from({ length: 12 }, (_, seed) => chosen(seed)));
    expect(new Set(all).size).toBeGreaterThan(1);
  });

  test("a priority class is resolved", () => {
    const high = `{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: high}, value: 7}`;
    const pod = workload("Pod", `priorityClassName: high, ${container}`, "v1", "p");
    const [given] = buildCluster(readManifests([files({ "all.yaml": documents(high, pod) })])).pods;
    expect(given!.object.spec!.priority).toBe(7);
  });

  test("custom resources are skipped, and that is said", () => {
    const text = "{apiVersion: ceph.rook.io/v1, kind: CephCluster, metadata: {name: c}}";
    const path = join(files({ "all.yaml": text }), "all.yaml");
    expect(readManifests([path])).toEqual({
      all: [],
      skipped: [`${path}: no matches for kind "CephCluster" in version "ceph.rook.io/v1"`],
    });
  });
});

describe("bad input is one line with the file and the field", () => {
  const pod = workload("Pod", container, "v1", "p");
  test.each([
    { name: "YAML", text: "---\n---\na: 1\nb: x: y", says: /all\.yaml: yaml: line 4: / },
    {
      name: "a key twice",
      text: "kind: Pod\nkind: Pod",
      says: /all\.yaml: .*line 2: key "kind" already set/,
    },
    { name: "not an object", text: "- 1", says: /all\.yaml: an object with apiVersion and kind/ },
    { name: "no kind", text: "apiVersion: v1", says: /all\.yaml: kind: Required value/ },
    {
      name: "no such kind",
      text: "{apiVersion: v1, kind: Pot}",
      says: /no matches for kind "Pot" in version "v1"/,
    },
    { name: "List of text", text: "{apiVersion: v1, kind: List, items: a}", says: /all\.yaml: items: / },
    { name: "a wrong type", text: pod.replace("image: nginx", "image: [1]"), says: /all\.yaml: .*image/ },
    {
      name: "an unknown field",
      text: pod.replace("image: nginx", "imge: nginx"),
      says: /all\.yaml: Pod "p" is invalid: spec\.containers\[0\]\.imge: unknown field/,
    },
    {
      name: "no containers",
      text: workload("Pod", "containers: []", "v1", "p"),
      says: /all\.yaml: Pod "p" is invalid: spec\.containers: Required value/,
    },
    {
      name: "a negative request",
      text: pod.replace("cpu: 1", 'cpu: "-1"'),
      says: /all\.yaml: Pod "p" is invalid: .*spec\.containers\[0\]\.resources\.requests\[cpu\]/,
    },
    {
      name: "a selector with an illegal operator",
      text: workload(
        "Pod",
        `affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Near}]}]}}}, ${container}`,
        "v1",
        "p",
      ),
      says: /all\.yaml: Pod "p" is invalid: .*matchExpressions\[0\]\.operator/,
    },
    {
      name: "the same pod twice",
      text: documents(pod, pod),
      says: /all\.yaml: pods "default\/p" is given twice/,
    },
    {
      name: "more pods than a simulation takes",
      text: workload("Deployment", `replicas: 2000000000, ${selector}, ${template()}`),
      says: /all\.yaml: Deployment "web": spec\.replicas: .*more than 1000000 pods/,
    },
    {
      name: "a pod on a node that is not there",
      text: workload("Pod", `nodeName: x, ${container}`, "v1", "p"),
      says: /all\.yaml: Pod "default\/p": spec\.nodeName: Not found: "x"/,
    },
    {
      name: "a priority class that is not there",
      text: workload("Pod", `priorityClassName: x, ${container}`, "v1", "p"),
      says: /all\.yaml: Pod "default\/p": spec\.priorityClassName: no PriorityClass with name x/,
    },
    {
      name: "a node without allocatable",
      text: "{apiVersion: v1, kind: Node, metadata: {name: a}}",
      says: /all\.yaml: Node "a" is invalid: status\.allocatable: Required value/,
    },
    {
      name: "a node of more CPUs than can be counted",
      text: node("a").replace("cpu: 4", "cpu: 9999999"),
      says: /all\.yaml: Node "a": status\.allocatable\[cpu\]: .*more than/,
    },
  ])("$name", async ({ text, says }) => {
    const error = await placed(text).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).name).toBe("InputError");
    expect((error as Error).message).toMatch(says);
    expect((error as Error).message).not.toContain("\n");
  });

  test("a path that is not there, a folder without manifests", () => {
    expect(() => readManifests([join(folder, "absent.yaml")])).toThrow(
      /^no such file or directory: .*absent/,
    );
    expect(() => readManifests([files({ "a.yaml": "", "b.yaml": "---" })])).toThrow(/^no objects in /);
    expect(() => readManifests([files({ "notes.txt": "" })])).toThrow(/holds no \.yaml, \.yml, \.json file/);
  });
});
