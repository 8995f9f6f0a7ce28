import type { KubernetesObject } from "../apimachinery/object.ts";
import type { CapacityName, ClassVolumes, CoreNames } from "../wasm/scheduler-facts.ts";
import type { SchedulerLink } from "../wasm/scheduler-link.ts";
import { type BindingPlan, planBindings } from "./binding-plan.ts";
import { type DeviceAllocation, Devices } from "./devices.ts";
import type { NodeIdentity } from "./node-affinity.ts";
import { NodeDrivers } from "./node-drivers.ts";
import type { NodeRules, Where } from "./node-rules.ts";
import type { PodVolumes } from "./pod-volumes.ts";
import type { ProfileFacts } from "./profile-facts.ts";
import { PromisedVolumes } from "./promised-volumes.ts";
import { type StorageChange, StorageObjects } from "./storage-objects.ts";
import {
  type CoreVolume,
  correctUses,
  diskKey,
  type Holding,
  VOLUMES_PER_HOLDING,
  VolumeHoldings,
} from "./volume-holdings.ts";
import { type PrefilterRefusal, resolveVolumes, type VolumeResolution } from "./volume-resolution.ts";

interface ClassEntry {
  readonly version: number;
  /** What it needs as long as it is described like this. */
  readonly volumes: readonly CoreVolume[];
  readonly holdings: readonly Holding[];
  readonly rules: readonly number[];
  readonly plan: BindingPlan;
  readonly missing: string | undefined;
}

interface Resolved {
  readonly version: number;
  readonly what: VolumeResolution | PrefilterRefusal;
}

/** What a pod that the core is asked about holds, kept until the answer is there. */
export interface AskedVolumes {
  readonly holdings: readonly Holding[];
  /** What the core counts for it if it places it. */
  readonly held: readonly CoreVolume[];
  readonly plan: BindingPlan;
  /** What NodeVolumeLimits says of a claim that is not there. */
  readonly missing: string | undefined;
  readonly pod: PodVolumes;
  /** As long as the next pod of its batch would not know what this one takes, it has to be the last. */
  readonly endsBatch: boolean;
}

/** A claim that is bound with its pod: to this volume, or to one to be provisioned. */
export interface ClaimBinding {
  /** `namespace/name` */
  readonly claim: string;
  readonly volume: string | null;
}

interface Parts {
  readonly post: SchedulerLink["post"];
  readonly ensure: (dimension: CapacityName, rows: number) => void;
  readonly names: CoreNames;
  readonly slotOf: (node: string) => number | undefined;
  readonly rules: NodeRules;
  /** Devices stand for other extended resources than before. */
  readonly resourcesChanged: () => void;
}

/**
 * The host's half of VolumeRestrictions, NodeVolumeLimits, VolumeBinding and VolumeZone, and of DynamicResources: reads the storage objects, answers
 * the PreFilters, and describes to the core what is left to decide.
 *
 * What a class means depends on the storage objects, so it carries the version of them that it was described from, and is
 * described again when one of its pods comes and they have changed.
 */
export class Volumes {
  readonly #parts: Parts;
  readonly #storage = new StorageObjects();
  readonly #promised = new PromisedVolumes();
  readonly #holdings: VolumeHoldings;
  readonly #drivers: NodeDrivers;
  readonly devices: Devices;
  readonly #classes = new Map<number, ClassEntry>();
  /** By the profile's id. */
  readonly #resolved = new WeakMap<PodVolumes, Map<number, Resolved>>();
  #version = 0;
  /** The most that pods hold until room is reserved anew, and the attachments there are. */
  #held = 0;
  #attachments = 0;

  constructor(parts: Parts) {
    const { post, ensure, slotOf } = parts;
    this.#parts = parts;
    this.devices = new Devices(parts);
    this.#holdings = new VolumeHoldings({ post, ensure, slotOf, storage: this.#storage });
    this.#drivers = new NodeDrivers({
      post,
      slotOf,
      storage: this.#storage,
      holdings: this.#holdings,
      reserve: (attachments) => {
        this.#attachments = attachments;
        this.#reserve();
      },
    });
  }

  /** What a pod's claims mean now, or which plugin refuses it on every node. */
  resolve(pod: PodVolumes, profile: ProfileFacts): VolumeResolution | PrefilterRefusal {
    const byProfile = this.#resolved.get(pod) ?? new Map<number, Resolved>();
    const known = byProfile.get(profile.id);
    if (known?.version === this.#version) return known.what;
    const devices = this.devices.needsOf(pod);
    const what = resolveVolumes(pod, profile, this.#storage, this.#promised, devices);
    byProfile.set(profile.id, { version: this.#version, what });
    this.#resolved.set(pod, byProfile);
    return what;
  }

  /** Tells the core what a class has to do with volumes, unless it knows. Nothing has changed when it throws. */
  describe(id: number, pod: PodVolumes, profile: ProfileFacts): void {
    const before = this.#classes.get(id);
    const resolution = this.resolve(pod, profile);
    if (before?.version === this.#version || !("requirements" in resolution)) return;
    const holdings = this.#holdings.acquire(pod);
    const volumes: CoreVolume[] = [];
    const rules: number[] = [];
    try {
      const numbers = this.#numbers(pod, profile, resolution, holdings, volumes, rules);
      const plan = planBindings(
        resolution.toBind,
        (where) => this.#rule(where, rules),
        (count) => this.#parts.ensure("candidates", count),
      );
      this.#parts.post(["putClassVolumes", id, numbers]);
      this.#classes.set(id, {
        version: this.#version,
        holdings,
        volumes,
        rules,
        plan,
        missing: resolution.missing,
      });
    } catch (error) {
      this.#release({ holdings, volumes, rules });
      throw error;
    }
    if (before !== undefined) this.#release(before);
  }

  dropClass(id: number): void {
    const entry = this.#classes.get(id);
    if (entry === undefined) return;
    this.#classes.delete(id);
    this.#release(entry);
    this.#parts.post(["putClassVolumes", id, NO_VOLUMES]);
  }

  /** What a pod of the class holds; `letGo` when the core has answered. */
  ask(id: number, pod: PodVolumes, profile: ProfileFacts): AskedVolumes {
    const holdings = this.#holdings.acquire(pod);
    const held = volumesOf(holdings);
    for (const volume of held) volume.users++;
    const { plan, missing } = this.#classes.get(id)!;
    const resolution = this.resolve(pod, profile);
    const allocates = "devices" in resolution && (resolution.devices?.toAllocate.length ?? 0) > 0;
    return { holdings, held, plan, missing, pod, endsBatch: allocates || plan.claims.length > 0 };
  }

  letGo({ holdings, held }: AskedVolumes): void {
    this.#holdings.release(holdings);
    for (const volume of held) this.#holdings.releaseVolume(volume);
  }

  /** Brings what the core counted for a pod that it assumed in line with what the pod holds now. */
  correct(slot: number, { holdings, held }: AskedVolumes): void {
    correctUses(this.#parts.post, slot, held, volumesOf(holdings), 1);
  }

  /** What a bound pod holds, until `release`. */
  acquire(pod: PodVolumes): readonly Holding[] {
    return this.#holdings.acquire(pod);
  }

  release(holdings: readonly Holding[]): void {
    this.#holdings.release(holdings);
  }

  /** Sees to it that the core has room for this many holdings of pods. */
  reserveUses(holdings: number): void {
    this.#held = holdings;
    this.#reserve();
  }

  /** To be posted right before a question about a class with claims to bind. */
  postPlan({ plan }: AskedVolumes): void {
    if (plan.claims.length > 0) this.#parts.post(["putBinding", plan.claims]);
  }

  /** The pod was placed: its claims are promised what the core chose. */
  promise(pod: string, node: string, { plan }: AskedVolumes, chosen: readonly number[]): ClaimBinding[] {
    const bindings = plan.claimNames.map((claim, i): ClaimBinding => {
      return { claim, volume: plan.volumeNames[chosen[i]!] ?? null };
    });
    if (bindings.length === 0) return [];
    const promises = bindings.map(({ claim, volume }) => ({ claim, node, volume: volume ?? undefined }));
    this.#promised.promise(pod, promises);
    this.#version++;
    return bindings;
  }

  /** The pod was placed: its claims of devices are given some of the node. */
  allocate(
    pod: string,
    node: NodeIdentity,
    { pod: volumes }: AskedVolumes,
    profile: ProfileFacts,
  ): DeviceAllocation[] {
    if (volumes.devices.length === 0 || !profile.filters.has("DynamicResources")) return [];
    this.#version++;
    return this.devices.promise(pod, volumes, this.devices.needsOf(volumes)!, node);
  }

  /** The pod is seen bound: what it was promised stays promised, whatever becomes of it. */
  keep(pod: string): void {
    this.#promised.keep(pod);
    this.devices.keep(pod);
  }

  /** The pod is gone, and with it what it was promised. */
  forget(pod: string): void {
    const hadDevices = this.devices.forget(pod);
    if (this.#promised.forget(pod) || hadDevices) this.#version++;
  }

  nodeAdded(node: string): void {
    this.#version++;
    this.#drivers.nodeAdded(node);
    this.devices.nodeAdded(node);
  }

  nodeRemoved(): void {
    this.#version++;
  }

  /** @throws ApiError 422 with every bad field */
  putObject(object: KubernetesObject): void {
    this.#changed(this.#storage.put(object));
    if (this.devices.put(object)) this.#version++;
  }

  removeObject(object: KubernetesObject): void {
    this.#changed(this.#storage.remove(object));
    if (this.devices.remove(object)) this.#version++;
  }

  #reserve(): void {
    const uses = this.#held * VOLUMES_PER_HOLDING + this.#attachments;
    if (uses > 0) this.#parts.ensure("volumeUses", uses + 1);
  }

  #changed(change: StorageChange | undefined): void {
    if (change === undefined) return;
    this.#version++;
    switch (change.kind) {
      case "v1/PersistentVolume":
        this.#promised.volumeSeen(change.name);
        for (const claim of this.#storage.claimsOf(change.name)) this.#holdings.claimChanged(claim);
        this.#drivers.volumeChanged(change.name);
        break;
      case "v1/PersistentVolumeClaim":
        this.#promised.claimSeen(change.key);
        this.#holdings.claimChanged(change.key);
        break;
      case "storage.k8s.io/v1/StorageClass":
        this.#holdings.allClaimsChanged();
        break;
      case "storage.k8s.io/v1/CSINode":
        this.#drivers.putCsiNode(change.name);
        break;
      case "storage.k8s.io/v1/VolumeAttachment":
        this.#drivers.putAttachment(change.name);
        break;
      case "storage.k8s.io/v1/CSIDriver":
      case "storage.k8s.io/v1/CSIStorageCapacity":
        break;
      default:
        change.kind satisfies never;
    }
  }

  #numbers(
    pod: PodVolumes,
    profile: ProfileFacts,
    resolution: VolumeResolution,
    holdings: readonly Holding[],
    volumes: CoreVolume[],
    rules: number[],
  ): ClassVolumes {
    const { names, ensure } = this.#parts;
    const { volumeFlags: flag, volumeFilters: filter, volumeRefusals } = names;
    const listed = this.#listVolumes(pod, profile, resolution, holdings, volumes);
    const missing = resolution.missing === undefined ? [] : [MISSING_CLAIM];
    const { devices } = resolution;
    const unavailable = (devices?.where ?? []).map((where) => {
      return { where, refusal: "claimUnavailable" as const };
    });
    const requirements = [...missing, ...resolution.requirements, ...unavailable]
      .filter(({ where }) => where !== "everywhere")
      .map(({ where, refusal }) => ({ rule: this.#rule(where, rules), refusal: volumeRefusals[refusal] }));
    const { toBind, selectedNodes } = resolution;
    ensure("classVolumes", listed.length);
    ensure("requirements", requirements.length);
    ensure("bindingClaims", toBind.length);
    const wanted = devices?.wanted ?? 0;
    const claimSlot = this.#onlySlot(devices?.onlyNodes);
    const asksUses = listed.some(({ flags }) => (flags & ~flag.held) !== 0);
    const asksRules = requirements.length > 0 || toBind.length > 0 || claimSlot !== "any";
    return {
      filters:
        (asksUses ? filter.uses : 0) | (asksRules ? filter.rules : 0) | (wanted > 0 ? filter.devices : 0),
      volumes: listed,
      requirements,
      bindingClaims: toBind.length,
      selectedSlot: this.#onlySlot(selectedNodes),
      claimSlot,
      devicesWanted: wanted,
    };
  }

  /** Nodes that all have to be the pod's: any if there are none, one, or no node at all. */
  #onlySlot(nodes: ReadonlySet<string> = new Set()): number | "any" | "none" {
    const [only] = nodes;
    if (only === undefined) return "any";
    return nodes.size > 1 ? "none" : (this.#parts.slotOf(only) ?? "none");
  }

  /** What pods of the class hold, and what is in their way; those that are counted by driver. */
  #listVolumes(
    pod: PodVolumes,
    { filters }: ProfileFacts,
    { exclusive }: VolumeResolution,
    holdings: readonly Holding[],
    volumes: CoreVolume[],
  ): { readonly volume: number; readonly flags: number }[] {
    const { volumeFlags: flag } = this.#parts.names;
    const entries: { volume: CoreVolume; flags: number }[] = [];
    const counted = new Set<CoreVolume>();
    for (const { claim, volumes: held } of holdings)
      for (const volume of held) {
        volume.users++;
        volumes.push(volume);
        let flags = flag.held;
        if (volume.driver === 0 && claim !== undefined && exclusive.has(claim)) flags |= flag.exclusive;
        // A volume that several claims stand for is one volume.
        if (volume.driver > 0 && !counted.has(volume) && filters.has("NodeVolumeLimits"))
          flags |= flag.counted;
        counted.add(volume);
        entries.push({ volume, flags });
      }
    for (const disk of filters.has("VolumeRestrictions") ? pod.disks : [])
      for (const readOnly of disk.readOnly ? [false] : [false, true]) {
        const volume = this.#holdings.acquireVolume(diskKey({ ...disk, readOnly }), undefined);
        volumes.push(volume);
        entries.push({ volume, flags: flag.conflicts });
      }
    return entries
      .sort((a, b) => a.volume.driver - b.volume.driver)
      .map(({ volume, flags }) => ({ volume: volume.id, flags }));
  }

  #rule(where: Where, rules: number[]): number {
    const rule = this.#parts.rules.acquire(where);
    rules.push(rule);
    return rule;
  }

  #release({ holdings, volumes, rules }: Pick<ClassEntry, "holdings" | "volumes" | "rules">): void {
    this.#holdings.release(holdings);
    for (const volume of volumes) this.#holdings.releaseVolume(volume);
    for (const rule of rules) this.#parts.rules.release(rule);
  }
}

const MISSING_CLAIM = { where: "nowhere", refusal: "missingClaim" } as const;

const NO_VOLUMES: ClassVolumes = {
  filters: 0,
  volumes: [],
  requirements: [],
  bindingClaims: 0,
  selectedSlot: "any",
  claimSlot: "any",
  devicesWanted: 0,
};

/** What the core counts for a pod that holds these. */
export function volumesOf(holdings: readonly Holding[]): CoreVolume[] {
  return holdings.flatMap(({ volumes }) => volumes);
}
