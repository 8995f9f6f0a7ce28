import { crc32 } from "node:zlib";
import type { Entry, Operation, WatchEvent } from "../../host/store/store.ts";

/**
 * What the clients of one store (or of several on one etcd) did and were told, in the order in which it happened. Each
 * record is one line of JSON, so a process that will be killed can tell its history through a pipe, and a history that
 * broke a promise can be kept in a file and checked again.
 *
 *     ask 1 put /a                 ask and answer are two records: what lies between them was going on at the same
 *       ask 2 get /a               time, and no order is promised among it
 *     answer 1 wrote revision 7
 *       answer 2 found revision 7
 *
 * An ask without an answer, or with `failed`, has an outcome that nobody knows.
 */
export type HistoryRecord =
  | { readonly at: "ask"; readonly id: string; readonly ask: Ask }
  | { readonly at: "answer"; readonly id: string; readonly answer: Answer }
  | { readonly at: "watch"; readonly id: string; readonly prefix: string; readonly after: number }
  | { readonly at: "events"; readonly id: string; readonly events: readonly ToldEvent[] }
  | { readonly at: "progress"; readonly id: string; readonly revision: number }
  /** The watch has had the time it needs: all up to the revision must have been told. */
  | { readonly at: "settled"; readonly id: string; readonly revision: number }
  /** It was cancelled, or it ended: nothing may be told any more. */
  | { readonly at: "over"; readonly id: string };

export type Ask =
  | { readonly verb: "write"; readonly operations: readonly AskedOperation[] }
  | { readonly verb: "get"; readonly key: string; readonly revision?: number }
  | {
      readonly verb: "range";
      readonly prefix: string;
      readonly revision?: number;
      readonly after?: string;
      readonly limit?: number;
    };

export interface AskedOperation {
  readonly type: "create" | "update" | "delete" | "check";
  readonly key: string;
  readonly value?: string;
  /** The revision that the key's last write must be; absent for a delete of whatever is there. */
  readonly expected?: number;
  readonly lease?: string;
}

export type Answer =
  /** `told`: what the answer said about the keys it wrote. */
  | { readonly wrote: number; readonly told: readonly ToldEvent[] }
  /** A condition did not hold; what is there, in the order of the operations. */
  | { readonly refused: readonly (ToldEntry | null)[] }
  | { readonly got: ToldEntry | null }
  | { readonly ranged: readonly ToldEntry[]; readonly revision: number; readonly remaining: number }
  /** `isDefinite`: certainly nothing of it was carried out. */
  | { readonly failed: string; readonly isDefinite: boolean };

export interface ToldEntry {
  readonly key: string;
  readonly value: string;
  readonly created: number;
  readonly modified: number;
  readonly lease?: string;
}

export interface ToldEvent {
  readonly revision: number;
  readonly key: string;
  /** Null: the key was deleted. */
  readonly entry: ToldEntry | null;
  /** What was there before; absent when the teller does not say. */
  readonly previous?: ToldEntry | null;
}

export function toldEntry(entry: Entry): ToldEntry {
  const { key, value, createRevision, modRevision, lease } = entry;
  return {
    key,
    value: toldValue(value),
    created: createRevision,
    modified: modRevision,
    ...(lease === undefined ? {} : { lease }),
  };
}

export function toldEvent({ revision, key, entry, previous }: WatchEvent): ToldEvent {
  return {
    revision,
    key,
    entry: entry === undefined ? null : toldEntry(entry),
    previous: previous === undefined ? null : toldEntry(previous),
  };
}

export function askedOperation(operation: Operation): AskedOperation {
  const { type, key } = operation;
  return {
    type,
    key,
    ...("value" in operation ? { value: toldValue(operation.value) } : {}),
    ...("expectedRevision" in operation && operation.expectedRevision !== undefined
      ? { expected: operation.expectedRevision }
      : {}),
    ...("lease" in operation && operation.lease !== undefined ? { lease: operation.lease } : {}),
  };
}

/** An entry, or that there is none, for a person to read. */
export function inWords(entry: ToldEntry | null): string {
  if (entry === null) return "nothing";
  const { key, value, created, modified, lease } = entry;
  return `${key}="${value}"@${modified} (created ${created}${lease === undefined ? "" : `, lease ${lease}`})`;
}

/** Small values as they are, large ones by their beginning, length and checksum. */
export function toldValue(bytes: Uint8Array): string {
  const value = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (value.length <= MAX_TOLD_BYTES) return value.toString();
  return `${value.toString("latin1", 0, MAX_TOLD_BYTES / 2)}…${value.length}:${crc32(value).toString(16)}`;
}

const MAX_TOLD_BYTES = 64;
