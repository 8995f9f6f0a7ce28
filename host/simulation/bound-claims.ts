import type { V1PersistentVolume, V1PersistentVolumeClaim, V1StorageClass } from "../api/generated/types.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Given } from "./cluster.ts";

const DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class";

/**
 * Nothing binds claims in a simulation, and a pod would wait for that for ever. So a claim that a cluster binds before its
 * pod is placed (its class is not one of the given ones that wait for the first pod) counts as bound, to a volume that can be
 * used everywhere. Claims that wait are the scheduler's own work, and stay as they are.
 */
export function bindImmediateClaims(objects: readonly Given<KubernetesObject>[]): Given<KubernetesObject>[] {
  const classes = objects.map(({ object }) => object).filter(isStorageClass);
  const fallback = classes.find(({ metadata }) => metadata?.annotations?.[DEFAULT_CLASS] === "true");
  return objects.flatMap((given) => {
    const { object } = given;
    if (!isClaim(object) || object.spec?.volumeName) return [given];
    const name = object.spec?.storageClassName ?? fallback?.metadata?.name ?? "";
    const waits = classes.some(
      ({ metadata, volumeBindingMode }) =>
        metadata?.name === name && volumeBindingMode === "WaitForFirstConsumer",
    );
    const claim = { ...object, spec: { ...object.spec, storageClassName: name } };
    if (waits) return [{ ...given, object: claim }];
    const volume = volumeFor(claim);
    return [
      { ...given, object: volume },
      { ...given, object: bound(claim, volume.metadata!.name!) },
    ];
  });
}

function isStorageClass(object: KubernetesObject): object is V1StorageClass {
  return object.kind === "StorageClass";
}

function isClaim(object: KubernetesObject): object is V1PersistentVolumeClaim {
  return object.kind === "PersistentVolumeClaim";
}

function volumeFor({ metadata, spec }: V1PersistentVolumeClaim): V1PersistentVolume {
  const { namespace = "default", name = "" } = metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: `simulated-${namespace}-${name}` },
    spec: {
      capacity: { ...spec?.resources?.requests },
      accessModes: [...(spec?.accessModes ?? [])],
      claimRef: { namespace, name },
    },
    status: { phase: "Bound" },
  };
}

function bound(claim: V1PersistentVolumeClaim, volumeName: string): V1PersistentVolumeClaim {
  const annotations = { ...claim.metadata?.annotations, "pv.kubernetes.io/bind-completed": "yes" };
  return {
    ...claim,
    metadata: { ...claim.metadata, annotations },
    spec: { ...claim.spec, volumeName },
    status: { ...claim.status, phase: "Bound" },
  };
}
