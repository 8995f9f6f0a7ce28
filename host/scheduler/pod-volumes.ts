import type { V1PersistentVolumeSpec, V1Pod, V1Volume } from "../api/generated/types.ts";

/** A claim that a pod names, or that is made for one of its generic ephemeral volumes. */
export interface PodClaim {
  readonly name: string;
  readonly ephemeral: boolean;
}

/** A disk that VolumeRestrictions knows. Two uses of one disk conflict unless both are read-only. */
export interface Disk {
  readonly key: string;
  readonly readOnly: boolean;
}

/** A volume of an in-tree plugin whose work a CSI driver has taken over, on every node. */
export interface InTreeVolume {
  readonly driver: string;
  readonly handle: string;
}

/** An entry of spec.resourceClaims; without `claim` it waits for the one that its template stands for. */
export interface PodDeviceClaim {
  readonly entry: string;
  readonly claim: string | undefined;
}

/** What the plugins of volumes and devices read of a pod. */
export interface PodVolumes {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** In the order of spec.volumes. */
  readonly claims: readonly PodClaim[];
  readonly disks: readonly Disk[];
  /** Volumes written into the pod that count for a CSI driver. */
  readonly inTree: readonly InTreeVolume[];
  /** In the order of spec.resourceClaims, without those that turned out not to be needed. */
  readonly devices: readonly PodDeviceClaim[];
}

/** In-tree plugins that are migrated, and the drivers that take over. Source: csi-translation-lib. */
export const MIGRATED_PLUGINS: Readonly<Record<string, string>> = {
  "kubernetes.io/aws-ebs": "ebs.csi.aws.com",
  "kubernetes.io/gce-pd": "pd.csi.storage.gke.io",
  "kubernetes.io/azure-disk": "disk.csi.azure.com",
  "kubernetes.io/cinder": "cinder.csi.openstack.org",
  "kubernetes.io/portworx-volume": "pxd.portworx.com",
};

/** Everything of a pod that `readPodVolumes` reads, for its signature: nothing for a pod without such volumes. */
export function volumeParts(pod: V1Pod): unknown[] {
  const volumes = (pod.spec?.volumes ?? []).filter(concerns);
  const devices = readDeviceClaims(pod);
  if (volumes.length === 0 && devices.length === 0) return [];
  // The claim of an ephemeral volume is the pod's own, and a claim of devices knows its users: such a pod is like no other.
  const own =
    devices.length > 0 || volumes.some(({ ephemeral }) => ephemeral)
      ? [pod.metadata?.name, pod.metadata?.uid]
      : undefined;
  return [pod.metadata?.namespace, own, volumes, devices];
}

/** Undefined for a pod whose volumes no plugin looks at. */
export function readPodVolumes(pod: V1Pod): PodVolumes | undefined {
  const volumes = (pod.spec?.volumes ?? []).filter(concerns);
  const devices = readDeviceClaims(pod);
  if (volumes.length === 0 && devices.length === 0) return undefined;
  const { namespace, name = "", uid = "" } = pod.metadata ?? {};
  return {
    namespace: namespace || "default",
    name,
    uid,
    claims: volumes.flatMap((volume): PodClaim[] => {
      if (volume.persistentVolumeClaim)
        return [{ name: volume.persistentVolumeClaim.claimName, ephemeral: false }];
      return volume.ephemeral ? [{ name: `${name}-${volume.name}`, ephemeral: true }] : [];
    }),
    disks: volumes.flatMap(disksOf),
    inTree: volumes.flatMap((volume) => readInTreeVolume(volume) ?? []),
    devices,
  };
}

/** The claim of a template is known by the pod's status; one that is listed there without a name is not needed. */
function readDeviceClaims({ spec, status }: V1Pod): readonly PodDeviceClaim[] {
  const entries = spec?.resourceClaims ?? [];
  if (entries.length === 0) return NO_CLAIMS;
  return entries.flatMap(({ name, resourceClaimName }): PodDeviceClaim[] => {
    if (resourceClaimName) return [{ entry: name, claim: resourceClaimName }];
    const made = status?.resourceClaimStatuses?.find((one) => one.name === name);
    return made !== undefined && !made.resourceClaimName
      ? []
      : [{ entry: name, claim: made?.resourceClaimName }];
  });
}

const NO_CLAIMS: readonly PodDeviceClaim[] = [];

function concerns(volume: V1Volume): boolean {
  return Boolean(
    volume.persistentVolumeClaim ||
      volume.ephemeral ||
      volume.gcePersistentDisk ||
      volume.awsElasticBlockStore ||
      volume.iscsi ||
      volume.rbd ||
      volume.azureDisk ||
      volume.cinder ||
      volume.portworxVolume,
  );
}

/** Source: kube-scheduler VolumeRestrictions, isVolumeConflict. */
function disksOf({ gcePersistentDisk, awsElasticBlockStore, iscsi, rbd }: V1Volume): Disk[] {
  const disks: Disk[] = [];
  if (gcePersistentDisk)
    disks.push({
      key: `gce ${gcePersistentDisk.pdName}`,
      readOnly: gcePersistentDisk.readOnly === true,
    });
  // Amazon's disks cannot be shared, not even to read.
  if (awsElasticBlockStore) disks.push({ key: `aws ${awsElasticBlockStore.volumeID}`, readOnly: false });
  if (iscsi) disks.push({ key: `iscsi ${iscsi.iqn}`, readOnly: iscsi.readOnly === true });
  // One monitor in common makes it the same image.
  if (rbd)
    for (const monitor of new Set(rbd.monitors))
      disks.push({
        key: `rbd ${JSON.stringify([monitor, rbd.pool || "rbd", rbd.image])}`,
        readOnly: rbd.readOnly === true,
      });
  return disks;
}

/** The volume of a pod or of a PersistentVolume, if its plugin is migrated. */
export function readInTreeVolume(source: V1PersistentVolumeSpec | V1Volume): InTreeVolume | undefined {
  const of = (plugin: string, handle: string) => ({ driver: MIGRATED_PLUGINS[plugin]!, handle });
  if (source.awsElasticBlockStore) return of("kubernetes.io/aws-ebs", source.awsElasticBlockStore.volumeID);
  if (source.gcePersistentDisk) return of("kubernetes.io/gce-pd", source.gcePersistentDisk.pdName);
  if (source.azureDisk) return of("kubernetes.io/azure-disk", source.azureDisk.diskURI);
  if (source.cinder) return of("kubernetes.io/cinder", source.cinder.volumeID);
  if (source.portworxVolume) return of("kubernetes.io/portworx-volume", source.portworxVolume.volumeID);
  return undefined;
}
