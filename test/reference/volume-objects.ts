import type {
  V1CSIDriver,
  V1CSINode,
  V1CSIStorageCapacity,
  V1NodeSelector,
  V1PersistentVolume,
  V1PersistentVolumeClaim,
  V1PersistentVolumeSpec,
  V1Pod,
  V1StorageClass,
  V1Volume,
  V1VolumeAttachment,
} from "../../host/api/generated/types.ts";
import { bound, pod } from "./shorthand.ts";

/** `key In values` for every `key=a|b`: `onNodes("zone=a|b")`. */
export function onNodes(text: string): V1NodeSelector {
  const matchExpressions = text.split(" ").map((part) => {
    const [key, values = ""] = part.split("=");
    return { key: key!, operator: "In", values: values.split("|") };
  });
  return { nodeSelectorTerms: [{ matchExpressions }] };
}

/** An available volume: `volume("pv-1", "10Gi", { storageClassName: "local" }, "zone=a")`. */
export function volume(
  name: string,
  size = "10Gi",
  spec: Partial<V1PersistentVolumeSpec> = {},
  where?: string,
  labels: Record<string, string> = {},
): V1PersistentVolume {
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name, labels },
    spec: {
      capacity: { storage: size },
      accessModes: ["ReadWriteOnce"],
      ...(where === undefined ? {} : { nodeAffinity: { required: onNodes(where) } }),
      ...spec,
    },
    status: { phase: "Available" },
  };
}

/** A volume of a CSI driver: `csiVolume("pv-1", "ebs.csi.aws.com", "vol-1")`. */
export function csiVolume(name: string, driver: string, volumeHandle: string): V1PersistentVolume {
  return volume(name, "1Gi", { csi: { driver, volumeHandle } });
}

interface ClaimParts {
  readonly size?: string;
  readonly class?: string;
  readonly modes?: string[];
  readonly annotations?: Record<string, string>;
  readonly spec?: Partial<V1PersistentVolumeClaim["spec"] & object>;
  readonly metadata?: Partial<V1PersistentVolumeClaim["metadata"] & object>;
  readonly phase?: string;
}

/** A claim that waits: `claim("data", { size: "5Gi", class: "local" })`. */
export function claim(name: string, parts: ClaimParts = {}): V1PersistentVolumeClaim {
  const { size, modes = ["ReadWriteOnce"], annotations = {} } = parts;
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name, namespace: "default", uid: `uid-${name}`, annotations, ...parts.metadata },
    spec: {
      accessModes: modes,
      ...(size === undefined ? {} : { resources: { requests: { storage: size } } }),
      ...(parts.class === undefined ? {} : { storageClassName: parts.class }),
      ...parts.spec,
    },
    status: { phase: parts.phase ?? "Pending" },
  };
}

/** A claim that is bound to the volume. */
export function boundClaim(
  name: string,
  volumeName: string,
  parts: ClaimParts = {},
): V1PersistentVolumeClaim {
  return claim(name, {
    phase: "Bound",
    ...parts,
    annotations: { "pv.kubernetes.io/bind-completed": "yes" },
    spec: { volumeName, ...parts.spec },
  });
}

/** A class that waits for the first pod, unless told otherwise; nothing is provisioned unless a provisioner is named. */
export function storageClass(name: string, parts: Partial<V1StorageClass> = {}): V1StorageClass {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name },
    provisioner: "kubernetes.io/no-provisioner",
    volumeBindingMode: "WaitForFirstConsumer",
    ...parts,
  };
}

/** `csiNode("n1", { "ebs.csi.aws.com": 2 })`; undefined: the driver names no limit. */
export function csiNode(name: string, limits: Record<string, number | undefined>): V1CSINode {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "CSINode",
    metadata: { name },
    spec: {
      drivers: Object.entries(limits).map(([driver, count]) => ({
        name: driver,
        nodeID: name,
        ...(count === undefined ? {} : { allocatable: { count } }),
      })),
    },
  };
}

export function csiDriver(name: string, storageCapacity: boolean): V1CSIDriver {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "CSIDriver",
    metadata: { name },
    spec: { storageCapacity },
  };
}

/** What a driver has left in a topology; no topology: nowhere. */
export function capacity(
  name: string,
  storageClassName: string,
  parts: { capacity?: string; maximumVolumeSize?: string; zone?: string },
): V1CSIStorageCapacity {
  const { zone, ...amounts } = parts;
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "CSIStorageCapacity",
    metadata: { name, namespace: "kube-system" },
    storageClassName,
    ...amounts,
    ...(zone === undefined ? {} : { nodeTopology: { matchLabels: { zone } } }),
  };
}

export function attachment(volumeName: string, node: string, attacher: string): V1VolumeAttachment {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "VolumeAttachment",
    metadata: { name: `${volumeName}-${node}` },
    spec: { attacher, nodeName: node, source: { persistentVolumeName: volumeName } },
  };
}

/** A pod that uses these claims. */
export function claiming(name: string, ...claims: string[]): V1Pod {
  return pod(name, "1m/1", { volumes: volumesOf(claims) });
}

/** The same, bound to a node. */
export function claimingOn(node: string, name: string, ...claims: string[]): V1Pod {
  return bound(name, "1m/1", node, { volumes: volumesOf(claims) });
}

function volumesOf(claims: readonly string[]): V1Volume[] {
  return claims.map((claimName, i) => ({ name: `v${i}`, persistentVolumeClaim: { claimName } }));
}

/** A pod with volumes of other kinds. */
export function withVolumes(one: V1Pod, ...sources: Omit<V1Volume, "name">[]): V1Pod {
  const volumes = sources.map((source, i) => ({ name: `v${i}`, ...source }));
  return { ...one, spec: { ...one.spec!, volumes } };
}
