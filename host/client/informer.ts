import type { Kind } from "../api/kind.ts";
import { apiVersionOf } from "../api/kind.ts";
import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/log.ts";
import { type KubernetesObject, objectKey } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Client } from "./client.ts";
import { type Lister, ObjectCache } from "./lister.ts";
import { type Reflector, type Selection, startReflector } from "./reflector.ts";

/**
 * Told of every change after it is in the cache. Handlers only note what to look at (add a key to a queue); the work
 * itself reads the lister. They run at once, one after another, in the order in which they were added.
 */
export interface InformerHandler<T> {
  onAdd?(object: T): void;
  /** Also called when only the order of events was lost and the newest state was listed again. */
  onUpdate?(old: T, object: T): void;
  /** `object` is the last state that was seen. */
  onDelete?(object: T): void;
}

export interface Informer<T extends KubernetesObject> {
  readonly kind: Kind<T>;
  readonly lister: Lister<T>;
  /** Whether the first list is in the cache. */
  readonly hasSynced: boolean;
  /** The newest revision of this kind that the cache shows; 0 before the first list. */
  readonly revision: number;
  /** Resolves once `hasSynced`; never when the informer is stopped before. */
  synced(): Promise<void>;
  /** Objects that are in the cache already are added first. */
  addHandler(handler: InformerHandler<T>): { remove(): void };
  /** Idempotent. */
  start(): void;
  stop(): void;
}

export interface InformerOptions<T extends KubernetesObject> {
  readonly client: Client;
  readonly kind: Kind<T>;
  readonly selection?: Selection;
  /** Cuts an object down to what will be read, to save memory; must keep metadata. */
  readonly transform?: (object: T) => T;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** An informer: a reflector that fills a cache and tells handlers. It does nothing until `start`. */
export function createInformer<T extends KubernetesObject>(options: InformerOptions<T>): Informer<T> {
  const { kind, log } = options;
  const transform = options.transform ?? ((object: T) => object);
  const cache = new ObjectCache<T>();
  const handlers = new Set<InformerHandler<T>>();
  const synced = signal();
  let revision = 0;
  let hasSynced = false;
  let reflector: Reflector | undefined;

  /** A handler that throws is a mistake of ours: it is reported, and the others are still told. */
  const tell = (call: (handler: InformerHandler<T>) => void) => {
    for (const handler of handlers) {
      try {
        call(handler);
      } catch (error) {
        log.error("informer handler failed", { kind: kind.kind, error: describe(error) });
      }
    }
  };
  const remove = (key: string) => {
    const old = cache.delete(key);
    if (old !== undefined) tell((handler) => handler.onDelete?.(old));
  };
  const put = (object: T) => {
    const key = objectKey(object);
    const known = cache.get(key);
    // Deleted and created again while nobody watched: to a handler these are two objects.
    if (known !== undefined && known.metadata?.uid !== object.metadata?.uid) remove(key);
    const old = cache.set(object, key);
    if (old === undefined) tell((handler) => handler.onAdd?.(object));
    else tell((handler) => handler.onUpdate?.(old, object));
  };

  const sink = {
    replace: (objects: readonly T[], listRevision: number) => {
      revision = listRevision;
      const present = new Set(objects.map(objectKey));
      for (const key of cache.keys()) if (!present.has(key)) remove(key);
      for (const object of objects) {
        const known = cache.get(objectKey(object));
        if (known === undefined || !sameVersion(known, object)) put(transform(object));
      }
      hasSynced = true;
      synced.resolve();
    },
    apply: (type: "ADDED" | "MODIFIED" | "DELETED", object: T, eventRevision: number) => {
      revision = eventRevision;
      if (type === "DELETED") remove(objectKey(object));
      else put(transform(object));
    },
    advance: (bookmarkRevision: number) => {
      revision = bookmarkRevision;
    },
  };

  return {
    kind,
    lister: cache,
    get hasSynced() {
      return hasSynced;
    },
    get revision() {
      return revision;
    },
    synced: () => synced.promise,
    addHandler: (handler) => {
      handlers.add(handler);
      for (const object of cache.list()) handler.onAdd?.(object);
      return { remove: () => void handlers.delete(handler) };
    },
    start: () => {
      reflector ??= startReflector({ ...options, sink });
    },
    stop: () => reflector?.stop(),
  };
}

/** Informers that several parts of one component share: one watch and one cache per kind and selection. */
export class SharedInformers {
  readonly #informers = new Map<string, Informer<KubernetesObject>>();
  readonly #parts: Pick<InformerOptions<KubernetesObject>, "client" | "clock" | "random" | "log">;
  /** What `find` answered: garbage collection asks once a kind for every object that goes. */
  readonly #found = new Map<KindName, Informer<KubernetesObject>>();
  #started = false;

  constructor(parts: { client: Client; clock: Clock; random: Random; log: Logger }) {
    this.#parts = parts;
  }

  /** The informer of a kind (and selection); made when first asked, started by `start` or at once if that was called. */
  get<T extends KubernetesObject>(kind: Kind<T>, selection: Selection = {}): Informer<T> {
    const key = keyOf(kind, selection);
    const known = this.#informers.get(key);
    // The key names the kind, so the informer under it was made for this T.
    if (known !== undefined) return known as unknown as Informer<T>;
    const informer = createInformer({
      ...this.#parts,
      kind,
      selection,
      random: this.#parts.random.fork(key),
    });
    this.#adopt(key, informer as unknown as Informer<KubernetesObject>);
    return informer;
  }

  #adopt(key: string, informer: Informer<KubernetesObject>): Informer<KubernetesObject> {
    this.#informers.set(key, informer);
    if (this.#started) informer.start();
    return informer;
  }

  /** Any informer of all objects of a kind: the metadata of its objects is there, the rest may not be. */
  find(kind: KindName): Informer<KubernetesObject> | undefined {
    const known = this.#found.get(kind);
    if (known !== undefined) return known;
    const informer = this.#informers.get(keyOf(kind, {})) ?? this.#informers.get(metadataKey(kind));
    if (informer !== undefined) this.#found.set(kind, informer);
    return informer;
  }

  /** An informer for metadata only: an existing one of the kind, else one that keeps nothing but the metadata. */
  metadataOf<T extends KubernetesObject>(kind: Kind<T>): Informer<KubernetesObject> {
    const known = this.find(kind);
    if (known !== undefined) return known;
    const key = metadataKey(kind);
    const informer = createInformer({
      ...this.#parts,
      // Only its address is used here: an object of any kind has metadata.
      kind: kind as unknown as Kind,
      transform: ({ metadata }) => ({ metadata }),
      random: this.#parts.random.fork(key),
    });
    return this.#adopt(key, informer);
  }

  start(): void {
    this.#started = true;
    for (const informer of this.#informers.values()) informer.start();
  }

  /** Resolves when every informer asked for so far has its first list. */
  async synced(): Promise<void> {
    await Promise.all([...this.#informers.values()].map((informer) => informer.synced()));
  }

  /** Stops the informers of a kind that is not served any more; asked for again, they begin anew. */
  forget(kind: KindName): void {
    for (const key of [keyOf(kind, {}), metadataKey(kind)]) {
      this.#informers.get(key)?.stop();
      this.#informers.delete(key);
    }
    for (const known of this.#found.keys())
      if (keyOf(known, {}) === keyOf(kind, {})) this.#found.delete(known);
  }

  stop(): void {
    for (const informer of this.#informers.values()) informer.stop();
  }
}

type KindName = Pick<Kind, "group" | "version" | "plural">;

function metadataKey(kind: KindName): string {
  return `${keyOf(kind, {})}|metadata`;
}

function keyOf(kind: KindName, selection: Selection): string {
  const { namespace = "", labelSelector = "", fieldSelector = "" } = selection;
  return [apiVersionOf(kind), kind.plural, namespace, labelSelector, fieldSelector].join("|");
}

function sameVersion(a: KubernetesObject, b: KubernetesObject): boolean {
  return a.metadata?.resourceVersion === b.metadata?.resourceVersion && a.metadata?.uid === b.metadata?.uid;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function signal(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
