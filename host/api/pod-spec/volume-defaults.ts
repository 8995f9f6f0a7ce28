import type { V1Volume } from "../generated/types.ts";
import { pullPolicyFor } from "./defaults.ts";

/** 0644, as a decimal number. */
const FILE_MODE = 0o644;

/** Source: api-policy 5.1. */
export function defaultVolume(volume: V1Volume): void {
  if (Object.keys(volume).every((name) => name === "name")) volume.emptyDir = {};
  if (volume.hostPath) volume.hostPath.type ??= "";
  if (volume.secret) volume.secret.defaultMode ??= FILE_MODE;
  if (volume.configMap) volume.configMap.defaultMode ??= FILE_MODE;
  if (volume.downwardAPI) {
    volume.downwardAPI.defaultMode ??= FILE_MODE;
    defaultFieldRefs(volume.downwardAPI.items);
  }
  if (volume.projected) {
    volume.projected.defaultMode ??= FILE_MODE;
    for (const source of volume.projected.sources ?? []) {
      if (source.serviceAccountToken) source.serviceAccountToken.expirationSeconds ??= 3600;
      defaultFieldRefs(source.downwardAPI?.items);
    }
  }
  if (volume.ephemeral?.volumeClaimTemplate) {
    const claim = volume.ephemeral.volumeClaimTemplate;
    claim.metadata ??= {};
    claim.spec.volumeMode ??= "Filesystem";
  }
  if (volume.image) volume.image.pullPolicy ||= pullPolicyFor(volume.image.reference ?? "");
  defaultVolumeSource(volume);
}

/** The sources that pods and persistent volumes share. */
export function defaultVolumeSource(source: Pick<V1Volume, "iscsi" | "rbd" | "azureDisk" | "scaleIO">): void {
  if (source.iscsi) source.iscsi.iscsiInterface ||= "default";
  if (source.rbd) {
    source.rbd.pool ||= "rbd";
    source.rbd.user ||= "admin";
    source.rbd.keyring ||= "/etc/ceph/keyring";
  }
  if (source.azureDisk) {
    source.azureDisk.cachingMode ??= "ReadWrite";
    source.azureDisk.kind ??= "Shared";
    source.azureDisk.fsType ??= "ext4";
    source.azureDisk.readOnly ??= false;
  }
  if (source.scaleIO) {
    source.scaleIO.storageMode ||= "ThinProvisioned";
    source.scaleIO.fsType ||= "xfs";
  }
}

function defaultFieldRefs(items: readonly { fieldRef?: { apiVersion?: string } }[] | undefined): void {
  for (const { fieldRef } of items ?? []) if (fieldRef) fieldRef.apiVersion ||= "v1";
}
