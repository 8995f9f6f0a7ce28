import type {
  V1CSIDriver,
  V1CSIStorageCapacity,
  V1Node,
  V1PersistentVolume,
  V1PersistentVolumeClaim,
  V1Pod,
  V1TopologySelectorTerm,
} from "../../../host/api/generated/types.ts";
import { claimUses, classNameOf, classOf, isFullyBound, isOwnedBy, notOwner, volumeOf } from "./claims.ts";
import { all, type Cycle, find, labelsOf, type Plugin, type Refusal, refuse, type World } from "./cycle.ts";
import { termMatches } from "./node-affinity.ts";
import { bytes } from "./requests.ts";
import { requirementsOf, selects } from "./selectors.ts";

/** Reference model of VolumeBinding, written from shared/spec/scheduling.md 2.9. */
const SELECTED_NODE = "volume.kubernetes.io/selected-node";

function preFilterReason(pod: V1Pod, world: World): string | undefined {
  for (const { name, ephemeral, claim } of claimUses(pod, world)) {
    if (!claim)
      return ephemeral
        ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
        : `persistentvolumeclaim "${name}" not found`;
    if (claim.status?.phase === "Lost")
      return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec!.volumeName ?? ""}"`;
    if (claim.metadata!.deletionTimestamp) return `persistentvolumeclaim "${name}" is being deleted`;
    if (ephemeral && !isOwnedBy(claim, pod)) return notOwner(claim, pod);
  }
  const immediate = claimUses(pod, world).some(({ claim }) => {
    const waits = classOf(claim!, world)?.volumeBindingMode === "WaitForFirstConsumer";
    return !isFullyBound(claim!) && (claim!.spec!.volumeName || !waits);
  });
  return immediate ? "pod has unbound immediate PersistentVolumeClaims" : undefined;
}

const requested = (claim: V1PersistentVolumeClaim) => bytes(claim.spec!.resources?.requests?.["storage"]);

function reaches(volume: V1PersistentVolume, node: V1Node): boolean {
  const required = volume.spec!.nodeAffinity?.required;
  return !required || required.nodeSelectorTerms.some((term) => termMatches(term, node));
}

function isReservedFor(volume: V1PersistentVolume, { metadata }: V1PersistentVolumeClaim): boolean {
  const { namespace, name, uid } = volume.spec!.claimRef ?? {};
  return namespace === metadata!.namespace && name === metadata!.name && (!uid || uid === metadata!.uid);
}

/** The volume of the cluster that the claim would get on this node. */
function matchingVolume(
  claim: V1PersistentVolumeClaim,
  node: V1Node,
  world: World,
  chosen: readonly V1PersistentVolume[],
): V1PersistentVolume | undefined {
  const { selector, accessModes = [], volumeMode, volumeAttributesClassName } = claim.spec!;
  const able = all<V1PersistentVolume>(world, "PersistentVolume").filter(
    (one) =>
      !chosen.includes(one) &&
      (!one.spec!.claimRef || isReservedFor(one, claim)) &&
      (one.spec!.storageClassName ?? "") === classNameOf(claim) &&
      bytes(one.spec!.capacity?.["storage"]) >= requested(claim) &&
      (one.spec!.volumeMode ?? "Filesystem") === (volumeMode ?? "Filesystem") &&
      (one.spec!.volumeAttributesClassName ?? "") === (volumeAttributesClassName ?? "") &&
      !one.metadata!.deletionTimestamp,
  );
  const reserved = able.find((one) => isReservedFor(one, claim));
  if (reserved) return reaches(reserved, node) ? reserved : undefined;
  const free = able.filter(
    (one) =>
      one.status?.phase === "Available" &&
      (!selector || selects(requirementsOf(selector), labelsOf(one))) &&
      accessModes.every((mode) => one.spec!.accessModes?.includes(mode)) &&
      reaches(one, node),
  );
  const size = (one: V1PersistentVolume) => bytes(one.spec!.capacity?.["storage"]);
  return free.reduce<V1PersistentVolume | undefined>(
    (best, one) => (best && size(best) <= size(one) ? best : one),
    undefined,
  );
}

function topologyAllows(terms: readonly V1TopologySelectorTerm[] = [], node: V1Node): boolean {
  const allows = ({ matchLabelExpressions = [] }: V1TopologySelectorTerm) =>
    matchLabelExpressions.length > 0 &&
    matchLabelExpressions.every(({ key, values }) => values.includes(labelsOf(node)[key]!));
  return terms.length === 0 || terms.some(allows);
}

function hasRoom(claim: V1PersistentVolumeClaim, provisioner: string, node: V1Node, world: World): boolean {
  if (claim.spec!.resources?.requests?.["storage"] === undefined) return true;
  if (!find<V1CSIDriver>(world, "CSIDriver", provisioner)?.spec.storageCapacity) return true;
  return all<V1CSIStorageCapacity>(world, "CSIStorageCapacity").some((one) => {
    const limit = one.maximumVolumeSize ?? one.capacity;
    return (
      one.storageClassName === classNameOf(claim) &&
      one.nodeTopology !== undefined &&
      selects(requirementsOf(one.nodeTopology), labelsOf(node)) &&
      limit !== undefined &&
      bytes(limit) >= requested(claim)
    );
  });
}

export interface Binding {
  refusal?: Refusal;
  /** What Reserve assumes: volumes taken for claims, and claims to be provisioned here. */
  taken: { volume: V1PersistentVolume; claim: V1PersistentVolumeClaim }[];
  provisioned: V1PersistentVolumeClaim[];
}

const BIND_CONFLICT = "node(s) didn't find available persistent volumes to bind";
const NO_ROOM = "node(s) did not have enough free storage";

/** What binding the pod's claims on this node would be. */
export function bindingOn({ pod, world }: Pick<Cycle, "pod" | "world">, node: V1Node): Binding {
  const claims = claimUses(pod, world).map(({ claim }) => claim!);
  const reasons: string[] = [];
  let missing = false;
  for (const claim of claims.filter(isFullyBound)) {
    const volume = volumeOf(claim, world);
    missing = !volume;
    if (volume && !reaches(volume, node))
      reasons.push("node(s) didn't match PersistentVolume's node affinity");
    if (missing || reasons.length > 0) break;
  }
  const unbound = claims.filter((claim) => !isFullyBound(claim));
  const chosenNode = (claim: V1PersistentVolumeClaim) => claim.metadata!.annotations?.[SELECTED_NODE];
  const elsewhere = unbound.some((claim) => ![undefined, node.metadata!.name].includes(chosenNode(claim)));
  const taken: Binding["taken"] = [];
  const provisioned = unbound.filter((claim) => chosenNode(claim) !== undefined);
  const open = unbound.filter((claim) => chosenNode(claim) === undefined);
  for (const claim of open.sort((a, b) => Number(requested(a) - requested(b)))) {
    const volume = matchingVolume(
      claim,
      node,
      world,
      taken.map((one) => one.volume),
    );
    if (volume) taken.push({ volume, claim });
    else provisioned.push(claim);
  }
  const problem = elsewhere ? BIND_CONFLICT : firstProblem(provisioned, node, world);
  if (problem !== undefined) reasons.push(problem);
  if (missing) reasons.push("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)");
  return reasons.length === 0
    ? { taken, provisioned }
    : { taken, provisioned, refusal: { reasons, unresolvable: true } };
}

function firstProblem(
  provisioned: readonly V1PersistentVolumeClaim[],
  node: V1Node,
  world: World,
): string | undefined {
  for (const claim of provisioned) {
    const storageClass = classOf(claim, world);
    const provisioner = storageClass?.provisioner ?? "";
    if (["", "kubernetes.io/no-provisioner"].includes(provisioner)) return BIND_CONFLICT;
    if (!topologyAllows(storageClass!.allowedTopologies, node)) return BIND_CONFLICT;
    if (!hasRoom(claim, provisioner, node, world)) return NO_ROOM;
  }
  return undefined;
}

export const volumeBinding: Plugin = {
  preFilter: ({ pod, world }) => {
    const reason = preFilterReason(pod, world);
    return reason === undefined ? {} : { refusal: refuse(reason) };
  },
  filter: (cycle, { node }) => bindingOn(cycle, node).refusal,
};

/** The objects as they are once the pod has been assumed on the node. */
export function assumedObjects(cycle: Pick<Cycle, "pod" | "world">, node: V1Node) {
  const { taken, provisioned } = bindingOn(cycle, node);
  const volumes = taken.map(({ volume, claim }) => {
    const { namespace, name, uid } = claim.metadata!;
    return { ...volume, spec: { ...volume.spec!, claimRef: { namespace, name, uid } } };
  });
  const claims = provisioned.map((claim) => {
    const annotations = { ...claim.metadata!.annotations, [SELECTED_NODE]: node.metadata!.name! };
    return { ...claim, metadata: { ...claim.metadata!, annotations } };
  });
  return [...volumes, ...claims];
}
