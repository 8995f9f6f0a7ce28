import { describe, expect, test } from "vitest";
import type { V1NodeSelectorTerm, V1PodSpec } from "../../host/api/generated/types.ts";
import { play, type Step } from "./session.ts";
import { bound, container, node, place, pod, refusalOf } from "./shorthand.ts";

/**
 * The sheet's tricky cases (shared/spec/scheduling.md 9) of the filters that are built, by their numbers there. Whether a
 * refusal could be resolved by preemption shows in the message's second half.
 */
const FIT_NODE = node("n1", "10m/20 example.com/aaa=5 ephemeral-storage=20 hugepages-2Mi=5");
const RESOLVABLE = "1 No preemption victims found for incoming pod.";
const UNRESOLVABLE = "1 Preemption is not helpful for scheduling.";

const cpu = "Insufficient cpu";
const memory = "Insufficient memory";
const aaa = "Insufficient example.com/aaa";

describe("NodeResourcesFit", () => {
  const aaaPod = (amount: number, more = "") => pod("p", `example.com/aaa=${amount} ${more}`);
  const init = (requests: string) => ({ initContainers: requests.split("; ").map((one) => container(one)) });
  test.each([
    { name: "1 a pod that asks nothing", used: "10m/20", pod: pod("p", ""), wants: "fits" },
    { name: "2 two resources short", used: "10m/20", pod: pod("p", "1m/1"), wants: [cpu, memory] },
    {
      name: "3 the init container decides",
      used: "8m/19",
      pod: pod("p", "1m/1", init("3m/1")),
      wants: [cpu],
    },
    {
      name: "4 init containers: the largest",
      used: "9m/19",
      pod: pod("p", "1m/1", init("1m/1; 1m/1")),
      wants: "fits",
    },
    { name: "5 equality fits", used: "5m/19", pod: pod("p", "5m/1"), wants: "fits" },
    { name: "6 more than allocatable", used: "", pod: aaaPod(10), wants: [aaa], never: true },
    { name: "7 all in use", used: "example.com/aaa=5", pod: aaaPod(1), wants: [aaa] },
    {
      name: "8 containers add up",
      used: "example.com/aaa=2",
      pod: pod("p", ["example.com/aaa=3", "example.com/aaa=3"]),
      wants: [aaa],
      never: true,
    },
    {
      name: "8 init containers do not",
      used: "example.com/aaa=2",
      pod: pod("p", "", init("example.com/aaa=3; example.com/aaa=3")),
      wants: "fits",
    },
    {
      name: "9 a resource the node does not know",
      used: "",
      pod: pod("p", "example.com/bbb=1"),
      wants: ["Insufficient example.com/bbb"],
      never: true,
    },
    { name: "11 overhead counts", used: "5m/5", pod: pod("p", "1m/1", overhead("3m", "13")), wants: "fits" },
    {
      name: "11 and can be too much",
      used: "5m/5",
      pod: pod("p", "1m/1", overhead("1m", "15")),
      wants: [memory],
    },
    {
      name: "12 asking 0 of an over-used resource",
      used: "example.com/aaa=6",
      pod: aaaPod(0),
      wants: "fits",
    },
    {
      name: "13 pod-level requests replace",
      used: "5m/5",
      pod: pod("p", "1m/1", { resources: { requests: { cpu: "7m", memory: "2" } } }),
      wants: [cpu],
    },
    {
      name: "14 pod-level huge pages",
      used: "",
      pod: pod("p", "", { resources: { requests: { "hugepages-2Mi": "10" } } }),
      wants: ["Insufficient hugepages-2Mi"],
      never: true,
    },
    {
      name: "14 replace the container's",
      used: "",
      pod: pod("p", "hugepages-2Mi=3", { resources: { requests: { "hugepages-2Mi": "5" } } }),
      wants: "fits",
    },
    {
      name: "a sidecar runs beside the containers",
      used: "",
      pod: pod("p", "6m/1", { initContainers: [container("5m/1", { restartPolicy: "Always" })] }),
      wants: [cpu],
      never: true,
    },
    {
      name: "a limit without a request is a request",
      used: "",
      pod: pod("p", "", { containers: [{ name: "c", resources: { limits: { cpu: "11m" } } }] }),
      wants: [cpu],
      never: true,
    },
    {
      name: "more than any node can have never fits",
      used: "",
      pod: pod("p", "9223372036854775807/70Pi"),
      wants: [cpu, memory],
      never: true,
    },
  ])("$name", async ({ used, pod: wanted, wants, never }) => {
    const { explanation, message } = await place({
      nodes: [FIT_NODE],
      bound: [bound("b", used, "n1")],
      pod: wanted,
    });
    const reasons = typeof wants === "string" ? wants : `NodeResourcesFit: ${wants.join(", ")}`;
    expect(refusalOf(explanation)).toBe(reasons);
    if (wants !== "fits") expect(message).toContain(never ? UNRESOLVABLE : RESOLVABLE);
  });

  test("16 the pod count is a resource", async () => {
    const nodes = [node("n1", "10m/20 pods=1")];
    const { explanation } = await place({ nodes, bound: [bound("b", "", "n1")], pod: pod("p", "") });
    expect(refusalOf(explanation)).toBe("NodeResourcesFit: Too many pods");
  });
});

function overhead(milliCpu: string, bytes: string): Partial<V1PodSpec> {
  return { overhead: { cpu: milliCpu, memory: bytes } };
}

describe("NodePorts", () => {
  /** `TCP/127.0.0.1/8001` */
  const ports = (text: string) =>
    text
      .split(" ")
      .filter(Boolean)
      .map((one) => one.split("/"))
      .map(([protocol, hostIP, port]) => ({ protocol, hostIP, hostPort: Number(port), containerPort: 80 }));
  const refused = "NodePorts: node(s) didn't have free ports for the requested pod ports";
  test.each([
    {
      name: "17 the wildcard meets an address",
      wants: "TCP/0.0.0.0/8001",
      used: "TCP/127.0.0.1/8001",
      is: refused,
    },
    { name: "17 and the other way", wants: "TCP/127.0.0.1/8001", used: "TCP/0.0.0.0/8001", is: refused },
    { name: "18 another protocol", wants: "UDP/127.0.0.1/8001", used: "TCP/0.0.0.0/8001", is: "fits" },
    {
      name: "18 one of two",
      wants: "UDP/127.0.0.1/8001",
      used: "TCP/0.0.0.0/8001 UDP/0.0.0.0/8001",
      is: refused,
    },
    { name: "two addresses", wants: "TCP/127.0.0.1/8001", used: "TCP/10.0.0.1/8001", is: "fits" },
    { name: ":: is no wildcard", wants: "TCP/::/8001", used: "TCP/127.0.0.1/8001", is: "fits" },
  ])("$name", async ({ wants, used, is }) => {
    const withPorts = (text: string) => ({ containers: [{ name: "c", ports: ports(text) }] });
    const { explanation } = await place({
      nodes: [node("n1", "1/1Gi")],
      bound: [bound("b", "", "n1", withPorts(used))],
      pod: pod("p", "", withPorts(wants)),
    });
    expect(refusalOf(explanation)).toBe(is);
  });

  // The last bit of a table's last word counts, and the first of the next.
  test.each([31, 32, 33, 63, 64, 128, 256])("each of %i ports is looked at", async (count) => {
    const many = Array.from({ length: count }, (_, i) => ports(`TCP/0.0.0.0/${1000 + i}`)[0]!);
    const there = bound("b", "", "n1", { containers: [{ name: "c", ports: many }] });
    const nodes = [node("n1", "1/1Gi")];
    const steps: Step[] = [
      { node: nodes[0]! },
      { bound: there },
      ...many.map(
        (port, i): Step => ({ place: pod(`p${i}`, "", { containers: [{ name: "c", ports: [port] }] }) }),
      ),
      { place: pod("free", "", { containers: [{ name: "c", ports: ports("TCP/0.0.0.0/999") }] }) },
    ];
    expect(await play({ steps }, { flavour: "debug" })).toBeUndefined();
  });

  test.each([
    { name: "19 an init container's port is none", restartPolicy: undefined, is: "fits" },
    { name: "19 a sidecar's is", restartPolicy: "Always", is: refused },
  ])("$name", async ({ restartPolicy, is }) => {
    const { explanation } = await place({
      nodes: [node("n1", "1/1Gi")],
      bound: [bound("b", "", "n1", { containers: [{ name: "c", ports: ports("TCP/0.0.0.0/8001") }] })],
      pod: pod("p", "", { initContainers: [{ name: "i", restartPolicy, ports: ports("TCP/0.0.0.0/8001") }] }),
    });
    expect(refusalOf(explanation)).toBe(is);
  });
});

describe("TaintToleration and NodeUnschedulable", () => {
  const refused = "TaintToleration: node(s) had untolerated taint(s)";
  /** `key operator value effect`, `-` for none. */
  const tolerations = (text: string) =>
    text === ""
      ? []
      : [text.split(" ").map((one) => (one === "-" ? "" : one))].map(([key, operator, value, effect]) => ({
          key,
          operator,
          value,
          effect,
        }));
  test.each([
    {
      name: "20 another value",
      taint: "dedicated=user1:NoSchedule",
      by: "dedicated Equal user2 NoSchedule",
      is: refused,
    },
    {
      name: "21 another effect",
      taint: "foo=bar:NoSchedule",
      by: "foo Equal bar PreferNoSchedule",
      is: refused,
    },
    { name: "21 no effect means all", taint: "foo=bar:NoSchedule", by: "foo Equal bar -", is: "fits" },
    {
      name: "NoExecute refuses too",
      taint: "foo=bar:NoExecute",
      by: "foo Equal bar NoSchedule",
      is: refused,
    },
    { name: "21 PreferNoSchedule never refuses", taint: "foo=bar:PreferNoSchedule", by: "", is: "fits" },
    { name: "22 Gt is off", taint: "level=950:NoSchedule", by: "level Gt 750 NoSchedule", is: refused },
    { name: "22 Gt of more", taint: "level=800:NoSchedule", by: "level Gt 950 NoSchedule", is: refused },
    { name: "22 Lt is off", taint: "level=800:NoSchedule", by: "level Lt 950 NoSchedule", is: refused },
    { name: "22 Lt of less", taint: "level=950:NoSchedule", by: "level Lt 800 NoSchedule", is: refused },
    {
      name: "22 Lt of no number",
      taint: "level=high:NoSchedule",
      by: "level Lt 950 NoSchedule",
      is: refused,
    },
    { name: "no key and Exists is everything", taint: "foo=bar:NoExecute", by: "- Exists - -", is: "fits" },
  ])("$name", async ({ taint, by, is }) => {
    const { explanation } = await place({
      nodes: [node("n1", "1/1Gi", {}, taint)],
      pod: pod("p", "", { tolerations: tolerations(by) }),
    });
    expect(refusalOf(explanation)).toBe(is);
  });

  test("a cordoned node says so, although it is tainted too", async () => {
    const cordoned = node("n1", "1/1Gi", {}, "node.kubernetes.io/unschedulable:NoSchedule");
    cordoned.spec!.unschedulable = true;
    const { explanation } = await place({ nodes: [cordoned], pod: pod("p", "") });
    expect(refusalOf(explanation)).toBe("NodeUnschedulable: node(s) were unschedulable");
    const all = tolerations("node.kubernetes.io/unschedulable Exists - NoSchedule");
    expect((await place({ nodes: [cordoned], pod: pod("p", "", { tolerations: all }) })).node).toBe("n1");
  });
});

describe("NodeAffinity and NodeName", () => {
  const affinity = (...terms: V1NodeSelectorTerm[]): Partial<V1PodSpec> => ({
    affinity: {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } },
    },
  });
  /** `foo In bar`, `metadata.name In n1`, several joined by `&` */
  const term = (text: string): V1NodeSelectorTerm => {
    const parts = text.split(" & ").map((part) => {
      const [key, operator, ...values] = part.split(" ");
      return { key: key!, operator: operator!, ...(values.length > 0 ? { values } : {}) };
    });
    const isField = (key: string) => key === "metadata.name";
    return {
      matchExpressions: parts.filter(({ key }) => !isField(key)),
      matchFields: parts.filter(({ key }) => isField(key)),
    };
  };
  const mismatch = "NodeAffinity: node(s) didn't match Pod's node affinity/selector";
  const outside = "NodeAffinity: node(s) didn't satisfy plugin(s) [NodeAffinity]";
  const nodes = [
    node("node1", "1/1Gi", { kernel: "0206", zone: "a" }),
    node("node2", "1/1Gi", { foo: "bar" }),
    node("node3", "1/1Gi"),
  ];
  test.each([
    {
      name: "23 Gt compares numbers",
      spec: affinity(term("kernel Gt 0204")),
      is: ["fits", mismatch, mismatch],
    },
    { name: "23 Lt", spec: affinity(term("kernel Lt 207")), is: ["fits", mismatch, mismatch] },
    {
      name: "24 NotIn takes a missing label",
      spec: affinity(term("zone NotIn a")),
      is: [mismatch, "fits", "fits"],
    },
    { name: "DoesNotExist", spec: affinity(term("foo DoesNotExist")), is: ["fits", mismatch, "fits"] },
    { name: "25 an empty term takes nothing", spec: affinity({}), is: [mismatch, mismatch, mismatch] },
    { name: "no term takes nothing", spec: affinity(), is: [mismatch, mismatch, mismatch] },
    {
      name: "26 one term by name, one by label",
      spec: affinity(term("metadata.name In node1"), term("foo In bar")),
      is: ["fits", "fits", mismatch],
    },
    {
      name: "27 both by name: the rest is left out",
      spec: affinity(term("metadata.name In node1"), term("metadata.name In node2")),
      is: ["fits", "fits", outside],
    },
    { name: "nodeSelector", spec: { nodeSelector: { foo: "bar" } }, is: [mismatch, "fits", mismatch] },
    {
      name: "spec.nodeName",
      spec: { nodeName: "node3" },
      is: [...Array(2).fill("NodeName: node(s) didn't match the requested node name"), "fits"],
    },
  ])("$name", async ({ spec, is }) => {
    const { explanation } = await place({ nodes, pod: pod("p", "", spec) });
    expect(is.map((_, i) => refusalOf(explanation, i))).toEqual(is);
  });

  test("a node that is left out says so, although it is cordoned too", async () => {
    const cordoned = node("node4", "1/1Gi");
    cordoned.spec!.unschedulable = true;
    const spec = affinity(term("metadata.name In node1"));
    const { explanation } = await place({ nodes: [...nodes, cordoned], pod: pod("p", "", spec) });
    expect(refusalOf(explanation, 3)).toBe(outside);
  });

  test("28 names that contradict each other", async () => {
    const spec = affinity(term("metadata.name In node1 & metadata.name In node2"));
    const { message, explanation } = await place({ nodes, pod: pod("p", "", spec) });
    expect(message).toBe("0/3 nodes are available: pod affinity terms conflict. not found");
    expect(refusalOf(explanation)).toBe("NodeAffinity: pod affinity terms conflict");
  });
});
