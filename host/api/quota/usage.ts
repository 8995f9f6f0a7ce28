import type { KubernetesObject } from "../../apimachinery/object.ts";
import { parseQuantity, type Quantity, quantityOf, value } from "../../apimachinery/quantity.ts";
import type { V1Container, V1PersistentVolumeClaim, V1Pod, V1Service } from "../generated/types.ts";
import type { Kind } from "../kind.ts";
import { type Amounts, addAmounts, amountsOf, podAmounts } from "../pod-spec/amounts.ts";

/** Kinds that are also counted by their bare plural. */
const COUNTED_BY_NAME = new Set([
  "configmaps",
  "persistentvolumeclaims",
  "replicationcontrollers",
  "resourcequotas",
  "secrets",
  "services",
]);

const ONE = quantityOf(1);

/** `count/deployments.apps`, `count/pods` */
export function countName({ group, plural }: Pick<Kind, "group" | "plural">): string {
  return `count/${plural}${group === "" ? "" : `.${group}`}`;
}

/**
 * What one object takes of each resource a quota can name. Source: controllers.md 15, api-policy 4.7.
 *
 * @param nowMs  a pod whose grace period is over is not counted any more
 */
export function usageOf(
  kind: Pick<Kind, "group" | "plural">,
  object: KubernetesObject,
  nowMs: number,
): Amounts {
  const usage: Amounts = new Map([[countName(kind), ONE]]);
  if (kind.group !== "") return usage;
  if (COUNTED_BY_NAME.has(kind.plural)) usage.set(kind.plural, ONE);
  if (kind.plural === "pods") addAmounts(usage, podUsage(object as V1Pod, nowMs));
  if (kind.plural === "services") addAmounts(usage, serviceUsage(object as V1Service));
  if (kind.plural === "persistentvolumeclaims")
    addAmounts(usage, claimUsage(object as V1PersistentVolumeClaim));
  return usage;
}

function podUsage(pod: V1Pod, nowMs: number): Amounts {
  if (!isCounted(pod, nowMs)) return new Map();
  return new Map([["pods", ONE], ...computeNames(podAmounts(pod, "requests"), podAmounts(pod, "limits"))]);
}

/** Not finished, and not gone longer than its grace period. */
function isCounted({ status, metadata }: V1Pod, nowMs: number): boolean {
  if (status?.phase === "Succeeded" || status?.phase === "Failed") return false;
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata ?? {};
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return true;
  return Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000 > nowMs;
}

const WITH_LIMITS = new Set(["cpu", "memory", "ephemeral-storage"]);

/** The names under which requests and limits are limited: `cpu` and `requests.cpu` are one, extended resources have no limits. */
function computeNames(requests: Amounts, limits: Amounts): Amounts {
  const named: Amounts = new Map();
  for (const [name, amount] of requests) {
    if (WITH_LIMITS.has(name) || name.startsWith("hugepages-")) named.set(name, amount);
    named.set(`requests.${name}`, amount);
  }
  for (const [name, amount] of limits) if (WITH_LIMITS.has(name)) named.set(`limits.${name}`, amount);
  return named;
}

/** What a quota that limits one of these asks every container to say. */
const HAS_TO_BE_SAID = new Set([
  "cpu",
  "memory",
  "requests.cpu",
  "requests.memory",
  "limits.cpu",
  "limits.memory",
]);

/** `limits.memory for: c; requests.cpu for: c`: what containers leave out that has to be said; "" for nothing. */
export function unsaid(pod: V1Pod, limited: readonly string[]): string {
  if (pod.spec?.resources !== undefined) return "";
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  return limited
    .filter((name) => HAS_TO_BE_SAID.has(name))
    .sort()
    .flatMap((name) => {
      const silent = containers.filter((one) => !namesOf(one).has(name)).map((one) => one.name);
      return silent.length === 0 ? [] : [`${name} for: ${silent.sort().join(",")}`];
    })
    .join("; ");
}

function namesOf({ resources }: V1Container): Amounts {
  return computeNames(amountsOf(resources?.requests), amountsOf(resources?.limits));
}

function serviceUsage({ spec }: V1Service): Amounts {
  const usage: Amounts = new Map();
  const ports = spec?.ports ?? [];
  if (spec?.type === "LoadBalancer") {
    usage.set("services.loadbalancers", ONE);
    const given = spec.allocateLoadBalancerNodePorts === false ? ports.filter((one) => one.nodePort) : ports;
    usage.set("services.nodeports", quantityOf(given.length));
  } else if (spec?.type === "NodePort") usage.set("services.nodeports", quantityOf(ports.length));
  return usage;
}

function claimUsage(claim: V1PersistentVolumeClaim): Amounts {
  const storage = wholeBytes(parseQuantity(claim.spec?.resources?.requests?.["storage"] ?? "0"));
  const className =
    claim.metadata?.annotations?.["volume.beta.kubernetes.io/storage-class"] ?? claim.spec?.storageClassName;
  const usage: Amounts = new Map([["requests.storage", storage]]);
  if (className) {
    const prefix = `${className}.storageclass.storage.k8s.io`;
    usage.set(`${prefix}/requests.storage`, storage).set(`${prefix}/persistentvolumeclaims`, ONE);
  }
  return usage;
}

function wholeBytes(quantity: Quantity): Quantity {
  return parseQuantity(`${value(quantity)}`).milli === quantity.milli
    ? quantity
    : quantityOf(Number(value(quantity)), quantity.format);
}
