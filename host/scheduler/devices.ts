import type { ResourceV1ResourceClaim, V1DeviceClass, V1ResourceSlice } from "../api/generated/types.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { CapacityName } from "../wasm/scheduler-facts.ts";
import type { SchedulerLink } from "../wasm/scheduler-link.ts";
import { claimsOf, type DeviceNeeds, type DeviceState, needsOf, whyWaiting } from "./device-needs.ts";
import {
  type AllocatedDevice,
  claimKey,
  deviceId,
  type KnownDeviceClaim,
  type KnownSlice,
  readDeviceClaim,
  readSlice,
} from "./device-objects.ts";
import type { NodeIdentity } from "./node-affinity.ts";
import type { NodeRules, Where } from "./node-rules.ts";
import type { PodVolumes } from "./pod-volumes.ts";
import { CLAIMS_TEXT } from "./reasons.ts";

/** A claim that a placed pod uses: with these devices, or (undefined) with those that it has already. */
export interface DeviceAllocation {
  /** `namespace/name` */
  readonly claim: string;
  readonly devices: readonly AllocatedDevice[] | undefined;
}

/** Devices that were given to a claim and that the API does not show yet. */
interface PendingAllocation {
  /** Undefined once the pod was seen bound: the claim no longer stands and falls with it. */
  readonly pod: string | undefined;
  readonly devices: readonly AllocatedDevice[];
}

interface OfferedSlice extends KnownSlice {
  /** By first appearance: the order in which devices are taken. */
  readonly place: number;
  /** Of slices that several nodes reach. */
  readonly rule: number | undefined;
}

interface Parts {
  readonly post: SchedulerLink["post"];
  readonly ensure: (dimension: CapacityName, rows: number) => void;
  readonly slotOf: (node: string) => number | undefined;
  readonly rules: NodeRules;
  /** Devices stand for other extended resources than before. */
  readonly resourcesChanged: () => void;
}

interface KnownClass {
  readonly hasSelectors: boolean;
  /** The extended resource that it stands for besides the one of its own name. */
  readonly extendedResource: string | undefined;
}

/** Every class stands for the extended resource of this name. */
const OWN_RESOURCE = "deviceclass.resource.kubernetes.io/";

/**
 * The host's half of DynamicResources: claims, classes and slices; which devices are free, counted for the core; and those of
 * assumed pods, which are taken until the API shows the claim anew or the pod is forgotten.
 */
export class Devices implements DeviceState {
  readonly #parts: Parts;
  readonly #claims = new Map<string, KnownDeviceClaim>();
  readonly #pending = new Map<string, PendingAllocation>();
  readonly #pendingOfPod = new Map<string, readonly string[]>();
  readonly #classes = new Map<string, KnownClass>();
  readonly #slices = new Map<string, OfferedSlice>();
  readonly #slicesOfNode = new Map<string, Set<string>>();
  readonly #slicesOfPool = new Map<string, Set<string>>();
  readonly #shared = new Set<string>();
  /** Device -> how many claims have it. */
  readonly #taken = new Map<string, number>();
  #nextPlace = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  readonly claim = (key: string): KnownDeviceClaim | undefined => this.#claims.get(key);
  readonly isPending = (key: string): boolean => this.#pending.has(key);
  readonly classHasSelectors = (name: string): boolean | undefined => this.#classes.get(name)?.hasSelectors;

  /** Whether devices stand for the extended resource. */
  readonly standFor = (resource: string): boolean =>
    (resource.startsWith(OWN_RESOURCE) && this.#classes.has(resource.slice(OWN_RESOURCE.length))) ||
    [...this.#classes.values()].some(({ extendedResource }) => extendedResource === resource);

  whyWaiting(pod: PodVolumes): string | undefined {
    return pod.devices.length === 0 ? undefined : whyWaiting(pod, this);
  }

  needsOf(pod: PodVolumes): DeviceNeeds | undefined {
    return needsOf(pod, this);
  }

  /** @returns whether pods may mean something else now */
  put(object: KubernetesObject): boolean {
    switch (`${object.apiVersion}/${object.kind}`) {
      case "resource.k8s.io/v1/ResourceClaim":
        this.#setClaim(claimKey(object), readDeviceClaim(object as ResourceV1ResourceClaim));
        return true;
      case "resource.k8s.io/v1/DeviceClass":
        this.#setClass(object.metadata?.name ?? "", (object as V1DeviceClass).spec);
        return true;
      case "resource.k8s.io/v1/ResourceSlice":
        this.#setSlice(object.metadata?.name ?? "", readSlice(object as V1ResourceSlice));
        return false;
      default:
        return false;
    }
  }

  remove(object: KubernetesObject): boolean {
    switch (`${object.apiVersion}/${object.kind}`) {
      case "resource.k8s.io/v1/ResourceClaim":
        this.#setClaim(claimKey(object), undefined);
        return true;
      case "resource.k8s.io/v1/DeviceClass":
        this.#setClass(object.metadata?.name ?? "", undefined);
        return true;
      case "resource.k8s.io/v1/ResourceSlice":
        this.#setSlice(object.metadata?.name ?? "", undefined);
        return false;
      default:
        return false;
    }
  }

  /** A node's slices may be older than the node. */
  nodeAdded(node: string): void {
    if (this.#slicesOfNode.has(node)) this.#postNode(node);
  }

  /** The pod was placed: its claims are given devices of the node, the first that are free. */
  promise(pod: string, claims: PodVolumes, needs: DeviceNeeds, node: NodeIdentity): DeviceAllocation[] {
    const free = needs.toAllocate.length > 0 ? this.#freeOn(node) : [];
    const promised = new Map<string, readonly AllocatedDevice[]>();
    for (const { key, requests } of needs.toAllocate) {
      if (promised.has(key) || !this.#claims.has(key)) continue;
      const devices = requests.flatMap(({ name, count = 0 }) =>
        free.splice(0, count).map((one) => ({ request: name, ...one })),
      );
      promised.set(key, devices);
      this.#change(key, () => this.#pending.set(key, { pod, devices }));
    }
    if (promised.size > 0) this.#pendingOfPod.set(pod, [...promised.keys()]);
    return claimsOf(claims, this).map(({ key }) => ({ claim: key, devices: promised.get(key) }));
  }

  keep(pod: string): void {
    for (const [claim, devices] of this.#heldBy(pod)) this.#pending.set(claim, { pod: undefined, devices });
    this.#pendingOfPod.delete(pod);
  }

  /** @returns whether anything was promised to the pod */
  forget(pod: string): boolean {
    for (const [claim] of this.#heldBy(pod)) this.#change(claim, () => this.#pending.delete(claim));
    return this.#pendingOfPod.delete(pod);
  }

  /**
   * What PostFilter says of a pod with claims.
   *
   * @param refusing  the nodes where an allocated claim of it could not be used
   */
  postFilterText(pod: PodVolumes, refusing: readonly NodeIdentity[]): string {
    const isIdle = claimsOf(pod, this).some(({ key, isAllocated, users, where }) => {
      const isFree = users.length === 0 || (users.length === 1 && users[0] === pod.uid);
      const isUnavailable = (node: NodeIdentity) => !holds(where, node);
      return isFree && isAllocated && !this.isPending(key) && refusing.some(isUnavailable);
    });
    return isIdle ? "deallocation of ResourceClaim completed" : CLAIMS_TEXT;
  }

  #heldBy(pod: string): (readonly [claim: string, devices: readonly AllocatedDevice[]])[] {
    return (this.#pendingOfPod.get(pod) ?? []).flatMap((claim) => {
      const pending = this.#pending.get(claim);
      return pending?.pod === pod ? [[claim, pending.devices] as const] : [];
    });
  }

  #devicesOf(claim: string): readonly AllocatedDevice[] {
    return this.#pending.get(claim)?.devices ?? this.#claims.get(claim)?.devices ?? [];
  }

  #setClass(name: string, spec: V1DeviceClass["spec"] | undefined): void {
    if (spec === undefined) this.#classes.delete(name);
    else {
      const hasSelectors = (spec.selectors ?? []).length > 0;
      this.#classes.set(name, { hasSelectors, extendedResource: spec.extendedResourceName });
    }
    this.#parts.resourcesChanged();
  }

  #setClaim(key: string, claim: KnownDeviceClaim | undefined): void {
    this.#change(key, () => {
      this.#pending.delete(key);
      if (claim === undefined) this.#claims.delete(key);
      else this.#claims.set(key, claim);
    });
  }

  /** Changes which devices a claim has, and counts again where they are. */
  #change(claim: string, change: () => void): void {
    const before = this.#devicesOf(claim);
    change();
    const after = this.#devicesOf(claim);
    if (before.length + after.length === 0) return;
    for (const device of before) this.#count(deviceId(device), -1);
    for (const device of after) this.#count(deviceId(device), 1);
    const pools = new Set([...before, ...after].map(({ driver, pool }) => `${driver}/${pool}`));
    const slices = [...pools].flatMap((pool) => [...(this.#slicesOfPool.get(pool) ?? [])]);
    const touched = slices.map((name) => this.#slices.get(name)!);
    for (const node of new Set(touched.flatMap(({ node }) => node ?? []))) this.#postNode(node);
    if (touched.some(({ node }) => node === undefined)) this.#postPools();
  }

  #count(device: string, change: 1 | -1): void {
    const claims = (this.#taken.get(device) ?? 0) + change;
    if (claims === 0) this.#taken.delete(device);
    else this.#taken.set(device, claims);
  }

  /** @throws CapacityError, and nothing has changed */
  #setSlice(name: string, slice: KnownSlice | undefined): void {
    const before = this.#slices.get(name);
    const isShared = slice !== undefined && slice.node === undefined;
    if (isShared) this.#parts.ensure("devicePools", this.#shared.size + 1);
    const rule = isShared ? this.#parts.rules.acquire(slice.where) : undefined;
    if (before !== undefined) {
      this.#slices.delete(name);
      removeFrom(this.#slicesOfPool, `${before.driver}/${before.pool}`, name);
      if (before.node !== undefined) removeFrom(this.#slicesOfNode, before.node, name);
      this.#shared.delete(name);
    }
    if (slice !== undefined) {
      this.#slices.set(name, { ...slice, rule, place: before?.place ?? this.#nextPlace++ });
      addTo(this.#slicesOfPool, `${slice.driver}/${slice.pool}`, name);
      if (slice.node === undefined) this.#shared.add(name);
      else addTo(this.#slicesOfNode, slice.node, name);
    }
    for (const node of new Set([before?.node, slice?.node])) if (node !== undefined) this.#postNode(node);
    if (isShared || before?.rule !== undefined) this.#postPools();
    // After the pools that name it are gone.
    if (before?.rule !== undefined) this.#parts.rules.release(before.rule);
  }

  #freeIn({ driver, pool, devices }: OfferedSlice): Omit<AllocatedDevice, "request">[] {
    return devices
      .map((device) => ({ driver, pool, device }))
      .filter((device) => !this.#taken.has(deviceId(device)));
  }

  #freeOn(node: NodeIdentity): Omit<AllocatedDevice, "request">[] {
    const shared = [...this.#shared].filter((name) => holds(this.#slices.get(name)!.where, node));
    return [...(this.#slicesOfNode.get(node.name) ?? []), ...shared]
      .map((name) => this.#slices.get(name)!)
      .sort((a, b) => a.place - b.place)
      .flatMap((slice) => this.#freeIn(slice));
  }

  #postNode(node: string): void {
    const slot = this.#parts.slotOf(node);
    if (slot === undefined) return;
    const slices = [...(this.#slicesOfNode.get(node) ?? [])].map((name) => this.#slices.get(name)!);
    const free = slices.reduce((sum, slice) => sum + this.#freeIn(slice).length, 0);
    this.#parts.post(["putNodeDevices", slot, free]);
  }

  #postPools(): void {
    const slices = [...this.#shared].map((name) => this.#slices.get(name)!);
    const pools = slices.map((slice) => ({ rule: slice.rule!, free: this.#freeIn(slice).length }));
    this.#parts.post(["putDevicePools", pools]);
  }
}

function holds(where: Where, node: NodeIdentity): boolean {
  if (where === "everywhere" || where === "nowhere") return where === "everywhere";
  return where.matches(node);
}

function addTo(sets: Map<string, Set<string>>, key: string, member: string): void {
  const set = sets.get(key) ?? new Set<string>();
  sets.set(key, set.add(member));
}

function removeFrom(sets: Map<string, Set<string>>, key: string, member: string): void {
  const set = sets.get(key);
  set?.delete(member);
  if (set?.size === 0) sets.delete(key);
}
