import { copyOf } from "./copy-of.ts";
import { assertKey, compareKeys } from "./key-order.ts";
import {
  type DeleteResult,
  type Entry,
  MAX_OPERATIONS,
  type Operation,
  type TransactionResult,
  type WatchEvent,
  type WriteResult,
} from "./store.ts";

/** What the operations of a transaction mean; every engine goes by these. */
export type Put = Extract<Operation, { type: "create" | "update" }>;

export function isPut(operation: Operation): operation is Put {
  return operation.type === "create" || operation.type === "update";
}

/**
 * The operations in byte order of their keys, with values of their own: callers' buffers are often slices of a pool,
 * whose 8 KiB would live as long as the slice.
 *
 * @throws RangeError for too many, for a key that is named twice and for one that no engine could keep
 */
export function ownOperations(operations: readonly Operation[]): readonly Operation[] {
  if (operations.length > MAX_OPERATIONS)
    throw new RangeError(`a transaction has ${MAX_OPERATIONS} operations at most, not ${operations.length}`);
  const own = operations.map(owned);
  if (own.length < 2) return own;
  own.sort((a, b) => compareKeys(a.key, b.key));
  for (let i = 1; i < own.length; i++)
    if (own[i - 1]!.key === own[i]!.key) throw new RangeError(`a transaction names ${own[i]!.key} twice`);
  return own;
}

function owned(operation: Operation): Operation {
  assertKey(operation.key);
  if (!isPut(operation) || ownsMemory(operation.value)) return operation;
  return { ...operation, value: copyOf(operation.value) };
}

/** Nobody changes bytes that were handed in, so what is no slice of anything larger can stay where it is. */
function ownsMemory({ buffer, byteLength }: Uint8Array): boolean {
  return buffer.byteLength === byteLength;
}

export function payloadBytes(operations: readonly Operation[]): number {
  let bytes = 0;
  for (const operation of operations)
    bytes += operation.key.length + (isPut(operation) ? operation.value.length : 0);
  return bytes;
}

/** Whether the operation's condition holds for what is there. */
export function holds(operation: Operation, current: Entry | undefined): boolean {
  switch (operation.type) {
    case "create":
      return current === undefined;
    case "update":
      return current?.modRevision === operation.expectedRevision;
    case "delete":
      return (
        current !== undefined &&
        (operation.expectedRevision === undefined || current.modRevision === operation.expectedRevision)
      );
    case "check":
      return (current?.modRevision ?? 0) === operation.expectedRevision;
    default:
      return operation satisfies never;
  }
}

/** What the operation does under a revision; undefined for one that only checks. */
export function eventOf(
  operation: Operation,
  previous: Entry | undefined,
  revision: number,
): WatchEvent | undefined {
  const { key } = operation;
  if (operation.type === "check") return undefined;
  if (operation.type === "delete") return { type: "delete", key, revision, entry: undefined, previous };
  const { value, lease } = operation;
  const entry: Entry = {
    key,
    value,
    createRevision: previous?.createRevision ?? revision,
    modRevision: revision,
    ...(lease === undefined ? {} : { lease }),
  };
  return { type: "put", key, revision, entry, previous };
}

/** The answer to a single put, from that of its transaction. */
export function writeResult(result: TransactionResult): WriteResult {
  return result.ok
    ? { ok: true, entry: result.events[0]!.entry! }
    : { ok: false, current: result.current[0] };
}

/** The answer to a single delete, from that of its transaction. */
export function deleteResult(result: TransactionResult): DeleteResult {
  return result.ok
    ? { ok: true, previous: result.events[0]!.previous!, revision: result.revision }
    : { ok: false, current: result.current[0] };
}

/**
 * A lease's time as it is granted.
 *
 * @throws RangeError when it is not a positive time
 */
export function wholeSeconds(ms: number): number {
  if (!(ms > 0 && ms <= MAX_TTL_MS)) throw new RangeError(`a lease of ${ms} ms`);
  return Math.ceil(ms / 1000) * 1000;
}

/** As etcd: nine billion seconds. */
const MAX_TTL_MS = 9_000_000_000 * 1000;
