import type {
  V1CSIDriver,
  V1CSINode,
  V1CSIStorageCapacity,
  V1PersistentVolume,
  V1PersistentVolumeClaim,
  V1StorageClass,
  V1VolumeAttachment,
} from "../api/generated/types.ts";
import { type FieldError, invalid, invalidObject } from "../apimachinery/field-error.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { parseQuantity, QuantityError, value } from "../apimachinery/quantity.ts";
import { EVERYTHING, type LabelSelector, labelSelectorFromObject } from "../apimachinery/selectors.ts";
import { readNodeSelector } from "./node-affinity.ts";
import type { Where } from "./node-rules.ts";
import { zonesOf } from "./volume-zone.ts";

/** A PersistentVolume, with what is read of it once. */
export interface KnownVolume {
  readonly name: string;
  readonly object: V1PersistentVolume;
  readonly storageClass: string;
  readonly capacityBytes: bigint;
  /** Where its node affinity lets it be used. */
  readonly where: Where;
  /** Where VolumeZone lets it be used; undefined: it has no labels of zones. */
  readonly zone: Where | undefined;
}

export interface KnownClaim {
  readonly key: string;
  readonly object: V1PersistentVolumeClaim;
  readonly storageClass: string;
  /** Undefined: it asks for no amount. */
  readonly requestBytes: bigint | undefined;
  /** Which volumes it takes, by their labels; all, if it does not say. */
  readonly selector: LabelSelector;
}

/** What a CSIStorageCapacity says: in this topology volumes of this class may be that large. */
export interface KnownCapacity {
  readonly object: V1CSIStorageCapacity;
  readonly limitBytes: bigint | undefined;
  /** The nodes that reach it; none, if it does not say. */
  readonly topology: LabelSelector;
}

const CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class";
const KINDS = {
  "v1/PersistentVolume": { group: "", plural: "persistentvolumes", kind: "PersistentVolume" },
  "v1/PersistentVolumeClaim": { group: "", plural: "persistentvolumeclaims", kind: "PersistentVolumeClaim" },
  "storage.k8s.io/v1/StorageClass": storage("storageclasses", "StorageClass"),
  "storage.k8s.io/v1/CSINode": storage("csinodes", "CSINode"),
  "storage.k8s.io/v1/CSIDriver": storage("csidrivers", "CSIDriver"),
  "storage.k8s.io/v1/CSIStorageCapacity": storage("csistoragecapacities", "CSIStorageCapacity"),
  "storage.k8s.io/v1/VolumeAttachment": storage("volumeattachments", "VolumeAttachment"),
} as const;
type StorageKind = keyof typeof KINDS;

/** A change of such an object, as far as it is of interest to others than the next pod. */
export interface StorageChange {
  readonly kind: StorageKind;
  readonly name: string;
  /** `namespace/name` for a claim. */
  readonly key: string;
}

/** The storage objects that decisions read, as the last `put` of each said. */
export class StorageObjects {
  readonly volumes = new Map<string, KnownVolume>();
  /** By `namespace/name`. */
  readonly claims = new Map<string, KnownClaim>();
  readonly classes = new Map<string, V1StorageClass>();
  readonly csiNodes = new Map<string, V1CSINode>();
  readonly drivers = new Map<string, V1CSIDriver>();
  readonly attachments = new Map<string, V1VolumeAttachment>();
  /** By storage class, then by the object's `namespace/name`. */
  readonly capacities = new Map<string, Map<string, KnownCapacity>>();
  readonly #claimsByVolume = new Map<string, Set<string>>();
  readonly #volumesByClass = new Map<string, Map<string, KnownVolume>>();

  /** @throws ApiError 422 with every bad field; @returns undefined for an object of another kind */
  put(object: KubernetesObject): StorageChange | undefined {
    const change = changeOf(object);
    if (change === undefined) return undefined;
    const { name, key } = change;
    switch (change.kind) {
      case "v1/PersistentVolume":
        this.#putVolume(readVolume(object as V1PersistentVolume));
        break;
      case "v1/PersistentVolumeClaim":
        this.#putClaim(readClaim(key, object as V1PersistentVolumeClaim));
        break;
      case "storage.k8s.io/v1/StorageClass":
        this.classes.set(name, object as V1StorageClass);
        break;
      case "storage.k8s.io/v1/CSINode":
        this.csiNodes.set(name, object as V1CSINode);
        break;
      case "storage.k8s.io/v1/CSIDriver":
        this.drivers.set(name, object as V1CSIDriver);
        break;
      case "storage.k8s.io/v1/CSIStorageCapacity":
        this.#putCapacity(key, readCapacity(object as V1CSIStorageCapacity));
        break;
      case "storage.k8s.io/v1/VolumeAttachment":
        this.attachments.set(name, object as V1VolumeAttachment);
        break;
      default:
        return change.kind satisfies never;
    }
    return change;
  }

  remove(object: KubernetesObject): StorageChange | undefined {
    const change = changeOf(object);
    if (change === undefined) return undefined;
    const { name, key } = change;
    switch (change.kind) {
      case "v1/PersistentVolume":
        this.#dropVolume(name);
        break;
      case "v1/PersistentVolumeClaim":
        this.#dropClaim(key);
        break;
      case "storage.k8s.io/v1/StorageClass":
        this.classes.delete(name);
        break;
      case "storage.k8s.io/v1/CSINode":
        this.csiNodes.delete(name);
        break;
      case "storage.k8s.io/v1/CSIDriver":
        this.drivers.delete(name);
        break;
      case "storage.k8s.io/v1/CSIStorageCapacity":
        for (const capacities of this.capacities.values()) capacities.delete(key);
        break;
      case "storage.k8s.io/v1/VolumeAttachment":
        this.attachments.delete(name);
        break;
      default:
        return change.kind satisfies never;
    }
    return change;
  }

  volumesOfClass(storageClass: string): Iterable<KnownVolume> {
    return this.#volumesByClass.get(storageClass)?.values() ?? [];
  }

  /** The claims that name the volume, as `namespace/name`. */
  claimsOf(volume: string): readonly string[] {
    return [...(this.#claimsByVolume.get(volume) ?? [])];
  }

  #putClaim(claim: KnownClaim): void {
    this.#dropClaim(claim.key);
    this.claims.set(claim.key, claim);
    const volume = claim.object.spec?.volumeName;
    if (!volume) return;
    const claims = this.#claimsByVolume.get(volume) ?? new Set<string>();
    this.#claimsByVolume.set(volume, claims);
    claims.add(claim.key);
  }

  #dropClaim(key: string): void {
    const volume = this.claims.get(key)?.object.spec?.volumeName ?? "";
    this.claims.delete(key);
    const claims = this.#claimsByVolume.get(volume);
    claims?.delete(key);
    if (claims?.size === 0) this.#claimsByVolume.delete(volume);
  }

  #putVolume(volume: KnownVolume): void {
    this.#dropVolume(volume.name);
    this.volumes.set(volume.name, volume);
    const ofClass = this.#volumesByClass.get(volume.storageClass) ?? new Map<string, KnownVolume>();
    this.#volumesByClass.set(volume.storageClass, ofClass);
    ofClass.set(volume.name, volume);
  }

  #dropVolume(name: string): void {
    const known = this.volumes.get(name);
    if (known === undefined) return;
    this.volumes.delete(name);
    this.#volumesByClass.get(known.storageClass)?.delete(name);
  }

  #putCapacity(key: string, capacity: KnownCapacity): void {
    for (const capacities of this.capacities.values()) capacities.delete(key);
    const { storageClassName } = capacity.object;
    const ofClass = this.capacities.get(storageClassName) ?? new Map<string, KnownCapacity>();
    this.capacities.set(storageClassName, ofClass);
    ofClass.set(key, capacity);
  }
}

function storage(plural: string, kind: string) {
  return { group: "storage.k8s.io", plural, kind };
}

function changeOf({ apiVersion = "", kind = "", metadata }: KubernetesObject): StorageChange | undefined {
  const full = `${apiVersion}/${kind}`;
  if (!Object.hasOwn(KINDS, full)) return undefined;
  const { namespace = "default", name = "" } = metadata ?? {};
  return { kind: full as StorageKind, name, key: `${namespace}/${name}` };
}

function readVolume(object: V1PersistentVolume): KnownVolume {
  const errors: FieldError[] = [];
  const { name = "", labels = {}, annotations } = object.metadata ?? {};
  const capacityBytes = readBytes(object.spec?.capacity?.["storage"], "spec.capacity[storage]", errors) ?? 0n;
  const required = object.spec?.nodeAffinity?.required;
  const path = "spec.nodeAffinity.required";
  const selector = required && readNodeSelector(required, path, errors);
  refuse("v1/PersistentVolume", name, errors);
  return {
    name,
    object,
    storageClass: annotations?.[CLASS_ANNOTATION] ?? object.spec?.storageClassName ?? "",
    capacityBytes,
    // kube-scheduler shows the selector a node of labels only: its name is "".
    where: selector
      ? {
          key: `volume ${JSON.stringify(required)}`,
          matches: ({ labels: of }) => selector.matches({ name: "", labels: of }),
          labelKeys: selector.labelKeys,
          looksAtName: false,
        }
      : "everywhere",
    zone: zonesOf(labels),
  };
}

function readClaim(key: string, object: V1PersistentVolumeClaim): KnownClaim {
  const errors: FieldError[] = [];
  const { name = "", annotations } = object.metadata ?? {};
  const text = object.spec?.resources?.requests?.["storage"];
  const requestBytes = readBytes(text, "spec.resources.requests[storage]", errors);
  refuse("v1/PersistentVolumeClaim", name, errors);
  const storageClass = annotations?.[CLASS_ANNOTATION] ?? object.spec?.storageClassName ?? "";
  const selector = object.spec?.selector ? labelSelectorFromObject(object.spec.selector) : EVERYTHING;
  return { key, object, storageClass, requestBytes, selector };
}

function readCapacity(object: V1CSIStorageCapacity): KnownCapacity {
  const errors: FieldError[] = [];
  const capacity = readBytes(object.capacity, "capacity", errors);
  const maximum = readBytes(object.maximumVolumeSize, "maximumVolumeSize", errors);
  refuse("storage.k8s.io/v1/CSIStorageCapacity", object.metadata?.name ?? "", errors);
  const topology = labelSelectorFromObject(object.nodeTopology);
  return { object, limitBytes: maximum ?? capacity, topology };
}

function readBytes(text: string | undefined, field: string, errors: FieldError[]): bigint | undefined {
  if (text === undefined || text === null) return undefined;
  try {
    return BigInt(value(parseQuantity(String(text))));
  } catch (error) {
    if (!(error instanceof QuantityError)) throw error;
    errors.push(invalid(field, text, error.message));
    return undefined;
  }
}

function refuse(kind: StorageKind, name: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidObject(KINDS[kind], name, errors);
}
