import { type JournalBatch, obsoleteAfter } from "./journal.ts";
import { recordBytes } from "./journal-record.ts";
import { valueBytesOf } from "./stored-entry.ts";

/** Keeps count of what a journal's records take up, and says whether more fit. */
export class JournalSize {
  readonly #maxBytes: number;
  #usedBytes: number;

  /** @param usedBytes  of the records that are there, by `recordBytes` */
  constructor(maxBytes: number, usedBytes = 0) {
    this.#maxBytes = maxBytes;
    this.#usedBytes = usedBytes;
  }

  clone(): JournalSize {
    return new JournalSize(this.#maxBytes, this.#usedBytes);
  }

  hasRoom(keyBytes: number, valueBytes: number, waitingBytes: number): boolean {
    return this.#usedBytes + recordBytes(keyBytes, valueBytes) + waitingBytes <= this.#maxBytes;
  }

  /** Counts a batch that was kept. */
  count({ commits, compaction }: JournalBatch): void {
    for (const { events } of commits)
      for (const { key, entry } of events)
        this.#usedBytes += recordBytes(Buffer.byteLength(key), valueBytesOf(entry));
    for (const commit of compaction?.forgotten ?? [])
      for (const { key, entry } of obsoleteAfter(commit))
        this.#usedBytes -= recordBytes(Buffer.byteLength(key), valueBytesOf(entry));
  }
}
