import type { Kind } from "../../api/kind.ts";
import type { WatchEvent } from "../../store/store.ts";
import { objectBytes } from "./object-bytes.ts";
import type { View, Views } from "./view.ts";

export type DeliveryType = "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";

/** One event as a watcher is told it. All watchers that are told the same share it. */
export class Delivery {
  constructor(
    readonly type: DeliveryType,
    readonly view: View,
  ) {}

  get revision(): number {
    return this.view.revision;
  }

  /** `{"type":"ADDED","object":{...}}\n` */
  line(): Buffer {
    return objectBytes(this.view.value, this.view.revision, `{"type":"${this.type}","object":`, "}\n");
  }
}

/** How much of stored values goes into one batch: about one write to a socket. */
const BATCH_BYTES = 64 * 1024;

/**
 * Deliveries that are written together, and their bytes, which every watcher of the same form shares. They are kept
 * for as long as some watcher has yet to write the batch.
 */
export class Batch {
  #bytes: Map<string, Buffer> | undefined;

  constructor(
    readonly deliveries: readonly Delivery[],
    /** Of the stored values. */
    readonly valueBytes: number,
    /** What was there already when the watch began, rather than news. */
    readonly isPast: boolean,
  ) {}

  get lastRevision(): number {
    return this.deliveries.at(-1)!.revision;
  }

  /**
   * @param form    names what `encode` makes of a delivery: two watchers of the same form get the same bytes
   * @param encode  a delivery as a line
   */
  bytes(form: string, encode: (delivery: Delivery) => Buffer): Buffer {
    let bytes = this.#bytes?.get(form);
    if (bytes === undefined) {
      const lines = this.deliveries.map(encode);
      bytes = lines.length === 1 ? lines[0]! : Buffer.concat(lines);
      this.#bytes ??= new Map();
      this.#bytes.set(form, bytes);
    }
    return bytes;
  }
}

/** @param isPast  see `Batch` */
export function inBatches(deliveries: readonly Delivery[], isPast: boolean): Batch[] {
  const batches: Batch[] = [];
  let first = 0;
  let bytes = 0;
  for (let i = 0; i < deliveries.length; i++) {
    bytes += deliveries[i]!.view.value.length;
    if (bytes < BATCH_BYTES && i < deliveries.length - 1) continue;
    const together = first === 0 && i === deliveries.length - 1 ? deliveries : deliveries.slice(first, i + 1);
    batches.push(new Batch(together, bytes, isPast));
    first = i + 1;
    bytes = 0;
  }
  return batches;
}

/** A store's event in terms of objects; each of its deliveries is made once, whoever is told. */
export class Change {
  readonly next: View | undefined;
  readonly before: View | undefined;
  readonly revision: number;
  readonly #kind: Kind;
  #added: Delivery | undefined;
  #modified: Delivery | undefined;
  #deleted: Delivery | undefined;

  constructor({ entry, previous, revision }: WatchEvent, kind: Kind, views: Views) {
    this.next = entry && views.of(entry);
    this.before = previous && views.of(previous);
    this.#kind = kind;
    this.revision = revision;
  }

  /**
   * An object that starts to match is ADDED, one that stops is DELETED as it was, under the new revision.
   *
   * @param matches  absent: every object does
   */
  delivery(matches?: (view: View) => boolean): Delivery | undefined {
    const { next, before } = this;
    const matchesNow = next !== undefined && (matches === undefined || matches(next));
    const matchedBefore = before !== undefined && (matches === undefined || matches(before));
    if (matchesNow) return matchedBefore ? this.#modification(next) : this.#addition(next);
    return matchedBefore ? this.#deletion(before) : undefined;
  }

  #addition(next: View): Delivery {
    this.#added ??= new Delivery("ADDED", next.as(this.#kind));
    return this.#added;
  }

  #modification(next: View): Delivery {
    this.#modified ??= new Delivery("MODIFIED", next.as(this.#kind));
    return this.#modified;
  }

  #deletion(before: View): Delivery {
    this.#deleted ??= new Delivery("DELETED", before.as(this.#kind).endedAt(this.revision));
    return this.#deleted;
  }
}
