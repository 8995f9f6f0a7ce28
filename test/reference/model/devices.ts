import type {
  ResourceV1ResourceClaim,
  V1DeviceClass,
  V1DeviceRequest,
  V1DeviceToleration,
  V1Node,
  V1Pod,
  V1ResourceSlice,
} from "../../../host/api/generated/types.ts";
import { all, type Cycle, find, namespaceOf, type Plugin, refuse, type World } from "./cycle.ts";
import { termMatches } from "./node-affinity.ts";
import { normalizeDefault } from "./normalize.ts";

/**
 * Reference model of DynamicResources, written from shared/spec/scheduling.md 2.13, 3.9 and 7.5: claims that are allocated,
 * and exact counts of devices without CEL selectors.
 */
const MOST_CONSUMERS = 256;
const ALTERNATIVES = 8;

export function claimsOf(pod: V1Pod, world: World): ResourceV1ResourceClaim[] {
  return (pod.spec!.resourceClaims ?? []).map(({ name, resourceClaimName }) => {
    const generated = pod.status?.resourceClaimStatuses?.find((one) => one.name === name)?.resourceClaimName;
    return find<ResourceV1ResourceClaim>(
      world,
      "ResourceClaim",
      resourceClaimName ?? generated,
      namespaceOf(pod),
    )!;
  });
}

export const PENDING = "e3.test/allocation-is-pending";
const isPending = (claim: ResourceV1ResourceClaim) => claim.metadata!.annotations?.[PENDING] !== undefined;
const isAllocated = (claim: ResourceV1ResourceClaim) =>
  claim.status?.allocation !== undefined && !isPending(claim);
const requestsOf = (claim: ResourceV1ResourceClaim) => claim.spec.devices?.requests ?? [];
const alternativesOf = ({ exactly, firstAvailable }: V1DeviceRequest) =>
  exactly ? [exactly] : (firstAvailable ?? []);

function preFilterReason(pod: V1Pod, world: World): string | undefined {
  for (const claim of claimsOf(pod, world)) {
    const { name, namespace } = claim.metadata!;
    const users = claim.status?.reservedFor ?? [];
    const isUser = users.some(({ uid }) => uid === pod.metadata!.uid);
    if (isAllocated(claim) && users.length >= MOST_CONSUMERS && !isUser) return "resourceclaim in use";
    if (isAllocated(claim)) continue;
    if (isPending(claim)) return `resource claim ${namespace}/${name} is in the process of being allocated`;
    for (const request of requestsOf(claim))
      for (const { deviceClassName } of alternativesOf(request))
        if (!find(world, "DeviceClass", deviceClassName))
          return `request ${request.name}: device class ${deviceClassName} does not exist`;
  }
  return undefined;
}

interface Device {
  id: string;
  driver: string;
  pool: string;
  device: string;
  tolerated(by: readonly V1DeviceToleration[]): boolean;
}

function isOn({ spec }: V1ResourceSlice, node: V1Node): boolean {
  if (spec.nodeName) return spec.nodeName === node.metadata!.name;
  return (
    spec.allNodes || (spec.nodeSelector?.nodeSelectorTerms ?? []).some((term) => termMatches(term, node))
  );
}

function devicesOn(node: V1Node, world: World): Device[] {
  return all<V1ResourceSlice>(world, "ResourceSlice")
    .filter((slice) => isOn(slice, node))
    .flatMap(({ spec: { driver, pool, devices = [] } }) =>
      devices.map(({ name, taints = [] }) => ({
        id: `${driver}/${pool.name}/${name}`,
        driver,
        pool: pool.name,
        device: name,
        tolerated: (by: readonly V1DeviceToleration[]) =>
          taints.every(
            (taint) =>
              taint.effect === "None" ||
              by.some(
                (one) =>
                  (!one.effect || one.effect === taint.effect) &&
                  (!one.key || one.key === taint.key) &&
                  (one.operator === "Exists" || (one.value ?? "") === (taint.value ?? "")),
              ),
          ),
      })),
    );
}

/** Devices that a claim has, or will have. */
function takenDevices(world: World): Set<string> {
  const results = all<ResourceV1ResourceClaim>(world, "ResourceClaim").flatMap(
    ({ status }) => status?.allocation?.devices?.results ?? [],
  );
  return new Set(
    results.filter((one) => !one.adminAccess).map((one) => `${one.driver}/${one.pool}/${one.device}`),
  );
}

export interface Allocation {
  claim: ResourceV1ResourceClaim;
  request: string;
  alternative: number;
  prioritized: boolean;
  devices: Device[];
}

/** The first way to give every request its devices, alternatives in order; undefined: there is none. */
function allocate(
  wanted: readonly { claim: ResourceV1ResourceClaim; request: V1DeviceRequest }[],
  free: readonly Device[],
  world: World,
): Allocation[] | undefined {
  const [first, ...rest] = wanted;
  if (!first) return [];
  const { claim, request } = first;
  for (const [alternative, one] of alternativesOf(request).entries()) {
    const classSelectors =
      find<V1DeviceClass>(world, "DeviceClass", one.deviceClassName)?.spec.selectors ?? [];
    if (classSelectors.length + (one.selectors ?? []).length > 0) continue;
    const able = free.filter((device) => device.tolerated(one.tolerations ?? []));
    const count = one.count ?? 1;
    for (const devices of combinations(able, count)) {
      const others = allocate(
        rest,
        free.filter((device) => !devices.includes(device)),
        world,
      );
      const prioritized = request.firstAvailable !== undefined;
      if (others) return [{ claim, request: request.name, alternative, prioritized, devices }, ...others];
    }
  }
  return undefined;
}

function* combinations<T>(list: readonly T[], count: number): Generator<T[]> {
  if (count === 0) yield [];
  else
    for (let i = 0; i + count <= list.length; i++)
      for (const rest of combinations(list.slice(i + 1), count - 1)) yield [list[i]!, ...rest];
}

function allocationOn({ pod, world }: Pick<Cycle, "pod" | "world">, node: V1Node): Allocation[] | undefined {
  const taken = takenDevices(world);
  const wanted = claimsOf(pod, world)
    .filter((claim) => !isAllocated(claim))
    .flatMap((claim) => requestsOf(claim).map((request) => ({ claim, request })));
  return allocate(
    wanted,
    devicesOn(node, world).filter(({ id }) => !taken.has(id)),
    world,
  );
}

function isUnavailable(claim: ResourceV1ResourceClaim, node: V1Node): boolean {
  const terms = claim.status?.allocation?.nodeSelector?.nodeSelectorTerms;
  return isAllocated(claim) && terms !== undefined && !terms.some((term) => termMatches(term, node));
}

export const dynamicResources: Plugin = {
  preFilter: ({ pod, world }) => {
    const reason = preFilterReason(pod, world);
    return reason === undefined ? {} : { refusal: refuse(reason) };
  },
  filter: (cycle, { node }) => {
    if (claimsOf(cycle.pod, cycle.world).some((claim) => isUnavailable(claim, node)))
      return refuse("resourceclaim not available on the node");
    return allocationOn(cycle, node) ? undefined : refuse("cannot allocate all claims");
  },
  score: (cycle, feasible) => {
    const raw = feasible.map(({ node }) =>
      (allocationOn(cycle, node) ?? [])
        .filter(({ prioritized }) => prioritized)
        .reduce((sum, { alternative }) => sum + ALTERNATIVES - alternative, 0),
    );
    return [raw, normalizeDefault(raw, false)];
  },
};

/** What PostFilter says of a pod that reached this plugin. */
export function postFilterText({ pod, world }: Cycle, asked: readonly V1Node[]): string {
  const claims = claimsOf(pod, world);
  if (claims.length === 0) return "no new claims to deallocate";
  const idle = claims.some((claim) => {
    const users = claim.status?.reservedFor ?? [];
    const isFree = users.length === 0 || (users.length === 1 && users[0]!.uid === pod.metadata!.uid);
    return isFree && asked.some((node) => isUnavailable(claim, node));
  });
  return idle ? "deallocation of ResourceClaim completed" : "still not schedulable";
}

/** The claims as they are once the pod has been assumed: their allocation is under way. */
export function assumedClaims(cycle: Pick<Cycle, "pod" | "world">, node: V1Node): ResourceV1ResourceClaim[] {
  const allocations = allocationOn(cycle, node)!;
  return claimsOf(cycle.pod, cycle.world)
    .filter((claim) => !isAllocated(claim))
    .map((claim) => {
      const results = allocations
        .filter((one) => one.claim === claim)
        .flatMap(({ request, devices }) =>
          devices.map(({ driver, pool, device }) => ({ request, driver, pool, device })),
        );
      const metadata = { ...claim.metadata, annotations: { ...claim.metadata?.annotations, [PENDING]: "" } };
      return { ...claim, metadata, status: { ...claim.status, allocation: { devices: { results } } } };
    });
}
