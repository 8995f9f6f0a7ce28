import { PersistentVolume, PersistentVolumeClaim } from "../../api/core-kinds.ts";
import type { V1PersistentVolumeClaim } from "../../api/generated/types.ts";
import { StorageClass, VolumeAttributesClass } from "../../api/storage-kinds.ts";
import { forbidden } from "../../apimachinery/errors.ts";
import { compareQuantity, parseQuantity } from "../../apimachinery/quantity.ts";
import type { Api } from "../api.ts";
import type { Admission, Attributes } from "./chain.ts";
import { allOf, defaultClass, isOf, oneOf } from "./look-up.ts";

/** The annotation of today, and the one of its beta time. */
const IS_DEFAULT = [
  "storageclass.kubernetes.io/is-default-class",
  "storageclass.beta.kubernetes.io/is-default-class",
];
const BETA_CLASS = "volume.beta.kubernetes.io/storage-class";

/** A claim that names no class gets the default one; an empty name is a choice (DefaultStorageClass). */
export const defaultStorageClass: Admission = (api, attributes) =>
  attributes.verb === "create" && isOf(attributes, PersistentVolumeClaim)
    ? setClass(api, attributes.object as V1PersistentVolumeClaim)
    : undefined;

async function setClass(api: Api, claim: V1PersistentVolumeClaim): Promise<void> {
  if (claim.spec?.storageClassName !== undefined || claim.metadata?.annotations?.[BETA_CLASS] !== undefined)
    return;
  const found = defaultClass(await allOf(api, StorageClass), IS_DEFAULT);
  if (found !== undefined) claim.spec = { ...claim.spec, storageClassName: found.metadata?.name };
}

const FINALIZERS = [
  [PersistentVolume, "kubernetes.io/pv-protection"],
  [PersistentVolumeClaim, "kubernetes.io/pvc-protection"],
  [VolumeAttributesClass, "kubernetes.io/vac-protection"],
] as const;

/** Storage in use outlives its deletion until the protection controller lets it go (StorageObjectInUseProtection). */
export const storageProtection: Admission = (_api, attributes) => {
  const { verb, object } = attributes;
  if (verb !== "create" || object === undefined) return;
  for (const [kind, finalizer] of FINALIZERS) {
    if (!isOf(attributes, kind)) continue;
    const present = object.metadata?.finalizers ?? [];
    if (!present.includes(finalizer))
      object.metadata = { ...object.metadata, finalizers: [...present, finalizer] };
  }
};

/** A claim grows only where its class allows it (PersistentVolumeClaimResize). */
export const claimResize: Admission = (api, attributes) =>
  attributes.verb === "update" && isOf(attributes, PersistentVolumeClaim)
    ? requireExpansion(api, attributes)
    : undefined;

async function requireExpansion(api: Api, attributes: Attributes): Promise<void> {
  const { kind, name, object, old } = attributes;
  const [next, before] = [object as V1PersistentVolumeClaim, old as V1PersistentVolumeClaim];
  if (compareQuantity(storageOf(next), storageOf(before)) <= 0) return;
  const className = next.spec?.storageClassName;
  const found = className ? await oneOf(api, StorageClass, className) : undefined;
  if (found?.allowVolumeExpansion === true) return;
  const why =
    "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize";
  throw forbidden(kind, name, why);
}

function storageOf(claim: V1PersistentVolumeClaim) {
  return parseQuantity(claim.spec?.resources?.requests?.["storage"] ?? "0");
}
