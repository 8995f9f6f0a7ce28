import type { CapacityName } from "../wasm/scheduler-facts.ts";
import type { SchedulerLink } from "../wasm/scheduler-link.ts";
import type { NodeImage } from "./images.ts";

/** An image that some node has. */
interface Image {
  /** As said by the node that brought it in; another that has it too does not change it. Source: the cache's imageStates. */
  readonly sizeBytes: number;
  readonly slots: Set<number>;
}

/** An image that classes ask for: a row in the core. */
interface Column {
  readonly id: number;
  users: number;
}

interface Parts {
  readonly post: SchedulerLink["post"];
  readonly ensure: (dimension: CapacityName, rows: number) => void;
}

/**
 * Which nodes have which images. The core is told only of those that a class asks for, so that images nobody wants cost it
 * nothing. Holds a name for each image of each node.
 */
export class ImageTable {
  readonly #parts: Parts;
  readonly #images = new Map<string, Image>();
  readonly #columns = new Map<string, Column>();
  readonly #free: number[] = [];

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** A node's images are these now; `before` is what they were. */
  change(slot: number, before: readonly NodeImage[], now: readonly NodeImage[]): void {
    // As the cache does it: all of the old are taken away before the new come, so a size that nobody else holds is new.
    const had = new Map<string, number>();
    for (const { name } of before) {
      const image = this.#images.get(name)!;
      had.set(name, image.sizeBytes);
      image.slots.delete(slot);
      if (image.slots.size === 0) this.#images.delete(name);
    }
    for (const { name, sizeBytes } of now) {
      const image = this.#images.get(name) ?? { sizeBytes, slots: new Set<number>() };
      this.#images.set(name, image);
      image.slots.add(slot);
      const old = had.get(name);
      had.delete(name);
      if (old === undefined) this.#post(name, [[slot, 1]]);
      else if (old !== image.sizeBytes) this.#post(name, []);
    }
    for (const name of had.keys()) this.#post(name, [[slot, -1]]);
  }

  /** Numbers for the images that a class names, until they are released. */
  acquire(names: readonly string[]): number[] {
    const acquired: string[] = [];
    try {
      return names.map((name) => {
        const { id } = this.#acquire(name);
        acquired.push(name);
        return id;
      });
    } catch (error) {
      this.release(acquired);
      throw error;
    }
  }

  release(names: readonly string[]): void {
    for (const name of names) {
      const column = this.#columns.get(name)!;
      column.users--;
      if (column.users > 0) continue;
      this.#post(name, this.#slotsOf(name, -1));
      this.#columns.delete(name);
      this.#free.push(column.id);
    }
  }

  #acquire(name: string): Column {
    const known = this.#columns.get(name);
    if (known !== undefined) {
      known.users++;
      return known;
    }
    const id = this.#free.at(-1) ?? this.#columns.size;
    this.#parts.ensure("images", id + 1);
    this.#free.pop();
    const column: Column = { id, users: 1 };
    this.#columns.set(name, column);
    this.#post(name, this.#slotsOf(name, 1));
    return column;
  }

  #slotsOf(name: string, has: 1 | -1): (readonly [slot: number, has: 1 | -1])[] {
    return [...(this.#images.get(name)?.slots ?? [])].map((slot) => [slot, has]);
  }

  #post(name: string, changes: readonly (readonly [slot: number, has: 1 | -1])[]): void {
    const column = this.#columns.get(name);
    if (column === undefined) return;
    this.#parts.post(["putImage", column.id, this.#images.get(name)?.sizeBytes ?? 0, changes]);
  }
}
