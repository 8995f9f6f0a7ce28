import type {
  V1Node,
  V1NodeSelectorRequirement,
  V1NodeSelectorTerm,
  V1Pod,
  V1Taint,
  V1Toleration,
} from "../../host/api/generated/types.ts";
import { bag, fitRequest, usage } from "./requests.ts";

/** Reference model of the filters, written from shared/spec/scheduling.md section 2, in the order of 1.2. */
export interface Refusal {
  plugin: string;
  reasons: string[];
  /** Status UnschedulableAndUnresolvable. */
  unresolvable: boolean;
}

export function tolerates(toleration: V1Toleration, taint: V1Taint): boolean {
  if ((toleration.effect ?? "") !== "" && toleration.effect !== taint.effect) return false;
  if ((toleration.key ?? "") !== "" && toleration.key !== taint.key) return false;
  if (toleration.operator === "Exists") return true;
  return (
    ["", "Equal", undefined].includes(toleration.operator) && (toleration.value ?? "") === (taint.value ?? "")
  );
}

const integer = /^[-+]?[0-9]+$/;

/** One requirement against the text the node has for it; undefined: it has none. */
function holds({ operator, values = [] }: V1NodeSelectorRequirement, actual: string | undefined): boolean {
  switch (operator) {
    case "In":
      return actual !== undefined && values.includes(actual);
    case "NotIn":
      return actual === undefined || !values.includes(actual);
    case "Exists":
      return actual !== undefined;
    case "DoesNotExist":
      return actual === undefined;
    default: {
      if (actual === undefined || !integer.test(actual)) return false;
      const difference = BigInt(actual) - BigInt(values[0]!);
      return operator === "Gt" ? difference > 0n : difference < 0n;
    }
  }
}

/** Empty, or up to 63 characters that begin and end with a letter or digit. */
const labelValue = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/** A requirement that cannot be parsed (labels.NewRequirement) makes its term match nothing. */
function parses({ operator, values = [] }: V1NodeSelectorRequirement): boolean {
  if (!values.every((value) => labelValue.test(value))) return false;
  if (operator === "In" || operator === "NotIn") return values.length > 0;
  if (operator === "Exists" || operator === "DoesNotExist") return values.length === 0;
  return values.length === 1 && integer.test(values[0]!);
}

export function termMatches(term: V1NodeSelectorTerm | undefined, node: V1Node): boolean {
  const expressions = term?.matchExpressions ?? [];
  const fields = term?.matchFields ?? [];
  if (expressions.length + fields.length === 0) return false;
  return (
    expressions.every((one) => parses(one) && holds(one, node.metadata?.labels?.[one.key])) &&
    fields.every((one) => one.values?.length === 1 && holds(one, node.metadata?.name))
  );
}

/** The names PreFilter narrows to; undefined: it does not. */
export function narrowedNames(pod: V1Pod): string[] | undefined {
  const terms =
    pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  if (terms.length === 0) return undefined;
  const names: string[] = [];
  for (const term of terms) {
    const lists = (term.matchFields ?? [])
      .filter((one) => one.operator === "In")
      .map((one) => one.values ?? []);
    if (lists.length === 0) return undefined;
    names.push(...lists[0]!.filter((name) => lists.every((list) => list.includes(name))));
  }
  return names;
}

export function hostPorts(pod: V1Pod): { ip: string; protocol: string; port: number }[] {
  const sidecars = (pod.spec!.initContainers ?? []).filter((one) => one.restartPolicy === "Always");
  return [...pod.spec!.containers, ...sidecars]
    .flatMap((one) => one.ports ?? [])
    .map((one) => ({
      ip: one.hostIP || "0.0.0.0",
      protocol: one.protocol || "TCP",
      port: one.hostPort || (pod.spec!.hostNetwork ? one.containerPort : 0),
    }))
    .filter((one) => one.port > 0);
}

function portsCollide(pod: V1Pod, others: V1Pod[]): boolean {
  const used = others.flatMap(hostPorts);
  return hostPorts(pod).some((want) =>
    used.some(
      (use) =>
        want.port === use.port &&
        want.protocol === use.protocol &&
        (want.ip === use.ip || want.ip === "0.0.0.0" || use.ip === "0.0.0.0"),
    ),
  );
}

function isScalar(name: string): boolean {
  return name.includes("/") || name.startsWith("hugepages-") || name.startsWith("attachable-volumes-");
}

function resourcesFit(pod: V1Pod, node: V1Node, others: V1Pod[]): Refusal | undefined {
  const offered = bag(node.status?.allocatable);
  const wanted = fitRequest(pod);
  const used = others.map(usage);
  const reasons: string[] = [];
  let unresolvable = false;
  if (BigInt(others.length) + 1n > (offered["pods"] ?? 0n)) reasons.push("Too many pods");
  const scalars = Object.keys(wanted).filter(isScalar);
  for (const name of ["cpu", "memory", "ephemeral-storage", ...scalars]) {
    const want = wanted[name] ?? 0n;
    const offer = offered[name] ?? 0n;
    const taken = used.reduce((sum, one) => sum + (one[name] ?? 0n), 0n);
    if (want === 0n || want <= offer - taken) continue;
    reasons.push(`Insufficient ${name}`);
    if (want > offer) unresolvable = true;
  }
  return reasons.length === 0 ? undefined : { plugin: "NodeResourcesFit", reasons, unresolvable };
}

export function toleratesHardTaints(pod: V1Pod, node: V1Node): boolean {
  const hard = (node.spec?.taints ?? []).filter((one) => one.effect !== "PreferNoSchedule");
  return hard.every((taint) => (pod.spec!.tolerations ?? []).some((one) => tolerates(one, taint)));
}

/** nodeSelector and required node affinity. */
export function requiredAffinityMatches(pod: V1Pod, node: V1Node): boolean {
  const required = pod.spec!.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const selected = Object.entries(pod.spec!.nodeSelector ?? {}).every(
    ([key, value]) => node.metadata?.labels?.[key] === value,
  );
  return selected && (!required || required.nodeSelectorTerms.some((term) => termMatches(term, node)));
}

/** The first refusal of a node by what it is and holds itself, or undefined. */
export function filterNode(pod: V1Pod, node: V1Node, others: V1Pod[]): Refusal | undefined {
  const spec = pod.spec!;
  const tolerations = spec.tolerations ?? [];
  const no = (plugin: string, reason: string, unresolvable = true) => ({
    plugin,
    reasons: [reason],
    unresolvable,
  });
  const names = narrowedNames(pod);
  if (names && !names.includes(node.metadata!.name!))
    return no("NodeAffinity", "node(s) didn't satisfy plugin(s) [NodeAffinity]");
  const cordon = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };
  if (node.spec?.unschedulable && !tolerations.some((one) => tolerates(one, cordon)))
    return no("NodeUnschedulable", "node(s) were unschedulable");
  if (spec.nodeName && spec.nodeName !== node.metadata!.name)
    return no("NodeName", "node(s) didn't match the requested node name");
  if (!toleratesHardTaints(pod, node)) return no("TaintToleration", "node(s) had untolerated taint(s)");
  if (!requiredAffinityMatches(pod, node))
    return no("NodeAffinity", "node(s) didn't match Pod's node affinity/selector");
  if (portsCollide(pod, others))
    return no("NodePorts", "node(s) didn't have free ports for the requested pod ports", false);
  return resourcesFit(pod, node, others);
}
