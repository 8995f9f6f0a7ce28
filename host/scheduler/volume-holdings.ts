import type { CapacityName } from "../wasm/scheduler-facts.ts";
import type { SchedulerLink } from "../wasm/scheduler-link.ts";
import { InternedNames } from "./core-capacity.ts";
import { type CsiVolume, volumeOfClaim } from "./csi-volumes.ts";
import type { Disk, PodVolumes } from "./pod-volumes.ts";
import type { StorageObjects } from "./storage-objects.ts";

/** A volume of the core. Its number is another's once nobody needs it. */
export interface CoreVolume {
  readonly id: number;
  readonly key: string;
  /** 0: no driver counts it. */
  readonly driver: number;
  users: number;
}

/** Something in a pod that holds volumes: a claim, a disk. All pods with the same hold the same. */
export interface Holding {
  readonly key: string;
  /** The claim it is of, as `namespace/name`; undefined for what is written into the pod. */
  readonly claim: string | undefined;
  /** What the core counts for each pod; that of a claim changes when the claim is bound. */
  volumes: readonly CoreVolume[];
  /** How many pods each node has that hold it, by the node's name. */
  readonly nodes: Map<string, number>;
  users: number;
}

/** Volumes that the core counts for one holding at most: who uses it, and what is attached for it. */
export const VOLUMES_PER_HOLDING = 2;

interface Parts {
  readonly post: SchedulerLink["post"];
  readonly ensure: (dimension: CapacityName, rows: number) => void;
  readonly slotOf: (node: string) => number | undefined;
  readonly storage: StorageObjects;
}

/** Which volumes pods hold, as numbers of the core. */
export class VolumeHoldings {
  readonly #parts: Parts;
  readonly #holdings = new Map<string, Holding>();
  readonly #volumes = new Map<string, CoreVolume>();
  readonly #free: number[] = [];
  #next = 0;
  /** Driver 0 of the core is none. */
  readonly #drivers: InternedNames<string>;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#drivers = new InternedNames((size) => parts.ensure("drivers", size + 1));
  }

  /** The number of a CSI driver. */
  driver(name: string): number {
    return this.#drivers.intern(name, name) + 1;
  }

  /** What pods like this hold, for one user more. */
  acquire(pod: PodVolumes): Holding[] {
    const held: Holding[] = [];
    try {
      for (const { name, ephemeral } of pod.claims) {
        const claim = `${pod.namespace}/${name}`;
        held.push(this.#acquire(`${ephemeral ? "ephemeral" : "claim"} ${claim}`, claim, undefined));
      }
      for (const disk of pod.disks) held.push(this.#acquire(diskKey(disk), undefined, undefined));
      for (const { driver, handle } of pod.inTree) {
        const counted = { driver, handle: `volume ${handle}` };
        held.push(this.#acquire(`in-tree ${driver} ${handle}`, undefined, counted));
      }
      return held;
    } catch (error) {
      this.release(held);
      throw error;
    }
  }

  release(held: readonly Holding[]): void {
    for (const holding of held) {
      holding.users--;
      if (holding.users > 0) continue;
      this.#holdings.delete(holding.key);
      for (const volume of holding.volumes) this.releaseVolume(volume);
    }
  }

  /** A claim, or what it is bound to, has changed: it may count as another volume. */
  claimChanged(claim: string): void {
    for (const key of [`claim ${claim}`, `ephemeral ${claim}`]) {
      const holding = this.#holdings.get(key);
      if (holding !== undefined) this.#recount(holding);
    }
  }

  /** A storage class has changed: claims that are not bound may count otherwise. */
  allClaimsChanged(): void {
    for (const holding of this.#holdings.values()) if (holding.claim !== undefined) this.#recount(holding);
  }

  /** A volume's number, for one user more. */
  acquireVolume(key: string, counted: CsiVolume | undefined): CoreVolume {
    const known = this.#volumes.get(key);
    if (known !== undefined) {
      known.users++;
      return known;
    }
    const driver = counted === undefined ? 0 : this.driver(counted.driver);
    const id = this.#free.pop() ?? this.#next;
    this.#parts.ensure("volumes", id + 1);
    if (id === this.#next) this.#next++;
    const volume: CoreVolume = { id, key, driver, users: 1 };
    this.#volumes.set(key, volume);
    this.#parts.post(["putVolume", id, driver]);
    return volume;
  }

  acquireCounted(counted: CsiVolume): CoreVolume {
    return this.acquireVolume(`csi ${counted.driver} ${counted.handle}`, counted);
  }

  releaseVolume(volume: CoreVolume): void {
    volume.users--;
    if (volume.users > 0) return;
    this.#volumes.delete(volume.key);
    this.#free.push(volume.id);
  }

  #acquire(key: string, claim: string | undefined, counted: CsiVolume | undefined): Holding {
    let holding = this.#holdings.get(key);
    if (holding === undefined) {
      holding = { key, claim, volumes: this.#volumesOf(key, claim, counted), nodes: new Map(), users: 0 };
      this.#holdings.set(key, holding);
    }
    holding.users++;
    return holding;
  }

  #volumesOf(key: string, claim: string | undefined, inline: CsiVolume | undefined): CoreVolume[] {
    const counted = claim === undefined ? inline : volumeOfClaim(claim, this.#parts.storage);
    // Nobody asks who uses the claim of an ephemeral volume: it is one pod's own.
    const used = key.startsWith("ephemeral ") || inline ? [] : [this.acquireVolume(key, undefined)];
    return counted === undefined ? used : [...used, this.acquireCounted(counted)];
  }

  #recount(holding: Holding): void {
    const before = holding.volumes;
    const now = this.#volumesOf(holding.key, holding.claim, undefined);
    holding.volumes = now;
    for (const [node, pods] of holding.nodes) {
      const slot = this.#parts.slotOf(node);
      if (slot !== undefined) correctUses(this.#parts.post, slot, before, now, pods);
    }
    for (const volume of before) this.releaseVolume(volume);
  }
}

/** Two uses of a disk are in each other's way unless both only read. */
export function diskKey({ key, readOnly }: Disk): string {
  return `disk ${readOnly ? "ro" : "rw"} ${key}`;
}

/** Moves pods on a node from some volumes to others. */
export function correctUses(
  post: SchedulerLink["post"],
  slot: number,
  before: readonly CoreVolume[],
  now: readonly CoreVolume[],
  pods: number,
): void {
  const gone = [...before];
  const come = now.filter((volume) => {
    const at = gone.indexOf(volume);
    if (at >= 0) gone.splice(at, 1);
    return at < 0;
  });
  for (const { id } of come) post(["changeUse", id, slot, pods, 0]);
  for (const { id } of gone) post(["changeUse", id, slot, -pods, 0]);
}
