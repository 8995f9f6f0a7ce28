import type {
  V1CSIDriver,
  V1CSINode,
  V1CSIStorageCapacity,
  V1PersistentVolume,
  V1Pod,
  V1StorageClass,
  V1VolumeAttachment,
} from "../../api/generated/types.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import { parseQuantity, value } from "../../apimachinery/quantity.ts";
import { type PodVolumes, readPodVolumes } from "../pod-volumes.ts";
import { hadNode } from "./node-hints.ts";
import { type Hint, podOf, type WaitingPod } from "./registration.ts";

const volumesOf = ({ facts }: WaitingPod) => facts.volumes;
const hasClaim = (volumes: PodVolumes | undefined, name: string) =>
  volumes?.claims.some((claim) => claim.name === name) === true;

/** The claim of the event is one of the pod's. */
export const isOwnClaim: Hint = (waiting, { object }) =>
  object?.metadata?.namespace === waiting.namespace &&
  hasClaim(volumesOf(waiting), object.metadata?.name ?? "");

/** VolumeRestrictions: the pod that went used one of the pod's disks, or one of its claims. */
export const freesDisk: Hint = (waiting, event) => {
  const gone = podOf(event);
  if ((gone.metadata?.namespace ?? "default") !== waiting.namespace) return false;
  const [own, its] = [volumesOf(waiting), readPodVolumes(gone)];
  if (own === undefined || its === undefined) return false;
  const inTheWay = own.disks.some((disk) =>
    its.disks.some((other) => other.key === disk.key && !(other.readOnly && disk.readOnly)),
  );
  return inTheWay || its.claims.some(({ name }) => hasClaim(own, name));
};

/** NodeVolumeLimits: the pod that went had volumes that count. */
export const detaches: Hint = (_, event) => {
  const gone = podOf(event);
  const volumes = readPodVolumes(gone);
  return hadNode(gone) && volumes !== undefined && (volumes.claims.length > 0 || volumes.inTree.length > 0);
};

/** NodeVolumeLimits: an attachment is gone that may have been in the pod's way. */
export const isDetached: Hint = (waiting, { old }) => {
  const volumes = volumesOf(waiting);
  if (volumes === undefined) return false;
  const { attacher } = (old as V1VolumeAttachment).spec;
  return volumes.claims.length > 0 || volumes.inTree.some(({ driver }) => driver === attacher);
};

/** NodeVolumeLimits: some driver takes more volumes than before. */
export const raisesLimit: Hint = (_, event) => {
  const count = (one: V1CSINode, name: string) =>
    one.spec.drivers.find((driver) => driver.name === name)?.allocatable?.count ?? 0;
  const [old, now] = [event.old as V1CSINode, event.object as V1CSINode];
  return now.spec.drivers.some(({ name }) => count(now, name) > count(old, name));
};

const MIGRATED = "storage.alpha.kubernetes.io/migrated-plugins";

/** VolumeBinding: other plugins of the node are migrated. */
export const migratesOthers: Hint = (_, { old, object }) =>
  old?.metadata?.annotations?.[MIGRATED] !== object?.metadata?.annotations?.[MIGRATED];

/** VolumeBinding: the class allows volumes elsewhere. */
export const allowsOtherTopologies: Hint = (_, { old, object }) =>
  !deepEqual((old as V1StorageClass).allowedTopologies, (object as V1StorageClass).allowedTopologies);

/** VolumeBinding: the driver's capacity is no longer looked at. */
export const dropsCapacity: Hint = (_, event) => {
  const [old, now] = [event.old as V1CSIDriver, event.object as V1CSIDriver];
  return old.spec.storageCapacity === true && now.spec.storageCapacity !== true;
};

/** VolumeBinding: there is room for a larger volume than before. */
export const raisesCapacity: Hint = (_, event) => {
  const limit = ({ maximumVolumeSize, capacity }: V1CSIStorageCapacity) =>
    value(parseQuantity(maximumVolumeSize ?? capacity ?? "0"));
  const [old, now] = [event.old as V1CSIStorageCapacity, event.object as V1CSIStorageCapacity];
  return limit(now) > limit(old);
};

/** VolumeZone: a class whose volumes wait for their pods. */
export const waitsForConsumer: Hint = (_, { object }) =>
  (object as V1StorageClass).volumeBindingMode === "WaitForFirstConsumer";

const ZONES = [
  "failure-domain.beta.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region",
  "topology.kubernetes.io/zone",
  "topology.kubernetes.io/region",
];

/** VolumeZone: the volume belongs to other zones. */
export const changesZones: Hint = (_, { old, object }) => {
  const zones = (one: V1PersistentVolume) => ZONES.map((key) => one.metadata?.labels?.[key]);
  return !deepEqual(zones(old as V1PersistentVolume), zones(object as V1PersistentVolume));
};

/** DynamicResources: a claim gave its devices back, or one of the pod's own was made or has changed. */
export const changesClaim: Hint = (waiting, { old, object }) => {
  const allocated = (one: unknown) =>
    (one as { status?: { allocation?: unknown } } | undefined)?.status?.allocation !== undefined;
  if (allocated(old) && !allocated(object)) return true;
  const { namespace, name } = (object ?? old)?.metadata ?? {};
  if (
    namespace !== waiting.namespace ||
    volumesOf(waiting)?.devices.some(({ claim }) => claim === name) !== true
  )
    return false;
  const status = (one: unknown) => (one as { status?: unknown } | undefined)?.status;
  return old === undefined || object === undefined || !deepEqual(status(old), status(object));
};

/** NodeResourcesFit: a class of devices may stand for one of the pod's extended resources. */
export const mayStandForResource: Hint = ({ facts }, { old, object }) => {
  const nameOf = (one: unknown) =>
    (one as { spec?: { extendedResourceName?: string } } | undefined)?.spec?.extendedResourceName;
  const implicit = `deviceclass.resource.kubernetes.io/${(object ?? old)?.metadata?.name ?? ""}`;
  return [nameOf(old), nameOf(object), implicit].some(
    (name) => name !== undefined && facts.extended.has(name),
  );
};

/** DynamicResources: whether pods of this kind were ever made for claims of a template is said by their status. */
export const hasClaimsNow: Hint = (_, event) => {
  const pod = podOf(event) as V1Pod;
  const named = pod.spec?.resourceClaims?.filter((one) => one.resourceClaimTemplateName) ?? [];
  const made = new Set((pod.status?.resourceClaimStatuses ?? []).map(({ name }) => name));
  return named.every(({ name }) => made.has(name));
};
