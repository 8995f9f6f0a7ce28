import type { Kind } from "../api/kind.ts";
import type { Status } from "../apimachinery/errors.ts";
import type { KubernetesObject, ObjectList, ObjectReference } from "../apimachinery/object.ts";

/**
 * The only way a component reaches the API. Two transports behave alike and pass one test suite:
 * in-process (apiserver/in-process-client.ts: no serialisation) and HTTP (client/http-client.ts).
 *
 * Objects handed out are shared and immutable: copy before changing. Failures are ApiError in both transports.
 */
export interface Client {
  /** A Scale is answered where the caller asked for it; subresources are typed by their parent. */
  get<T extends KubernetesObject>(
    kind: Kind<T>,
    reference: ObjectReference,
    options?: { readonly subresource?: "scale" },
  ): Promise<T>;
  list<T extends KubernetesObject>(kind: Kind<T>, options?: ListOptions): Promise<ObjectList<T>>;
  /** Starts at once; events come in order of revision. */
  watch<T extends KubernetesObject>(kind: Kind<T>, options: WatchOptions, sink: WatchSink<T>): WatchStream;
  create<T extends KubernetesObject>(kind: Kind<T>, object: T, options?: WriteOptions): Promise<T>;
  /** Optimistic: refused with Conflict when `object.metadata.resourceVersion` is stale. */
  update<T extends KubernetesObject>(
    kind: Kind<T>,
    object: T,
    options?: WriteOptions & { subresource?: "status" | "finalize" | "approval" },
  ): Promise<T>;
  patch<T extends KubernetesObject>(
    kind: Kind<T>,
    reference: ObjectReference,
    patch: Patch,
    options?: WriteOptions & { subresource?: string },
  ): Promise<T>;
  /** The object (still there, deletionTimestamp set) or a Success Status (gone). */
  delete<T extends KubernetesObject>(
    kind: Kind<T>,
    reference: ObjectReference,
    options?: DeleteOptions,
  ): Promise<T | Status>;
  deleteCollection<T extends KubernetesObject>(
    kind: Kind<T>,
    selection: ListOptions,
    options?: DeleteOptions,
  ): Promise<ObjectList<T>>;
  /** POST to `binding`, `eviction`, `token`; the answer is a Status or the subresource's object. */
  createSubresource(
    kind: Kind,
    reference: ObjectReference,
    subresource: string,
    body: KubernetesObject,
  ): Promise<unknown>;
}

export interface ListOptions {
  /** Absent: all namespaces (or a cluster-scoped kind). */
  readonly namespace?: string;
  /** `app=web,tier!=db` */
  readonly labelSelector?: string;
  /** `spec.nodeName=n1` */
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: "Exact" | "NotOlderThan";
}

export interface WatchOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Events after this one; absent or "0": every existing object as ADDED first. */
  readonly resourceVersion?: string;
  readonly bookmarks?: boolean;
  readonly timeoutSeconds?: number;
}

export type WatchEventType = "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";

export interface WatchSink<T> {
  onEvent(type: WatchEventType, object: T): void;
  /** Called once, last. `error` is absent when the server ended the stream in the ordinary way; Expired means: list again. */
  onEnd(error?: Error): void;
}

export interface WatchStream {
  /** `onEnd` is not called after this. */
  cancel(): void;
}

export interface WriteOptions {
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly dryRun?: boolean;
}

export type Patch =
  | { readonly type: "json"; readonly body: readonly unknown[] }
  | { readonly type: "merge"; readonly body: unknown }
  | { readonly type: "strategic"; readonly body: unknown }
  /** Server-side apply: `options.fieldManager` has to be given, and comes to own what the configuration says. */
  | { readonly type: "apply"; readonly body: unknown; readonly force?: boolean };
