import type { KubernetesObject, ObjectKey } from "../apimachinery/object.ts";
import { objectKey } from "../apimachinery/object.ts";

/**
 * A way to find objects other than by key: `valuesOf` says under which values an object is filed.
 * An index is built when it is first asked and kept up to date from then on.
 */
export interface Index<T> {
  readonly name: string;
  readonly valuesOf: (object: T) => readonly string[];
}

export const byNamespace: Index<KubernetesObject> = {
  name: "namespace",
  valuesOf: (object) => [object.metadata?.namespace ?? ""],
};

/** Files an object under the UID of each of its owners, the managing one or not. */
export const byOwner: Index<KubernetesObject> = {
  name: "owner",
  valuesOf: (object) => object.metadata?.ownerReferences?.map((owner) => owner.uid) ?? [],
};

/** Files a pod under the node it is bound to; a pod without a node under "". */
export const byNode: Index<KubernetesObject & { spec?: { nodeName?: string } }> = {
  name: "node",
  valuesOf: (object) => [object.spec?.nodeName ?? ""],
};

/** What a component reads instead of asking the API: the last state its informer saw. Objects are shared: copy before changing. */
export interface Lister<T extends KubernetesObject> {
  readonly size: number;
  get(key: ObjectKey): T | undefined;
  list(): readonly T[];
  /** Objects filed under `value`, in the order in which they were first seen. */
  by(index: Index<T>, value: string): readonly T[];
}

interface BuiltIndex<T> {
  readonly index: Index<T>;
  readonly buckets: Map<string, Map<ObjectKey, T>>;
}

/** The writable side of a Lister, filled by an informer. Holds as many objects as the server has of the kind. */
export class ObjectCache<T extends KubernetesObject> implements Lister<T> {
  readonly #objects = new Map<ObjectKey, T>();
  readonly #indexes = new Map<string, BuiltIndex<T>>();

  get size(): number {
    return this.#objects.size;
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(key);
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  by(index: Index<T>, value: string): readonly T[] {
    let built = this.#indexes.get(index.name);
    if (built === undefined) {
      built = { index, buckets: new Map() };
      this.#indexes.set(index.name, built);
      for (const [key, object] of this.#objects) file(built, key, object);
    }
    const bucket = built.buckets.get(value);
    return bucket === undefined ? [] : [...bucket.values()];
  }

  keys(): readonly ObjectKey[] {
    return [...this.#objects.keys()];
  }

  /**
   * @param key  the object's, where the caller has it
   * @returns    the object that was there
   */
  set(object: T, key = objectKey(object)): T | undefined {
    const previous = this.#objects.get(key);
    this.#objects.set(key, object);
    for (const built of this.#indexes.values()) {
      if (previous !== undefined) refile(built, key, previous, object);
      else file(built, key, object);
    }
    return previous;
  }

  /** @returns the object that was there */
  delete(key: ObjectKey): T | undefined {
    const previous = this.#objects.get(key);
    if (previous === undefined) return undefined;
    this.#objects.delete(key);
    for (const built of this.#indexes.values()) unfile(built, key, built.index.valuesOf(previous));
    return previous;
  }
}

function file<T>(built: BuiltIndex<T>, key: ObjectKey, object: T): void {
  for (const value of built.index.valuesOf(object)) {
    const bucket = built.buckets.get(value);
    if (bucket === undefined) built.buckets.set(value, new Map([[key, object]]));
    else bucket.set(key, object);
  }
}

/** Keeps the object's place in a bucket it stays in, so that reads stay in order of first sight. */
function refile<T>(built: BuiltIndex<T>, key: ObjectKey, previous: T, object: T): void {
  const kept = new Set(built.index.valuesOf(object));
  unfile(
    built,
    key,
    built.index.valuesOf(previous).filter((value) => !kept.has(value)),
  );
  file(built, key, object);
}

function unfile<T>(built: BuiltIndex<T>, key: ObjectKey, values: readonly string[]): void {
  for (const value of values) {
    const bucket = built.buckets.get(value);
    bucket?.delete(key);
    if (bucket?.size === 0) built.buckets.delete(value);
  }
}
