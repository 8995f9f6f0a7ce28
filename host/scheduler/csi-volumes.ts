import type { V1VolumeAttachment } from "../api/generated/types.ts";
import { MIGRATED_PLUGINS, readInTreeVolume } from "./pod-volumes.ts";
import type { KnownVolume, StorageObjects } from "./storage-objects.ts";

/** A volume as NodeVolumeLimits counts it: once a node. */
export interface CsiVolume {
  readonly driver: string;
  /** Equal for equal volumes of a driver. */
  readonly handle: string;
}

/**
 * The volume behind a claim: of its PersistentVolume, or what its class would provision. Undefined where nothing is
 * counted. Source: kube-scheduler NodeVolumeLimits, getCSIDriverInfo.
 */
export function volumeOfClaim(claimKey: string, storage: StorageObjects): CsiVolume | undefined {
  const claim = storage.claims.get(claimKey);
  if (claim === undefined) return undefined;
  const volume = storage.volumes.get(claim.object.spec?.volumeName ?? "");
  if (volume !== undefined) return volumeOf(volume);
  const provisioner = storage.classes.get(claim.storageClass)?.provisioner;
  if (provisioner === undefined) return undefined;
  const isInTree = Object.hasOwn(MIGRATED_PLUGINS, provisioner);
  return { driver: isInTree ? MIGRATED_PLUGINS[provisioner]! : provisioner, handle: `claim ${claimKey}` };
}

function volumeOf({ object }: KnownVolume): CsiVolume | undefined {
  const csi = object.spec?.csi;
  if (csi) return { driver: csi.driver, handle: `volume ${csi.volumeHandle}` };
  const inTree = readInTreeVolume(object.spec ?? {});
  return inTree && { driver: inTree.driver, handle: `volume ${inTree.handle}` };
}

/** The volume that an attachment attaches; undefined for one that names no PersistentVolume that is there. */
export function volumeOfAttachment(
  attachment: V1VolumeAttachment,
  storage: StorageObjects,
): CsiVolume | undefined {
  const volume = storage.volumes.get(attachment.spec?.source?.persistentVolumeName ?? "");
  const counted = volume && volumeOf(volume);
  const driver = attachment.spec?.attacher;
  return counted && driver ? { ...counted, driver } : undefined;
}
