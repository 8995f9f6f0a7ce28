import type { V1PersistentVolumeClaim, V1StorageClass } from "../api/generated/types.ts";
import type { CoreNames } from "../wasm/scheduler-facts.ts";
import type { PluginName } from "./configuration/plugins.ts";
import type { DeviceNeeds } from "./device-needs.ts";
import type { Where } from "./node-rules.ts";
import type { PodClaim, PodVolumes } from "./pod-volumes.ts";
import type { ProfileFacts } from "./profile-facts.ts";
import type { KnownClaim, KnownVolume, StorageObjects } from "./storage-objects.ts";
import { type AssumedVolumes, candidatesOf, provisioningOf } from "./volume-candidates.ts";

/** A PreFilter's refusal of a pod on every node. */
export interface PrefilterRefusal {
  readonly plugin: string;
  readonly reason: string;
  /** Not a refusal but a mistake in the objects (status Error): it ends the whole attempt. */
  readonly isError?: true;
}

/** A claim to be bound together with the pod, and what it may be bound to. */
export interface ClaimToBind {
  readonly claim: KnownClaim;
  /** Smallest first. */
  readonly candidates: readonly KnownVolume[];
  /** Where a volume can be provisioned for it, and where there is storage enough for that. */
  readonly topology: Where;
  readonly capacity: Where;
}

/** What the claims of a pod mean, as the storage objects stand now. */
export interface VolumeResolution {
  readonly requirements: readonly {
    readonly where: Where;
    readonly refusal: keyof CoreNames["volumeRefusals"];
  }[];
  /** In the order in which they choose. */
  readonly toBind: readonly ClaimToBind[];
  /** The nodes that claims were promised to. */
  readonly selectedNodes: ReadonlySet<string>;
  /** What NodeVolumeLimits says on every node of a claim that is not there; undefined: all are. */
  readonly missing: string | undefined;
  /** Claims that only one pod may use, as `namespace/name`. */
  readonly exclusive: ReadonlySet<string>;
  /** Undefined: the pod has no claims of devices. */
  readonly devices: DeviceNeeds | undefined;
}

type Binding = Omit<VolumeResolution, "exclusive" | "missing" | "devices">;

/** A claim that the pod uses, if it is there. */
interface ClaimUse extends PodClaim {
  readonly known: KnownClaim | undefined;
}

const SELECTED_NODE = "volume.kubernetes.io/selected-node";
const BIND_COMPLETED = "pv.kubernetes.io/bind-completed";
const NOTHING: VolumeResolution = {
  requirements: [],
  toBind: [],
  selectedNodes: new Set(),
  missing: undefined,
  exclusive: new Set(),
  devices: undefined,
};

/**
 * The PreFilters of VolumeRestrictions, VolumeBinding, VolumeZone and DynamicResources, and what is left for their filters;
 * as far as the profile calls them, and in its order.
 *
 * @param devices  what the pod's claims of devices mean
 */
export function resolveVolumes(
  pod: PodVolumes,
  { prefilters, filters }: Pick<ProfileFacts, "prefilters" | "filters">,
  storage: StorageObjects,
  promised: AssumedVolumes,
  devices: DeviceNeeds | undefined,
): VolumeResolution | PrefilterRefusal {
  if (pod.claims.length === 0 && devices === undefined) return NOTHING;
  const claims = pod.claims.map((one) => ({
    ...one,
    known: storage.claims.get(`${pod.namespace}/${one.name}`),
  }));
  for (const plugin of prefilters) {
    const refusal =
      plugin === "DynamicResources" ? devices?.refusal : refusalBy(plugin, pod, claims, storage);
    if (refusal !== undefined) return refusal;
  }
  const binding =
    prefilters.has("VolumeBinding") && filters.has("VolumeBinding")
      ? bindingOf(claims, storage, promised)
      : { requirements: [], toBind: [], selectedNodes: new Set<string>() };
  const zones =
    prefilters.has("VolumeZone") && filters.has("VolumeZone") ? zonesOfClaims(claims, storage) : [];
  const isExclusive = ({ ephemeral, known }: ClaimUse) =>
    !ephemeral && known?.object.spec?.accessModes?.includes("ReadWriteOncePod");
  const restricted = filters.has("VolumeRestrictions") ? claims.filter(isExclusive) : [];
  return {
    ...binding,
    requirements: [...binding.requirements, ...zones.map((where) => ({ where, refusal: "zone" as const }))],
    missing:
      prefilters.has("NodeVolumeLimits") && filters.has("NodeVolumeLimits")
        ? lookingUp(pod, claims)
        : undefined,
    exclusive: new Set(restricted.map(({ known }) => known!.key)),
    devices: filters.has("DynamicResources") ? devices : undefined,
  };
}

/** Only where no other plugin's PreFilter is called does a missing claim come so far. */
function lookingUp({ namespace }: PodVolumes, claims: readonly ClaimUse[]): string | undefined {
  const missing = claims.find(({ known }) => known === undefined);
  return missing && `looking up PVC ${namespace}/${missing.name}: ${notFound(missing.name)}`;
}

function refusalBy(
  plugin: PluginName,
  pod: PodVolumes,
  claims: readonly ClaimUse[],
  storage: StorageObjects,
): PrefilterRefusal | undefined {
  switch (plugin) {
    case "VolumeRestrictions":
      return findMissing(claims);
    case "VolumeBinding":
      return findUnusable(pod, claims) ?? findStuck(claims, storage);
    case "VolumeZone":
      return findUnzoned(claims, storage);
    default:
      return undefined;
  }
}

function bindingOf(claims: readonly ClaimUse[], storage: StorageObjects, promised: AssumedVolumes): Binding {
  const isBound = ({ known }: ClaimUse) => isFullyBound(known!.object);
  const bound = claims.filter(isBound);
  const unbound = claims.filter((one) => !isBound(one)).map(({ known }) => known!);
  return {
    requirements: bound.map(({ known }) =>
      requirementOf(storage.volumes.get(known!.object.spec!.volumeName!)),
    ),
    ...planBinding(unbound, storage, promised),
  };
}

/** VolumeRestrictions looks at every named claim before any other plugin does. */
function findMissing(claims: readonly ClaimUse[]): PrefilterRefusal | undefined {
  const missing = claims.find(({ ephemeral, known }) => !ephemeral && known === undefined);
  return missing && { plugin: "VolumeRestrictions", reason: notFound(missing.name) };
}

const notFound = (claim: string) => `persistentvolumeclaim "${claim}" not found`;

/** VolumeBinding's look at the claims as such, in the pod's order. */
function findUnusable(pod: PodVolumes, claims: readonly ClaimUse[]): PrefilterRefusal | undefined {
  for (const one of claims) {
    const reason = whyUnusable(pod, one);
    if (reason !== undefined) return { plugin: "VolumeBinding", reason };
  }
  return undefined;
}

function whyUnusable(pod: PodVolumes, { name, ephemeral, known }: ClaimUse): string | undefined {
  const quoted = `persistentvolumeclaim "${name}"`;
  const claim = known?.object;
  if (claim === undefined)
    return ephemeral ? `waiting for ephemeral volume controller to create the ${quoted}` : notFound(name);
  if (claim.status?.phase === "Lost")
    return `${quoted} bound to non-existent persistentvolume "${claim.spec?.volumeName ?? ""}"`;
  if (claim.metadata?.deletionTimestamp !== undefined) return `${quoted} is being deleted`;
  const owner = claim.metadata?.ownerReferences?.find(({ controller }) => controller === true);
  if (ephemeral && owner?.uid !== pod.uid)
    return `PVC ${pod.namespace}/${name} was not created for pod ${pod.namespace}/${pod.name} (pod is not owner)`;
  return undefined;
}

/** Only claims that wait for their first pod can be bound together with one. */
function findStuck(claims: readonly ClaimUse[], storage: StorageObjects): PrefilterRefusal | undefined {
  const unbound = claims.map(({ known }) => known!).filter(({ object }) => !isFullyBound(object));
  const modes = unbound.map(({ storageClass }) => {
    const known = storage.classes.get(storageClass);
    return known === undefined ? "Immediate" : known.volumeBindingMode;
  });
  const unset = unbound[modes.indexOf(undefined)];
  if (unset !== undefined) {
    const reason = `VolumeBindingMode not set for StorageClass "${unset.storageClass}"`;
    return { plugin: "VolumeBinding", reason, isError: true };
  }
  // A claim that names its volume waits for the controller that binds the two.
  const isStuck = unbound.some((claim, i) => {
    return modes[i] !== "WaitForFirstConsumer" || Boolean(claim.object.spec?.volumeName);
  });
  return isStuck
    ? { plugin: "VolumeBinding", reason: "pod has unbound immediate PersistentVolumeClaims" }
    : undefined;
}

/** VolumeZone's look at the claims a pod names, and not at those of ephemeral volumes. */
function findUnzoned(claims: readonly ClaimUse[], storage: StorageObjects): PrefilterRefusal | undefined {
  for (const { name, ephemeral, known } of claims) {
    if (ephemeral) continue;
    const volume = known?.object.spec?.volumeName;
    const reason =
      known === undefined
        ? notFound(name)
        : !volume
          ? whyUnbound(known, storage)
          : storage.volumes.has(volume)
            ? undefined
            : `persistentvolume "${volume}" not found`;
    if (reason !== undefined) return { plugin: "VolumeZone", reason };
  }
  return undefined;
}

function zonesOfClaims(claims: readonly ClaimUse[], storage: StorageObjects): Where[] {
  return claims.flatMap(({ ephemeral, known }) => {
    const volume = ephemeral ? undefined : storage.volumes.get(known?.object.spec?.volumeName ?? "");
    return volume?.zone ?? [];
  });
}

/** What VolumeZone has against a claim without a volume; nothing, if that waits for its first pod. */
function whyUnbound({ storageClass }: KnownClaim, storage: StorageObjects): string | undefined {
  if (storageClass === "") return "PersistentVolumeClaim had no pv name and storageClass name";
  const known = storage.classes.get(storageClass);
  if (known === undefined) return `storageclass.storage.k8s.io "${storageClass}" not found`;
  if (known.volumeBindingMode === undefined)
    return `VolumeBindingMode not set for StorageClass "${storageClass}"`;
  return known.volumeBindingMode === "WaitForFirstConsumer" ? undefined : "PersistentVolume had no name";
}

function isFullyBound({ spec, metadata }: V1PersistentVolumeClaim): boolean {
  return Boolean(spec?.volumeName) && metadata?.annotations?.[BIND_COMPLETED] !== undefined;
}

function requirementOf(volume: KnownVolume | undefined): VolumeResolution["requirements"][number] {
  if (volume === undefined) return { where: "nowhere", refusal: "missingVolume" };
  return { where: volume.where, refusal: "nodeConflict" };
}

/** Claims that were promised to a node are provisioned first; the others choose by size, the smallest first. */
function planBinding(
  unbound: readonly KnownClaim[],
  storage: StorageObjects,
  promised: AssumedVolumes,
): Pick<VolumeResolution, "toBind" | "selectedNodes"> {
  const nodeOf = ({ key, object }: KnownClaim) =>
    promised.nodeOf(key) ?? object.metadata?.annotations?.[SELECTED_NODE];
  const placed = unbound.filter((claim) => nodeOf(claim) !== undefined);
  const choosing = unbound.filter((claim) => nodeOf(claim) === undefined).sort(bySize);
  const plan = (claim: KnownClaim, candidates: readonly KnownVolume[]): ClaimToBind => {
    const storageClass: V1StorageClass = storage.classes.get(claim.storageClass)!;
    return { claim, candidates, ...provisioningOf(claim, storageClass, storage) };
  };
  return {
    toBind: [
      ...placed.map((claim) => plan(claim, [])),
      ...choosing.map((claim) => plan(claim, candidatesOf(claim, storage, promised))),
    ],
    selectedNodes: new Set(placed.map((claim) => nodeOf(claim)!)),
  };
}

function bySize(a: KnownClaim, b: KnownClaim): number {
  const left = a.requestBytes ?? 0n;
  const right = b.requestBytes ?? 0n;
  return left < right ? -1 : left > right ? 1 : 0;
}
