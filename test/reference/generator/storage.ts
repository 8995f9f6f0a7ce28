import type { V1PersistentVolumeClaimSpec, V1Pod, V1Volume } from "../../../host/api/generated/types.ts";
import type { KubernetesObject } from "../../../host/apimachinery/object.ts";
import { all, namespaceOf, type World } from "../model/cycle.ts";
import type { Draw } from "./draw.ts";

const CLASSES = ["local", "wait", "room", "now", "old"];
const DRIVERS = ["csi.example.com", "room.example.com", "pd.csi.storage.gke.io"];
const PROVISIONERS: Record<string, string> = {
  local: "kubernetes.io/no-provisioner",
  wait: "csi.example.com",
  room: "room.example.com",
  now: "csi.example.com",
  old: "kubernetes.io/gce-pd",
};
const ZONE_LABELS = [
  "topology.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/zone",
  "topology.kubernetes.io/region",
];
const STORAGE = "storage.k8s.io/v1";
const BOUND = { "pv.kubernetes.io/bind-completed": "yes" };

type Loose = KubernetesObject & Record<string, unknown>;

/** Draws volumes, claims, classes, limits and attachments, and what pods mount of them. */
export class StorageGenerator {
  /** No two volumes and no two claims are of one size: which of equals is taken is not written anywhere. */
  #sizes = 0;

  constructor(
    private readonly draw: Draw,
    private readonly nodeNames: readonly string[],
  ) {}

  initial(): KubernetesObject[] {
    return [
      ...CLASSES.map((name) => this.storageClass(name)),
      ...Array.from({ length: 5 + this.draw.below(4) }, (_, i) => this.volume(`pv-${i}`)),
      ...this.draw.many(6, (i) => this.claim(`claim-${i}`, this.draw.pick(["default", "default", "prod"]))),
      ...this.nodeNames.filter(() => this.draw.chance(50)).map((name) => this.csiNode(name)),
      ...this.draw.many(3, (i) => this.capacity(`capacity-${i}`)),
      this.driver("room.example.com"),
    ];
  }

  /** Something new, or something known as it is now. */
  change(world: World): KubernetesObject {
    const { draw } = this;
    const volumes = all(world, "PersistentVolume");
    const make: (() => KubernetesObject)[] = [
      () => this.volume(`pv-${draw.below(8)}`),
      () => this.claim(`claim-${draw.below(8)}`, draw.pick(["default", "prod"])),
      () => this.csiNode(draw.pick(this.nodeNames)),
      () => this.capacity(`capacity-${draw.below(4)}`),
      () => this.driver(draw.pick(DRIVERS)),
      () => this.storageClass(draw.pick(CLASSES)),
      () =>
        volumes.length > 0 ? this.attachment(draw.pick(volumes) as Loose) : this.driver("room.example.com"),
    ];
    return draw.pick(make)();
  }

  /** The claims of a pod's ephemeral volumes, mostly its own. */
  ephemeralClaims(pod: V1Pod, mustOwn: boolean): KubernetesObject[] {
    const { name, namespace, uid } = pod.metadata!;
    return (pod.spec!.volumes ?? [])
      .filter((one) => one.ephemeral && this.draw.chance(80))
      .map((one) => {
        const owner = mustOwn || this.draw.chance(85) ? uid! : "another";
        const ownerReferences = [
          { apiVersion: "v1", kind: "Pod", name: name!, uid: owner, controller: true },
        ];
        const claim = this.claim(`${name}-${one.name}`, namespace!);
        return { ...claim, metadata: { ...claim.metadata, ownerReferences } };
      });
  }

  volumes(pod: V1Pod, world: World): V1Volume[] {
    const { draw } = this;
    const here = all(world, "PersistentVolumeClaim").filter(
      ({ metadata }) => metadata!.namespace === namespaceOf(pod) && metadata!.name!.startsWith("claim-"),
    );
    const names = draw.some(
      here.map(({ metadata }) => metadata!.name!),
      2,
    );
    if (draw.chance(1)) names.push("missing");
    return [
      ...names.map((claimName, i) => ({ name: `v${i}`, persistentVolumeClaim: { claimName } })),
      ...(draw.chance(10) ? [{ name: "scratch", ephemeral: {} }] : []),
      ...(draw.chance(30) ? [this.disk()] : []),
    ];
  }

  private disk(): V1Volume {
    const { draw } = this;
    const readOnly = draw.chance(50);
    const name = "disk";
    return draw.pick<V1Volume>([
      { name, gcePersistentDisk: { pdName: draw.pick(["d1", "d2"]), readOnly } },
      { name, awsElasticBlockStore: { volumeID: draw.pick(["d1", "d2"]), readOnly } },
      { name, iscsi: { targetPortal: "t", iqn: draw.pick(["i1", "i2"]), lun: 0, readOnly } },
      {
        name,
        rbd: {
          monitors: draw.some(["m1", "m2", "m3"], 2),
          pool: draw.pick(["p", "q"]),
          image: "r",
          readOnly,
        },
      },
    ]);
  }

  private size(): string {
    this.#sizes++;
    const base = this.draw.below(40) * 1000003;
    return this.draw.chance(50) ? `${base * 100 + this.#sizes}` : `${this.#sizes}Mi`;
  }

  private storageClass(name: string): KubernetesObject {
    const { draw } = this;
    const topologies = [{ matchLabelExpressions: [{ key: "zone", values: draw.some(["a", "b", "c"], 3) }] }];
    return {
      apiVersion: STORAGE,
      kind: "StorageClass",
      metadata: { name },
      provisioner: PROVISIONERS[name]!,
      volumeBindingMode: name === "now" ? "Immediate" : "WaitForFirstConsumer",
      ...(draw.chance(25) ? { allowedTopologies: topologies } : {}),
    } as Loose;
  }

  private driver(name: string): KubernetesObject {
    const spec = { storageCapacity: this.draw.chance(70) };
    return { apiVersion: STORAGE, kind: "CSIDriver", metadata: { name }, spec } as Loose;
  }

  private csiNode(name: string): KubernetesObject {
    const drivers = this.draw.some(DRIVERS, 3).map((driver) => ({
      name: driver,
      nodeID: name,
      ...(this.draw.chance(80) ? { allocatable: { count: this.draw.below(4) } } : {}),
    }));
    return { apiVersion: STORAGE, kind: "CSINode", metadata: { name }, spec: { drivers } } as Loose;
  }

  private capacity(name: string): KubernetesObject {
    const { draw } = this;
    const matchLabels = { zone: draw.pick(["a", "b"]) };
    return {
      apiVersion: STORAGE,
      kind: "CSIStorageCapacity",
      metadata: { name, namespace: "default" },
      storageClassName: draw.chance(80) ? "room" : "wait",
      ...(draw.chance(85) ? { nodeTopology: draw.chance(60) ? { matchLabels } : {} } : {}),
      ...(draw.chance(85) ? { capacity: draw.pick(["1Gi", "0", "3000000001", "1Ti"]) } : {}),
      ...(draw.chance(30) ? { maximumVolumeSize: draw.pick(["1", "2Gi", "1Ti"]) } : {}),
    } as Loose;
  }

  private attachment(volume: Loose): KubernetesObject {
    const csi = (volume["spec"] as { csi?: { driver: string } }).csi;
    return {
      apiVersion: STORAGE,
      kind: "VolumeAttachment",
      metadata: { name: `attachment-${this.draw.below(5)}` },
      spec: {
        attacher: csi?.driver ?? "csi.example.com",
        nodeName: this.draw.pick(this.nodeNames),
        source: { persistentVolumeName: volume.metadata!.name },
      },
    } as Loose;
  }

  private volume(name: string): KubernetesObject {
    const { draw } = this;
    const labels: Record<string, string> = {};
    for (const key of ZONE_LABELS) if (draw.chance(20)) labels[key] = draw.pick(["a", "b", "a__b", "b__c"]);
    if (draw.chance(30)) labels["tier"] = draw.pick(["fast", "slow"]);
    const terms = draw.many(2, () => ({
      matchExpressions: [
        draw.chance(50)
          ? { key: "zone", operator: "In", values: [draw.pick(["a", "b"])] }
          : { key: "kubernetes.io/hostname", operator: "In", values: [draw.pick(this.nodeNames)] },
      ],
    }));
    const claimRef = {
      namespace: "default",
      name: `claim-${draw.below(6)}`,
      ...(draw.chance(30) ? { uid: draw.pick(["uid-claim-1", "other"]) } : {}),
    };
    return {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name, labels, ...(draw.chance(3) ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}) },
      spec: {
        capacity: { storage: this.size() },
        accessModes: draw.some(["ReadWriteOnce", "ReadOnlyMany", "ReadWriteOncePod"], 3),
        storageClassName: draw.pick(["local", "local", "wait", "now", ""]),
        ...(draw.chance(15) ? { volumeMode: draw.pick(["Block", "Filesystem"]) } : {}),
        ...(draw.chance(5) ? { volumeAttributesClassName: "gold" } : {}),
        ...(draw.chance(40) ? { nodeAffinity: { required: { nodeSelectorTerms: terms } } } : {}),
        ...(draw.chance(15) ? { claimRef } : {}),
        ...(draw.chance(75) ? { csi: { driver: draw.pick(DRIVERS), volumeHandle: `handle-${name}` } } : {}),
      },
      status: { phase: draw.chance(80) ? "Available" : draw.pick(["Bound", "Released"]) },
    } as Loose;
  }

  private claim(name: string, namespace: string): KubernetesObject {
    const { draw } = this;
    const kind = draw.below(100);
    const annotations: Record<string, string> = kind < 45 ? { ...BOUND } : {};
    if (kind >= 45 && draw.chance(10))
      annotations["volume.kubernetes.io/selected-node"] = draw.pick(this.nodeNames);
    const storage = this.size();
    const spec: V1PersistentVolumeClaimSpec = {
      accessModes: [draw.pick(["ReadWriteOnce", "ReadWriteOnce", "ReadOnlyMany", "ReadWriteOncePod"])],
      storageClassName: draw.chance(2) ? "now" : draw.pick(["local", "local", "wait", "room", "old"]),
      ...(draw.chance(95) ? { resources: { requests: { storage } } } : {}),
      ...(kind < 45 ? { volumeName: draw.chance(98) ? `pv-${draw.below(5)}` : "pv-gone" } : {}),
      ...(kind === 45 ? { volumeName: "pv-1" } : {}),
      ...(draw.chance(8) ? { volumeMode: "Block" } : {}),
      ...(draw.chance(8) ? { selector: { matchLabels: { tier: "fast" } } } : {}),
      ...(draw.chance(3) ? { volumeAttributesClassName: "gold" } : {}),
    };
    if (kind >= 98) spec.storageClassName = draw.pick(["", "unknown"]);
    return {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: {
        name,
        namespace,
        uid: `uid-${name}`,
        annotations,
        ...(draw.chance(2) ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
      },
      spec,
      status: { phase: draw.chance(2) ? "Lost" : kind < 45 ? "Bound" : "Pending" },
    } as Loose;
  }
}
