import type { SchedulerLink } from "../wasm/scheduler-link.ts";
import { volumeOfAttachment } from "./csi-volumes.ts";
import type { StorageObjects } from "./storage-objects.ts";
import type { CoreVolume, VolumeHoldings } from "./volume-holdings.ts";

interface Parts {
  readonly post: SchedulerLink["post"];
  readonly slotOf: (node: string) => number | undefined;
  readonly storage: StorageObjects;
  readonly holdings: VolumeHoldings;
  /** Called with the number of attachments before there is another. */
  readonly reserve: (attachments: number) => void;
}

interface Attachment {
  readonly node: string;
  /** The name of its PersistentVolume. */
  readonly of: string;
  /** Undefined while its PersistentVolume is not there. */
  readonly volume: CoreVolume | undefined;
}

/** What CSI drivers have on each node: how many volumes they take, and those that are attached whoever uses them. */
export class NodeDrivers {
  readonly #parts: Parts;
  /** The drivers that the core was told about, by node. */
  readonly #told = new Map<string, ReadonlySet<number>>();
  readonly #attachments = new Map<string, Attachment>();
  readonly #byVolume = new Map<string, Set<string>>();
  readonly #byNode = new Map<string, Set<string>>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The node has come: its slot is empty. */
  nodeAdded(node: string): void {
    this.#told.delete(node);
    this.putCsiNode(node);
    const slot = this.#parts.slotOf(node);
    if (slot === undefined) return;
    for (const name of this.#byNode.get(node) ?? []) {
      const { volume } = this.#attachments.get(name)!;
      if (volume !== undefined) this.#parts.post(["changeUse", volume.id, slot, 0, 1]);
    }
  }

  /** The CSINode of the node has changed, or is gone. */
  putCsiNode(node: string): void {
    const slot = this.#parts.slotOf(node);
    if (slot === undefined) return;
    const told = new Set<number>();
    for (const { name, allocatable } of this.#parts.storage.csiNodes.get(node)?.spec?.drivers ?? []) {
      const driver = this.#parts.holdings.driver(name);
      told.add(driver);
      this.#parts.post(["putDriver", driver, slot, allocatable?.count]);
    }
    for (const driver of this.#told.get(node) ?? [])
      if (!told.has(driver)) this.#parts.post(["putDriver", driver, slot, undefined]);
    this.#told.set(node, told);
  }

  putAttachment(name: string): void {
    const object = this.#parts.storage.attachments.get(name);
    this.#drop(name);
    if (object === undefined) return;
    const counted = volumeOfAttachment(object, this.#parts.storage);
    this.#parts.reserve(this.#attachments.size + 1);
    const volume = counted && this.#parts.holdings.acquireCounted(counted);
    const { nodeName: node } = object.spec;
    const of = object.spec.source?.persistentVolumeName ?? "";
    this.#attachments.set(name, { node, of, volume });
    index(this.#byVolume, of, name);
    index(this.#byNode, node, name);
    const slot = this.#parts.slotOf(node);
    if (slot !== undefined && volume !== undefined) this.#parts.post(["changeUse", volume.id, slot, 0, 1]);
  }

  /** A PersistentVolume has come, changed or gone: what attachments attach is read from it. */
  volumeChanged(volume: string): void {
    for (const name of [...(this.#byVolume.get(volume) ?? [])]) this.putAttachment(name);
  }

  #drop(name: string): void {
    const known = this.#attachments.get(name);
    if (known === undefined) return;
    this.#attachments.delete(name);
    unindex(this.#byNode, known.node, name);
    unindex(this.#byVolume, known.of, name);
    if (known.volume === undefined) return;
    const slot = this.#parts.slotOf(known.node);
    if (slot !== undefined) this.#parts.post(["changeUse", known.volume.id, slot, 0, -1]);
    this.#parts.holdings.releaseVolume(known.volume);
  }
}

function index(names: Map<string, Set<string>>, key: string, name: string): void {
  const known = names.get(key) ?? new Set<string>();
  names.set(key, known);
  known.add(name);
}

function unindex(names: Map<string, Set<string>>, key: string, name: string): void {
  const known = names.get(key);
  known?.delete(name);
  if (known?.size === 0) names.delete(key);
}
