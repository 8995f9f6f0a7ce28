import type { Compare, RequestOp, TxnRequest, TxnResponse } from "./etcd-protocol.ts";
import { entryOf } from "./etcd-range.ts";
import type { Entry, Operation } from "./store.ts";

const EQUAL = 0;
const GREATER = 1;
const VERSION = 0;
const MOD = 2;
/** No key was ever last written at this revision. (At 0 etcd means: there is no such key.) */
const NEVER = -1;

type ResponseOp = TxnResponse["responses"][number];

/** The operation's condition in etcd's terms. */
export function comparisonOf(operation: Operation): Compare {
  const key = Buffer.from(operation.key);
  const writtenAt = (revision: number): Compare => ({
    result: EQUAL,
    target: MOD,
    key,
    mod_revision: revision,
  });
  switch (operation.type) {
    case "create":
      return writtenAt(0);
    case "update":
      return writtenAt(operation.expectedRevision > 0 ? operation.expectedRevision : NEVER);
    case "check":
      return writtenAt(operation.expectedRevision >= 0 ? operation.expectedRevision : NEVER);
    case "delete":
      if (operation.expectedRevision === undefined)
        return { result: GREATER, target: VERSION, key, version: 0 };
      return writtenAt(operation.expectedRevision > 0 ? operation.expectedRevision : NEVER);
    default:
      return operation satisfies never;
  }
}

/** What etcd does when all conditions hold: write; and when not: say what is there. */
export function requestsOf(operations: readonly Operation[]): Pick<TxnRequest, "success" | "failure"> {
  return {
    success: operations.flatMap((operation): RequestOp[] => {
      const key = Buffer.from(operation.key);
      switch (operation.type) {
        case "check":
          return [];
        case "delete":
          return [{ request_delete_range: { key, prev_kv: true } }];
        default:
          return [
            { request_put: { key, value: operation.value, lease: operation.lease ?? "0", prev_kv: true } },
          ];
      }
    }),
    failure: operations.map(({ key }) => ({ request_range: { key: Buffer.from(key) } })),
  };
}

/** What was there before a write, from its answer. */
export function previousOf({ response_put, response_delete_range }: ResponseOp): Entry | undefined {
  const previous = response_put?.prev_kv ?? response_delete_range?.prev_kvs[0];
  return previous && entryOf(previous);
}

/** What stands under a key whose transaction was refused. */
export function currentOf({ response_range }: ResponseOp): Entry | undefined {
  const current = response_range?.kvs[0];
  return current && entryOf(current);
}
