import type { RecordFacts } from "./journal-record.ts";
import type { Entry } from "./store.ts";

/** Reads values back from where they are kept. */
export interface ValueSource {
  /**
   * @param place  what the entry was told when it was made
   * @throws DamagedValueError
   */
  read(entry: StoredEntry, place: number): Uint8Array;
}

/**
 * An entry whose value is read when it is first asked for, and kept from then on. So a store of any size is opened in the
 * time that its keys take, and what nobody asks for takes no memory.
 */
export class StoredEntry implements Entry {
  readonly key: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly lease: string | undefined;
  readonly #valueBytes: number;
  readonly #source: ValueSource;
  readonly #place: number;
  #value: Uint8Array | undefined;

  constructor(
    { key, createRevision, revision, lease }: RecordFacts,
    valueBytes: number,
    source: ValueSource,
    place: number,
  ) {
    this.key = key;
    this.createRevision = createRevision;
    this.modRevision = revision;
    this.lease = lease;
    this.#valueBytes = valueBytes;
    this.#source = source;
    this.#place = place;
  }

  get valueBytes(): number {
    return this.#valueBytes;
  }

  get value(): Uint8Array {
    this.#value ??= this.#source.read(this, this.#place);
    return this.#value;
  }
}

/** How long an entry's value is; it need not be read for that. */
export function valueBytesOf(entry: Entry | undefined): number {
  if (entry instanceof StoredEntry) return entry.valueBytes;
  return entry?.value.length ?? 0;
}
