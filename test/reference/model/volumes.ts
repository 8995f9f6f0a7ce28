import type {
  V1CSINode,
  V1PersistentVolume,
  V1Pod,
  V1VolumeAttachment,
} from "../../../host/api/generated/types.ts";
import { claimUses, classNameOf, classOf, isOwnedBy, notOwner, volumeOf } from "./claims.ts";
import {
  all,
  type Cycle,
  find,
  labelsOf,
  namespaceOf,
  type Place,
  type Plugin,
  podsThen,
  type Refusal,
  refuse,
  refuseForNow,
  type World,
} from "./cycle.ts";
import { remembered } from "./remember.ts";

/**
 * Reference model of VolumeRestrictions, NodeVolumeLimits and VolumeZone, written from shared/spec/scheduling.md 2.7, 2.8
 * and 2.10.
 */
function disksCollide(pod: V1Pod, other: V1Pod): boolean {
  for (const a of pod.spec!.volumes ?? []) {
    for (const b of other.spec!.volumes ?? []) {
      const bothRead = (kind: "gcePersistentDisk" | "iscsi" | "rbd") =>
        a[kind]!.readOnly && b[kind]!.readOnly;
      if (a.gcePersistentDisk && a.gcePersistentDisk.pdName === b.gcePersistentDisk?.pdName)
        if (!bothRead("gcePersistentDisk")) return true;
      if (a.awsElasticBlockStore && a.awsElasticBlockStore.volumeID === b.awsElasticBlockStore?.volumeID)
        return true;
      if (a.iscsi && a.iscsi.iqn === b.iscsi?.iqn && !bothRead("iscsi")) return true;
      if (a.rbd && b.rbd && a.rbd.pool === b.rbd.pool && a.rbd.image === b.rbd.image)
        if (a.rbd.monitors.some((one) => b.rbd!.monitors.includes(one)) && !bothRead("rbd")) return true;
    }
  }
  return false;
}

const hasDisks = (pod: V1Pod) =>
  (pod.spec!.volumes ?? []).some(
    (one) => one.gcePersistentDisk ?? one.awsElasticBlockStore ?? one.iscsi ?? one.rbd,
  );

const plainClaimNames = (pod: V1Pod) =>
  (pod.spec!.volumes ?? []).flatMap((one) => one.persistentVolumeClaim?.claimName ?? []);

/** Names of the pod's ReadWriteOncePod claims. */
const exclusiveClaims = remembered(({ pod, world }: Cycle): string[] => {
  const once = claimUses(pod, world).filter(
    ({ ephemeral, claim }) => !ephemeral && claim?.spec?.accessModes?.includes("ReadWriteOncePod"),
  );
  return [...new Set(once.map(({ name }) => name))];
});

/** Those that some pod uses anywhere. */
const contestedClaims = remembered((cycle: Cycle): string[] => {
  const { pod, places } = cycle;
  const inUse = places
    .flatMap(({ pods }) => pods)
    .filter((other) => namespaceOf(other) === namespaceOf(pod))
    .flatMap(plainClaimNames);
  return exclusiveClaims(cycle).filter((name) => inUse.includes(name));
});

export const volumeRestrictions: Plugin = {
  preFilter: ({ pod, world }) => {
    const missing = claimUses(pod, world).find(({ ephemeral, claim }) => !ephemeral && !claim);
    return missing ? { refusal: refuse(`persistentvolumeclaim "${missing.name}" not found`) } : {};
  },
  filter: (cycle, place, moved) => {
    const contested = contestedClaims(cycle);
    // PreFilter finds nothing to do: nominated pods are not looked at either.
    if (contested.length === 0 && !hasDisks(cycle.pod)) return undefined;
    if (podsThen(place, moved).some((other) => disksCollide(cycle.pod, other)))
      return refuseForNow("node(s) had no available disk");
    const once = exclusiveClaims(cycle);
    const uses = (pods: readonly V1Pod[]) =>
      pods
        .filter((one) => namespaceOf(one) === namespaceOf(cycle.pod))
        .flatMap(plainClaimNames)
        .filter((name) => once.includes(name)).length;
    if (contested.length - uses(moved.leaving) + uses(moved.coming) <= 0) return undefined;
    return refuseForNow(
      "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod",
    );
  },
};

/** In-tree plugins whose volumes are CSI's now: provisioner, driver. */
const MIGRATED: Record<string, string> = {
  "kubernetes.io/gce-pd": "pd.csi.storage.gke.io",
  "kubernetes.io/aws-ebs": "ebs.csi.aws.com",
  "kubernetes.io/azure-disk": "disk.csi.azure.com",
};

/** The pod's volumes that count, as `driver/handle` -> driver. */
function attachable(pod: V1Pod, world: World): Map<string, string> {
  const found = new Map<string, string>();
  const add = (driver: string, handle: string) => found.set(`${driver}/${handle}`, driver);
  for (const { gcePersistentDisk, awsElasticBlockStore, azureDisk } of pod.spec!.volumes ?? []) {
    if (gcePersistentDisk) add("pd.csi.storage.gke.io", gcePersistentDisk.pdName);
    if (awsElasticBlockStore) add("ebs.csi.aws.com", awsElasticBlockStore.volumeID);
    if (azureDisk) add("disk.csi.azure.com", azureDisk.diskURI);
  }
  for (const { name, claim } of claimUses(pod, world)) {
    if (!claim) continue;
    const volume = claim.spec!.volumeName ? volumeOf(claim, world) : undefined;
    if (volume) {
      const { csi } = volume.spec!;
      if (csi) add(csi.driver, csi.volumeHandle);
      continue;
    }
    const provisioner = classNameOf(claim) === "" ? undefined : classOf(claim, world)?.provisioner;
    if (provisioner) add(MIGRATED[provisioner] ?? provisioner, `claim ${namespaceOf(pod)}/${name}`);
  }
  return found;
}

function attachments(node: string, world: World): Map<string, string> {
  const found = new Map<string, string>();
  for (const { spec } of all<V1VolumeAttachment>(world, "VolumeAttachment")) {
    if (spec!.nodeName !== node) continue;
    const name = spec!.source.persistentVolumeName;
    const csi = name && find<V1PersistentVolume>(world, "PersistentVolume", name)?.spec?.csi;
    if (csi) found.set(`${spec!.attacher}/${csi.volumeHandle}`, spec!.attacher);
  }
  return found;
}

export const nodeVolumeLimits: Plugin = {
  filter: ({ pod, world }, place, moved) => {
    const { node } = place;
    const limits = find<V1CSINode>(world, "CSINode", node.metadata!.name)?.spec?.drivers ?? [];
    for (const { name, ephemeral, claim } of claimUses(pod, world)) {
      const { namespace } = pod.metadata!;
      if (!claim)
        return refuse(`looking up PVC ${namespace}/${name}: persistentvolumeclaim "${name}" not found`);
      if (ephemeral && !isOwnedBy(claim, pod)) return refuse(notOwner(claim, pod));
    }
    const ofPods = new Map(podsThen(place, moved).flatMap((one) => [...attachable(one, world)]));
    const attached = new Map([...attachments(node.metadata!.name!, world), ...ofPods]);
    const fresh = [...attachable(pod, world)].filter(([volume]) => !ofPods.has(volume));
    const drivers = [...new Set(fresh.map(([, driver]) => driver))];
    const count = (list: Iterable<string>, driver: string) =>
      [...list].filter((one) => one === driver).length;
    const full = drivers.some((driver) => {
      const limit = limits.find((one) => one.name === driver)?.allocatable?.count;
      const wanted = count(
        fresh.map(([, one]) => one),
        driver,
      );
      return limit !== undefined && count(attached.values(), driver) + wanted > limit;
    });
    return full ? refuseForNow("node(s) exceed max volume count") : undefined;
  },
};

const GA: Record<string, string> = {
  "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
};
const ZONE_KEYS = Object.entries(GA).flat();

/** What VolumeZone says of the claims before it looks at nodes. */
function zoneVolumes(pod: V1Pod, world: World): { refusal?: Refusal; volumes: V1PersistentVolume[] } {
  const volumes: V1PersistentVolume[] = [];
  const no = (reason: string) => ({ refusal: refuse(reason), volumes: [] });
  for (const { name, ephemeral, claim } of claimUses(pod, world)) {
    if (ephemeral) continue;
    if (name === "") return no("PersistentVolumeClaim had no name");
    if (!claim) return no(`persistentvolumeclaim "${name}" not found`);
    if (!claim.spec!.volumeName) {
      const className = classNameOf(claim);
      if (className === "") return no("PersistentVolumeClaim had no pv name and storageClass name");
      const known = classOf(claim, world);
      if (!known) return no(`storageclass.storage.k8s.io "${className}" not found`);
      if (!known.volumeBindingMode) return no(`VolumeBindingMode not set for StorageClass "${className}"`);
      if (known.volumeBindingMode === "WaitForFirstConsumer") continue;
      return no("PersistentVolume had no name");
    }
    const volume = volumeOf(claim, world);
    if (!volume) return no(`persistentvolume "${claim.spec!.volumeName}" not found`);
    volumes.push(volume);
  }
  return { volumes };
}

function zoneMatches(volume: V1PersistentVolume, place: Place): boolean {
  const labels = labelsOf(place.node);
  if (!ZONE_KEYS.some((key) => key in labels)) return true;
  return ZONE_KEYS.filter((key) => key in labelsOf(volume)).every((key) => {
    const value = labels[key] ?? labels[GA[key] ?? ""];
    return value !== undefined && labelsOf(volume)[key]!.split("__").includes(value);
  });
}

export const volumeZone: Plugin = {
  preFilter: ({ pod, world }) => {
    const { refusal } = zoneVolumes(pod, world);
    return refusal ? { refusal } : {};
  },
  filter: ({ pod, world }, place) =>
    zoneVolumes(pod, world).volumes.every((volume) => zoneMatches(volume, place))
      ? undefined
      : refuse("node(s) had no available volume zone"),
};
