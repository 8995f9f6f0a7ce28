import type { Kind } from "../api/kind.ts";
import type { ApiError } from "../apimachinery/errors.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { DeleteOptions, Patch } from "../client/client.ts";

/** What an event says of `object`; it is recorded under the controller's name. */
export interface Note {
  readonly kind: Kind;
  readonly object: KubernetesObject;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

/** What to do about the outcome of a write. All are pure: they see the answer and say what follows. */
export interface Outcomes {
  readonly success?: (written: KubernetesObject) => readonly Change[];
  /** Takes the failure over: what it answers is done instead. Absent, or undefined: the pass fails and is repeated. */
  readonly failure?: (error: ApiError) => readonly Change[] | undefined;
  /** What is said of a failure that ends the pass. */
  readonly refused?: (error: ApiError) => readonly Change[];
}

interface Write extends Outcomes {
  readonly kind: Kind;
  readonly object: KubernetesObject;
}

/**
 * What a controller wants done: a value that its table tests can read. Changes are applied in order; the first that
 * fails ends the pass, except for `status`, which is always written and is told of the failure.
 */
export type Change =
  | ({ readonly do: "create" } & Write)
  | ({ readonly do: "update"; readonly subresource?: "status" | "finalize" | "approval" } & Write)
  | ({
      readonly do: "patch";
      readonly patch: Patch;
      readonly subresource?: string;
      readonly fieldManager?: string;
    } & Write)
  | ({ readonly do: "delete"; readonly options?: DeleteOptions } & Write)
  /** Deletes every object of the kind in a namespace. */
  | { readonly do: "delete all"; readonly kind: Kind; readonly namespace: string }
  | { readonly do: "note"; readonly note: Note }
  /** In batches of 1, 2, 4, 8, …, each in parallel; after a batch with a failure the rest is left undone. */
  | { readonly do: "slow start"; readonly changes: readonly Change[] }
  /** In parallel, all of them, whatever fails. */
  | { readonly do: "together"; readonly changes: readonly Change[] }
  /** Writes the status, if the function answers one. `failure` is what ended the pass, if anything. */
  | {
      readonly do: "status";
      readonly kind: Kind;
      readonly object: (failure: Failure | undefined) => KubernetesObject | undefined;
    }
  /** Looks again after this time, also when nothing changes. */
  | { readonly do: "again"; readonly afterMs: number }
  /** Looks again with the queue's growing delay: something expected is not there yet. */
  | { readonly do: "retry"; readonly why: string };

/** A write that the server refused. */
export interface Failure {
  readonly change: Change;
  readonly error: Error;
}

/** Kinds differ in what their rules take; a change only needs to address one. */
function address<T extends KubernetesObject>(kind: Kind<T>): Kind {
  return kind as unknown as Kind;
}

export function create<T extends KubernetesObject>(
  kind: Kind<T>,
  object: T,
  outcomes: Outcomes = {},
): Change {
  return { do: "create", kind: address(kind), object, ...outcomes };
}

export function update<T extends KubernetesObject>(
  kind: Kind<T>,
  object: T,
  outcomes: Outcomes & { subresource?: "approval" } = {},
): Change {
  return { do: "update", kind: address(kind), object, ...outcomes };
}

/** Writes `spec.finalizers` of a namespace: without any, the server lets it go. */
export function finalize<T extends KubernetesObject>(kind: Kind<T>, object: T): Change {
  return { do: "update", kind: address(kind), object, subresource: "finalize" };
}

/** Writes only the status of `object`, as it stands. */
export function updateStatus<T extends KubernetesObject>(kind: Kind<T>, object: T): Change {
  return { do: "status", kind: address(kind), object: () => object };
}

/** Writes the status that `object` answers, which depends on how the changes before it went. */
export function statusAfter<T extends KubernetesObject>(
  kind: Kind<T>,
  object: (failure: Failure | undefined) => T | undefined,
): Change {
  return { do: "status", kind: address(kind), object };
}

export function patch<T extends KubernetesObject>(
  kind: Kind<T>,
  object: T,
  body: Patch,
  outcomes: Outcomes & { subresource?: string; fieldManager?: string } = {},
): Change {
  return { do: "patch", kind: address(kind), object, patch: body, ...outcomes };
}

export function remove<T extends KubernetesObject>(
  kind: Kind<T>,
  object: T,
  options: DeleteOptions & Outcomes = {},
): Change {
  const { success, failure, refused, ...rest } = options;
  return { do: "delete", kind: address(kind), object, options: rest, success, failure, refused };
}

export function note<T extends KubernetesObject>(
  kind: Kind<T>,
  object: T,
  type: "Normal" | "Warning",
  reason: string,
  message: string,
): Change {
  return { do: "note", note: { kind: address(kind), object, type, reason, message } };
}
