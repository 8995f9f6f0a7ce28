import type { V1Pod } from "../../host/api/generated/types.ts";
import type { KubernetesObject } from "../../host/apimachinery/object.ts";

// Objects of storage in few words; `more` is merged into what the kind says its facts in.

type Facts = Record<string, unknown>;

const object = (apiVersion: string, kind: string, metadata: Facts, rest: Facts): KubernetesObject =>
  ({ apiVersion, kind, metadata, ...rest }) as KubernetesObject;

/** `volume("pv", "10 local")`: capacity and class; Available, ReadWriteOnce. */
export function volume(name: string, text: string, spec: Facts = {}, metadata: Facts = {}): KubernetesObject {
  const [storage, storageClassName] = text.split(" ");
  const known = { capacity: { storage }, accessModes: ["ReadWriteOnce"], storageClassName, ...spec };
  return object(
    "v1",
    "PersistentVolume",
    { name, ...metadata },
    { spec: known, status: { phase: "Available" } },
  );
}

/** `claim("c", "5 local")`: asks for storage of a class. `claim("c", "5 local pv")`: is bound to pv. */
export function claim(name: string, text: string, spec: Facts = {}, more: Facts = {}): KubernetesObject {
  const [storage, storageClassName, volumeName] = text.split(" ");
  const annotations = volumeName ? { "pv.kubernetes.io/bind-completed": "yes" } : {};
  const known = {
    accessModes: ["ReadWriteOnce"],
    ...(storage === "-" ? {} : { resources: { requests: { storage } } }),
    ...(storageClassName === "-" ? {} : { storageClassName }),
    ...(volumeName ? { volumeName } : {}),
    ...spec,
  };
  const metadata = { name, namespace: "default", uid: `uid-${name}`, annotations };
  return object(
    "v1",
    "PersistentVolumeClaim",
    { ...metadata, ...(more["metadata"] as Facts) },
    {
      spec: known,
      status: { phase: volumeName ? "Bound" : "Pending", ...(more["status"] as Facts) },
    },
  );
}

export function storageClass(name: string, provisioner: string, more: Facts = {}): KubernetesObject {
  const facts = { provisioner, volumeBindingMode: "WaitForFirstConsumer", ...more };
  return object("storage.k8s.io/v1", "StorageClass", { name }, facts);
}

/** `csiNode("n1", "csi.example.com=2 other=")`: drivers and their limits. */
export function csiNode(name: string, text: string): KubernetesObject {
  const drivers = text
    .split(" ")
    .map((one) => one.split("="))
    .map(([driver, count]) => ({
      name: driver,
      nodeID: name,
      ...(count ? { allocatable: { count: Number(count) } } : {}),
    }));
  return object("storage.k8s.io/v1", "CSINode", { name }, { spec: { drivers } });
}

export function csiDriver(name: string, storageCapacity: boolean): KubernetesObject {
  return object("storage.k8s.io/v1", "CSIDriver", { name }, { spec: { storageCapacity } });
}

export function capacity(name: string, storageClassName: string, more: Facts): KubernetesObject {
  const facts = { storageClassName, ...more };
  return object("storage.k8s.io/v1", "CSIStorageCapacity", { name, namespace: "default" }, facts);
}

export function attachment(
  name: string,
  attacher: string,
  nodeName: string,
  volumeName: string,
): KubernetesObject {
  const spec = { attacher, nodeName, source: { persistentVolumeName: volumeName } };
  return object("storage.k8s.io/v1", "VolumeAttachment", { name }, { spec });
}

/** The pod with these claims as its volumes. */
export function mounting(one: V1Pod, ...claims: string[]): V1Pod {
  const volumes = claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } }));
  return { ...one, spec: { ...one.spec!, volumes } };
}

/** Only nodes of a zone: a volume's nodeAffinity. */
export function inZone(...values: string[]): Facts {
  const terms = [{ matchExpressions: [{ key: "zone", operator: "In", values }] }];
  return { nodeAffinity: { required: { nodeSelectorTerms: terms } } };
}
