import { createHash } from "node:crypto";
import type { V1Node, V1NodeCondition, V1NodeStatus } from "../api/generated/types.ts";
import { SIMULATED_ANNOTATION } from "../api/node.ts";
import { formatTime } from "../apimachinery/clock.ts";
import { deepEqual } from "../apimachinery/copy.ts";
import { KUBERNETES_VERSION } from "../apimachinery/version.ts";
import { formatIPv4 } from "./pod-addresses.ts";

/**
 * What a simulated node looks like: an ordinary machine with 8 CPUs and a little less than 32 GiB, with the odd numbers
 * real machines report. Source: kubelet sheet 2.1 to 2.3.
 */
export interface NodePlan {
  readonly name: string;
  /** From 1: gives the zone and the address. */
  readonly number: number;
  readonly podCIDR: string;
  /** Pintle's version: `0.1.0` */
  readonly version: string;
}

const ZONES = ["zone-a", "zone-b", "zone-c"] as const;
const REGION = "region-1";

/** Nodes are 172.18.0.2, 172.18.0.3, … */
const NODE_NETWORK = 172 * 2 ** 24 + 18 * 2 ** 16;
export function nodeAddress(number: number): string {
  return formatIPv4(NODE_NETWORK + 1 + number);
}

/** Pods get a /24 a node out of 10.128.0.0/9. */
const POD_NETWORK = 10 * 2 ** 24 + 128 * 2 ** 16;
/** As many nodes as 10.128.0.0/9 has /24s; more are refused at start. */
export const MAX_NODES = 2 ** 15;

export function podCIDRNumber(index: number): string {
  return `${formatIPv4(POD_NETWORK + index * 256)}/24`;
}

const CAPACITY = {
  cpu: "8",
  "ephemeral-storage": "102624184Ki",
  "hugepages-1Gi": "0",
  "hugepages-2Mi": "0",
  memory: "32777204Ki",
  pods: "110",
};
/** Capacity less the hard eviction thresholds: 100Mi of memory, 10 % of the disk (printed as plain bytes). */
const ALLOCATABLE = { ...CAPACITY, "ephemeral-storage": "94578447974", memory: "32674804Ki" };

/** The node as it registers. */
export function newNode(plan: NodePlan, nowMs: number): V1Node {
  const architecture = "amd64";
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: plan.name,
      labels: {
        "beta.kubernetes.io/arch": architecture,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": architecture,
        "kubernetes.io/hostname": plan.name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "simulated",
        "topology.kubernetes.io/region": REGION,
        "topology.kubernetes.io/zone": ZONES[(plan.number - 1) % ZONES.length]!,
      },
      annotations: {
        [SIMULATED_ANNOTATION]: "true",
        "volumes.kubernetes.io/controller-managed-attach-detach": "true",
      },
    },
    spec: { podCIDR: plan.podCIDR, podCIDRs: [plan.podCIDR] },
    status: {
      capacity: CAPACITY,
      allocatable: ALLOCATABLE,
      conditions: healthyConditions([], nowMs),
      addresses: [
        { type: "InternalIP", address: nodeAddress(plan.number) },
        { type: "Hostname", address: plan.name },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      nodeInfo: {
        machineID: identity(plan.name, "machine").replaceAll("-", ""),
        systemUUID: identity(plan.name, "system"),
        bootID: identity(plan.name, "boot"),
        kernelVersion: "6.1.0-simulated",
        osImage: "Pintle simulated node",
        containerRuntimeVersion: `pintle://${plan.version}`,
        kubeletVersion: `${KUBERNETES_VERSION}+pintle.${plan.version}`,
        kubeProxyVersion: "",
        operatingSystem: "linux",
        architecture,
      },
    },
  };
}

/** A UUID that belongs to the name: a simulated machine is the same one in every run. */
function identity(name: string, what: string): string {
  const hex = createHash("sha256").update(`${what}/${name}`).digest("hex");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}

const HEALTHY: readonly Pick<V1NodeCondition, "type" | "status" | "reason" | "message">[] = [
  {
    type: "MemoryPressure",
    status: "False",
    reason: "KubeletHasSufficientMemory",
    message: "kubelet has sufficient memory available",
  },
  {
    type: "DiskPressure",
    status: "False",
    reason: "KubeletHasNoDiskPressure",
    message: "kubelet has no disk pressure",
  },
  {
    type: "PIDPressure",
    status: "False",
    reason: "KubeletHasSufficientPID",
    message: "kubelet has sufficient PID available",
  },
  { type: "Ready", status: "True", reason: "KubeletReady", message: "kubelet is posting ready status" },
];

/** The kubelet's four conditions with a new heartbeat; others' conditions stay, in their places. */
export function healthyConditions(before: readonly V1NodeCondition[], nowMs: number): V1NodeCondition[] {
  const now = formatTime(nowMs);
  const beat = (wanted: (typeof HEALTHY)[number], known: V1NodeCondition | undefined): V1NodeCondition => ({
    ...wanted,
    lastHeartbeatTime: now,
    lastTransitionTime: known?.status === wanted.status ? (known.lastTransitionTime ?? now) : now,
  });
  const kept = before.map((known) => {
    const wanted = HEALTHY.find((one) => one.type === known.type);
    return wanted === undefined ? known : beat(wanted, known);
  });
  const missing = HEALTHY.filter((one) => !before.some((known) => known.type === one.type));
  return [...kept, ...missing.map((wanted) => beat(wanted, undefined))];
}

/** Whether the four conditions say what a healthy kubelet says, heartbeat times aside. */
export function isHealthy(node: V1Node): boolean {
  return HEALTHY.every((wanted) => {
    const known = node.status?.conditions?.find((one) => one.type === wanted.type);
    return known?.status === wanted.status && known.reason === wanted.reason;
  });
}

/**
 * The status of a node that exists already, at registration or heartbeat: what is missing is filled in, the version is
 * this program's, and everything else (capacity patched by a client, foreign conditions) stays.
 *
 * @returns undefined when nothing but heartbeat times would change
 */
export function reconciledStatus(node: V1Node, wanted: V1Node, nowMs: number): V1NodeStatus | undefined {
  const status = node.status ?? {};
  const filled: V1NodeStatus = {
    ...wanted.status,
    ...status,
    capacity: notEmpty(status.capacity) ?? wanted.status?.capacity,
    allocatable: notEmpty(status.allocatable) ?? notEmpty(status.capacity) ?? wanted.status?.allocatable,
    addresses: status.addresses?.length ? status.addresses : wanted.status?.addresses,
    nodeInfo: status.nodeInfo?.machineID
      ? { ...status.nodeInfo, kubeletVersion: wanted.status?.nodeInfo?.kubeletVersion ?? "" }
      : wanted.status?.nodeInfo,
    conditions: status.conditions,
    // The port is what a default fills in with 0 on a node that a client made.
    daemonEndpoints: status.daemonEndpoints?.kubeletEndpoint?.Port
      ? status.daemonEndpoints
      : wanted.status?.daemonEndpoints,
  };
  if (isHealthy(node) && deepEqual(filled, status)) return undefined;
  return { ...filled, conditions: healthyConditions(status.conditions ?? [], nowMs) };
}

function notEmpty<T extends object>(map: T | undefined): T | undefined {
  return map !== undefined && Object.keys(map).length > 0 ? map : undefined;
}

/** The address pods on the host's network share. */
export function internalIP(node: V1Node | undefined): string | undefined {
  return node?.status?.addresses?.find((one) => one.type === "InternalIP")?.address;
}
