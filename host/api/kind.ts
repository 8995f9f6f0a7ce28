import type { FieldError } from "../apimachinery/field-error.ts";
import type { StructType } from "../apimachinery/managed-fields/field-type.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";

/**
 * A kind is declared once, in `registry.ts`. Its fields come from the generated schema by the name `type`; what is
 * particular to it (defaults, rules, columns) is given here, as pure functions. Everything else is derived.
 */
export type Verb = "create" | "delete" | "deletecollection" | "get" | "list" | "patch" | "update" | "watch";

export const ALL_VERBS: readonly Verb[] = [
  "create",
  "delete",
  "deletecollection",
  "get",
  "list",
  "patch",
  "update",
  "watch",
];

/** One cell of `kubectl get`. Times are the clock's, so ages are the same under a virtual clock. */
export interface Column<T> {
  readonly name: string;
  readonly type?: "string" | "integer" | "number" | "boolean" | "date";
  readonly format?: string;
  readonly description?: string;
  /** 1: shown with `-o wide` only. */
  readonly priority?: 0 | 1;
  cell(object: T, nowMs: number): string | number | boolean | null;
}

/** A subresource as discovery shows it. */
export interface Subresource {
  /** `status`, `scale`, `binding`, … */
  readonly name: string;
  readonly kind: string;
  /** Present when the kind is foreign: `autoscaling/v1` for scale. */
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly string[];
}

/** Marks finished rows of a Table (pods). */
export interface RowCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** Written as methods, so that a `Kind<V1Pod>` also is a `Kind`: who holds one only hands it objects of that kind. */
export interface KindRules<T> {
  /** Fills what the user left out. Works on a private copy, in place. Source: api-wire 21, api-policy 5. */
  defaults?(object: T): void;
  /**
   * Before validation of a create, in place; name and uid are known. That status is dropped and generation is 1 where the kind has them is
   * added by `defineKind` to what a kind says here (`strategy.ts`), and likewise below.
   */
  prepareCreate?(object: T): void;
  /** Before validation of an update, in place: keeps status and what may not change, bumps generation. */
  prepareUpdate?(object: T, old: T): void;
  /** Before validation of a write to `/status`, in place: keeps everything but status and some metadata. */
  prepareStatusUpdate?(object: T, old: T): void;
  /** A client may create the object with a status (nodes). */
  readonly keepsStatusOnCreate?: true;
  validate?(object: T): FieldError[];
  /** What is wrong with a new object and would not be with a changed one. In the version it was sent in; comes besides `validate`. */
  validateCreate?(object: T): FieldError[];
  /** What is worth a warning to whoever writes it, and no reason to refuse it. @param old  absent for a create */
  warnings?(object: T, old?: T): string[];
  /** What is wrong with a change and not with the object: immutable fields and the like. Comes besides `validate`. */
  validateUpdate?(object: T, old: T): FieldError[];
  /** Whether the metadata's name is acceptable; absent: a DNS-1123 subdomain. `prefix`: it is a generateName. */
  nameErrors?(name: string, prefix: boolean): string[];
  /** Columns of `kubectl get`; absent: Name and Created At. */
  readonly columns?: readonly Column<T>[];
  rowConditions?(object: T): readonly RowCondition[];
  /** Field selector values beyond metadata.name and metadata.namespace. Keys are fixed for a kind. */
  selectableFields?(object: T): Readonly<Record<string, string>>;
  /** The keys of `selectableFields`, needed to refuse an unknown one. */
  readonly selectableFieldNames?: readonly string[];
}

export interface Kind<T extends KubernetesObject = KubernetesObject> extends KindRules<T> {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
  readonly subresources: readonly Subresource[];
  /** Full name of the generated schema type: `core.v1.Pod`. */
  readonly type: string;
  /** Whether an update may create the object (services, endpoints, events, leases, …). */
  readonly createOnUpdate: boolean;
  /** Whether an update without resourceVersion is refused (leases, …). */
  readonly requiresResourceVersion: boolean;
  /** Said as a warning on every request for it. */
  readonly deprecation?: string;
  /** A finalizer that a DELETE puts on the object, whose controller does the rest. */
  readonly deletionFinalizer?: string;
  /** Its definition is going: nothing new may come. */
  readonly terminating?: true;
  /** Of a kind that a CustomResourceDefinition declares: what stands for the generated schema. */
  readonly custom?: CustomType;
  /** Another version of a stored kind: where it is stored, and how to go there and back. */
  readonly stored?: StoredAs;
}

/** The type of custom resources, from the schema of their definition. */
export interface CustomType {
  /** Defaulted and pruned, a copy. Paths of what was dropped: `spec.foo`. */
  decode(value: Readonly<Record<string, unknown>>): {
    readonly object: KubernetesObject;
    readonly unknownFields: string[];
  };
  /** How server-side apply sees it. */
  readonly fieldType: StructType;
  /** A stored object as it is read: with the defaults its schema has come to have, and without what it says no more. */
  read(stored: KubernetesObject): KubernetesObject;
  /** Versions that a webhook makes of each other; absent: they differ in their schemas alone. */
  readonly conversion?: Conversion;
  /** As OpenAPI publishes it. */
  readonly openApi: Readonly<Record<string, unknown>>;
  /** Where `/scale` finds what it shows; absent: there is none. */
  readonly scale?: ScalePaths;
}

/** How objects of one version become those of another. */
export interface Conversion {
  /** The version they are stored in, `example.com/v1`. */
  readonly storedAs: string;
  /** Copies in another version, in the same order; throws an ApiError when that cannot be had. */
  convert(objects: readonly KubernetesObject[], apiVersion: string): Promise<KubernetesObject[]>;
}

/** Each as `["spec", "replicas"]`. */
export interface ScalePaths {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  readonly labelSelector?: readonly string[];
}

export interface StoredAs {
  /** The storage kind, e.g. `autoscaling/v2` HorizontalPodAutoscaler for v1, core Event for events.k8s.io/v1. */
  readonly kind: Kind;
  readonly toStored: (object: KubernetesObject) => KubernetesObject;
  readonly fromStored: (object: KubernetesObject) => KubernetesObject;
}

/** `v1`, `apps/v1` */
export function apiVersionOf(kind: { group: string; version: string }): string {
  return kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
}
