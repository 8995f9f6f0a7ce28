import { TOO_MANY_DEVICES } from "../wasm/scheduler-facts.ts";
import type { KnownDeviceClaim, KnownDeviceRequest } from "./device-objects.ts";
import type { Where } from "./node-rules.ts";
import type { PodVolumes } from "./pod-volumes.ts";
import type { PrefilterRefusal } from "./volume-resolution.ts";

/** What a pod's claims of devices mean, as things stand now. */
export interface DeviceNeeds {
  /** What DynamicResources' PreFilter says against the pod. */
  readonly refusal: PrefilterRefusal | undefined;
  /** Where its allocated claims can be used: by labels, and the nodes that they name. */
  readonly where: readonly Where[];
  readonly onlyNodes: ReadonlySet<string>;
  /** Claims to be allocated with the pod, and the devices they need together. */
  readonly toAllocate: readonly KnownDeviceClaim[];
  readonly wanted: number;
}

/** What is asked of the objects. */
export interface DeviceState {
  readonly claim: (key: string) => KnownDeviceClaim | undefined;
  readonly isPending: (key: string) => boolean;
  /** Undefined: there is no such class. */
  readonly classHasSelectors: (name: string) => boolean | undefined;
}

/** A claim can be reserved for so many (resource.k8s.io ResourceClaimReservedForMaxSize). */
const MOST_CONSUMERS = 256;

/** Why a pod is not looked at yet. Source: kube-scheduler DynamicResources, PreEnqueue. */
export function whyWaiting({ namespace, name, devices }: PodVolumes, state: DeviceState): string | undefined {
  for (const { claim } of devices) {
    if (claim === undefined) return `pod "${namespace}/${name}": ResourceClaim not created yet`;
    const known = state.claim(`${namespace}/${claim}`);
    if (known === undefined) return `resourceclaim.resource.k8s.io "${claim}" not found`;
    if (known.isTerminating) return `resourceclaim "${claim}" is being deleted`;
  }
  return undefined;
}

export function needsOf(pod: PodVolumes, state: DeviceState): DeviceNeeds | undefined {
  if (pod.devices.length === 0) return undefined;
  const claims = claimsOf(pod, state);
  const allocated = claims.filter((claim) => claim.isAllocated && !state.isPending(claim.key));
  const toAllocate = claims.filter((claim) => !allocated.includes(claim));
  const requests = toAllocate.flatMap((claim) => claim.requests);
  const isCountable = ({ classes, count }: KnownDeviceRequest) =>
    count !== undefined && classes.every((name) => state.classHasSelectors(name) !== true);
  const reason = whyWaiting(pod, state) ?? prefilterReason(pod, claims, state);
  return {
    refusal: reason === undefined ? undefined : { plugin: "DynamicResources", reason },
    where: allocated.flatMap(({ onlyNode, where }) => (onlyNode === undefined ? [where] : [])),
    onlyNodes: new Set(allocated.flatMap(({ onlyNode }) => onlyNode ?? [])),
    toAllocate,
    wanted:
      toAllocate.every(({ isCountable: countable }) => countable) && requests.every(isCountable)
        ? requests.reduce((sum, { count }) => sum + count!, 0)
        : TOO_MANY_DEVICES,
  };
}

/** The pod's claims that are there, each as often as it is named. */
export function claimsOf({ namespace, devices }: PodVolumes, state: DeviceState): KnownDeviceClaim[] {
  return devices.flatMap(({ claim }) => state.claim(`${namespace}/${claim ?? ""}`) ?? []);
}

function prefilterReason(
  { uid }: PodVolumes,
  claims: readonly KnownDeviceClaim[],
  { isPending, classHasSelectors }: DeviceState,
): string | undefined {
  for (const { key, isAllocated, users, requests } of claims) {
    if (isPending(key)) return `resource claim ${key} is in the process of being allocated`;
    if (isAllocated) {
      if (users.length >= MOST_CONSUMERS && !users.includes(uid)) return "resourceclaim in use";
      continue;
    }
    for (const { name, classes } of requests) {
      const missing = classes.find((one) => classHasSelectors(one) === undefined);
      if (missing !== undefined) return `request ${name}: device class ${missing} does not exist`;
    }
  }
  return undefined;
}
