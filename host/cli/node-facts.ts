import type { V1Node, V1Pod } from "../api/generated/types.ts";
import { addQuantity, formatQuantity, parseQuantity, value } from "../apimachinery/quantity.ts";
import { humanBytes } from "./output/table.ts";

/** What the commands say of a node; also `pintle node list -o json`, one element a node. */
export interface NodeFacts {
  readonly name: string;
  readonly ready: boolean;
  readonly schedulable: boolean;
  readonly zone: string;
  readonly podCidr: string;
  /** Pods bound to it that have not ended. */
  readonly pods: number;
  /** Sums of their containers' requests, and what the node offers: `700m`, `4`. */
  readonly requestedCpu: string;
  readonly allocatableCpu: string;
  readonly requestedMemory: string;
  readonly allocatableMemory: string;
  readonly createdAt: string;
}

export function nodeFacts(node: V1Node, pods: readonly V1Pod[]): NodeFacts {
  const own = pods.filter((pod) => pod.spec?.nodeName === node.metadata?.name && !hasEnded(pod));
  return {
    name: node.metadata?.name ?? "",
    ready: isNodeReady(node),
    schedulable: node.spec?.unschedulable !== true,
    zone: node.metadata?.labels?.["topology.kubernetes.io/zone"] ?? "",
    podCidr: node.spec?.podCIDR ?? "",
    pods: own.length,
    requestedCpu: sumOfRequests(own, "cpu"),
    allocatableCpu: node.status?.allocatable?.["cpu"] ?? "0",
    requestedMemory: sumOfRequests(own, "memory"),
    allocatableMemory: node.status?.allocatable?.["memory"] ?? "0",
    createdAt: node.metadata?.creationTimestamp ?? "",
  };
}

export function isNodeReady(node: V1Node): boolean {
  return node.status?.conditions?.some((one) => one.type === "Ready" && one.status === "True") === true;
}

/** `256Mi of 31.2Gi`, from the facts' exact texts. */
export function memoryInWords(facts: NodeFacts, between: string): string {
  const human = (quantity: string) => humanBytes(Number(value(parseQuantity(quantity))));
  return `${human(facts.requestedMemory)}${between}${human(facts.allocatableMemory)}`;
}

function hasEnded(pod: V1Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

function sumOfRequests(pods: readonly V1Pod[], resource: string): string {
  const requests = pods.flatMap(
    (pod) => pod.spec?.containers.map((one) => one.resources?.requests?.[resource]) ?? [],
  );
  const sum = requests
    .filter((one) => one !== undefined)
    .map((one) => parseQuantity(one))
    .reduce((total, one) => addQuantity(total, one), parseQuantity("0"));
  return formatQuantity(sum);
}
