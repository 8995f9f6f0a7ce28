import type { Kind } from "../../api/kind.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import { conflict, MAX_OBJECT_BYTES, notFound, objectTooLarge } from "../../apimachinery/errors.ts";
import type { Logger } from "../../apimachinery/log.ts";
import type { ObjectReference } from "../../apimachinery/object.ts";
import type { DeleteResult, Entry, Store, WriteResult } from "../../store/store.ts";
import { type Allocations, writeAllocated } from "./allocated-write.ts";
import { isConverted, prepare, storedForm } from "./conversion.ts";
import { storageKey, storageKind } from "./keys.ts";
import { type AnyObject, encodeObject, sameBytes, View, Views } from "./view.ts";
import { WatchFeeds } from "./watch-feeds.ts";

/** What one try of an update decided, having seen the newest object. */
export type UpdateStep =
  | { readonly kind: "keep" }
  | {
      readonly kind: "put";
      readonly object: AnyObject;
      /** Called once the write's fate is known. */
      readonly release?: () => void;
    }
  /** The last finalizer is gone: `object` is answered, the key removed. */
  | { readonly kind: "remove"; readonly object: AnyObject };

export interface UpdateOutcome {
  readonly view: View;
  readonly step: UpdateStep["kind"];
  readonly previous: View;
}

/** A writer that lost this often in a row competes with something that never stops; it is told to come again. */
const MAX_TRIES = 64;

/** Objects over keys and bytes: the only place of the server that knows how an object lies in the store. */
export class ObjectStorage {
  readonly views = new Views();
  readonly feeds: WatchFeeds;

  constructor(
    readonly store: Store,
    readonly log: Logger,
    private readonly allocations: Allocations,
  ) {
    this.feeds = new WatchFeeds(store, this.views);
  }

  /** @param revision  absent: the newest */
  async find(kind: Kind, reference: ObjectReference, revision?: number): Promise<View | undefined> {
    const key = storageKey(kind, reference);
    const entry = await (revision === undefined ? this.store.get(key) : this.store.get(key, { revision }));
    if (entry === undefined) return undefined;
    const view = this.views.of(entry);
    return isConverted(kind) ? this.shown(kind, view) : view;
  }

  /** A view that can be seen as the kind; as it is stored, except where only a webhook can convert it. */
  async shown(kind: Kind, view: View): Promise<View> {
    if (!isConverted(kind)) return view;
    await prepare(kind, [view]);
    return view.as(kind);
  }

  async get(kind: Kind, reference: ObjectReference, revision?: number): Promise<View> {
    const view = await this.find(kind, reference, revision);
    if (view === undefined) throw notFound(kind, reference.name);
    return view;
  }

  /** "exists": the name is taken; "taken": something else that it was to have, and another may be tried. */
  async create(
    kind: Kind,
    reference: ObjectReference,
    object: AnyObject,
  ): Promise<View | "exists" | "taken"> {
    const key = storageKey(kind, reference);
    const stored = isConverted(kind) ? await storedForm(kind, object) : object;
    const value = storable(stored);
    const expected = this.views.expect(key, value, stored);
    try {
      const written = await this.#create(key, value, stored);
      if (typeof written === "string") return written;
      this.#say("created", key, stored, written.modRevision);
      const view = this.views.remember(written, stored);
      return isConverted(kind) ? await this.shown(kind, view) : view;
    } finally {
      expected.forget();
    }
  }

  async #create(key: string, value: Uint8Array, object: AnyObject): Promise<Entry | "exists" | "taken"> {
    const others = this.allocations.operations(undefined, object);
    if (others.length === 0) {
      const result = await this.store.create(key, value);
      return result.ok ? result.entry : "exists";
    }
    const write = { type: "create", key, value } as const;
    const result = await writeAllocated(this.store, this.allocations, write, others);
    if (result.outcome === "written") return result.event.entry!;
    return result.outcome === "lost" ? "exists" : "taken";
  }

  /**
   * Compare-and-swap until it holds (k8s.io/apiserver GuaranteedUpdate). `change` sees the newest object each time and
   * may throw; an object equal to the stored one writes nothing, so its resourceVersion stays.
   */
  async update(
    kind: Kind,
    reference: ObjectReference,
    change: (current: View) => Promise<UpdateStep>,
    dryRun = false,
    maxTries = MAX_TRIES,
  ): Promise<UpdateOutcome> {
    const key = storageKey(kind, reference);
    let entry = await this.store.get(key);
    for (let tries = 0; tries < maxTries; tries++) {
      if (entry === undefined) throw notFound(kind, reference.name);
      const known = this.views.of(entry);
      const current = isConverted(kind) ? await this.shown(kind, known) : known;
      const step = await change(current);
      if (step.kind === "keep") return { view: current, step: "keep", previous: current };
      if (step.kind === "remove") {
        const view = new View(encodeObject(step.object), current.revision);
        if (dryRun) return { view, step: "remove", previous: current };
        const result = await this.remove(entry, step.object);
        if (result.ok) return { view, step: "remove", previous: current };
        entry = result.current;
        continue;
      }
      const outcome = await this.#put(kind, key, entry, current, step, dryRun);
      if ("view" in outcome) return outcome;
      entry = outcome.current;
    }
    throw conflict(storageKind(kind), reference.name);
  }

  /** Removes what `entry` holds unless somebody changed it since. @param object  what it was, for the log */
  async remove(entry: Entry, object: AnyObject): Promise<DeleteResult> {
    const result = await this.#delete(entry);
    if (result.ok) this.#say("removed", entry.key, object, result.revision);
    return result;
  }

  async #delete(entry: Entry): Promise<DeleteResult> {
    const { key, modRevision: expectedRevision } = entry;
    const others = this.allocations.operations(this.views.of(entry).object, undefined);
    if (others.length === 0) return await this.store.delete(key, expectedRevision);
    const write = { type: "delete", key, expectedRevision } as const;
    const result = await writeAllocated(this.store, this.allocations, write, others);
    if (result.outcome === "written")
      return { ok: true, previous: result.event.previous!, revision: result.event.revision };
    return { ok: false, current: result.outcome === "lost" ? result.current : entry };
  }

  async #update(entry: Entry, value: Uint8Array, before: AnyObject, after: AnyObject): Promise<WriteResult> {
    const { key, modRevision: expectedRevision } = entry;
    const others = this.allocations.operations(before, after);
    if (others.length === 0) return await this.store.update(key, value, expectedRevision);
    const write = { type: "update", key, value, expectedRevision } as const;
    const result = await writeAllocated(this.store, this.allocations, write, others);
    if (result.outcome === "written") return { ok: true, entry: result.event.entry! };
    return { ok: false, current: result.outcome === "lost" ? result.current : entry };
  }

  async #put(
    kind: Kind,
    key: string,
    entry: Entry,
    current: View,
    step: Extract<UpdateStep, { kind: "put" }>,
    dryRun: boolean,
  ): Promise<UpdateOutcome | { current: Entry | undefined }> {
    let result: WriteResult;
    let object: AnyObject;
    let expected: { forget(): void } | undefined;
    try {
      object = isConverted(kind) ? await storedForm(kind, step.object) : step.object;
      const value = storable(object);
      const stored = this.views.of(entry);
      if (sameBytes(value, entry.value) || sameButForOrder(value, object, stored))
        return { view: current, step: "keep", previous: current };
      if (dryRun) {
        const bytes = object === step.object ? value : encodeObject(step.object);
        return { view: new View(bytes, current.revision), step: "put", previous: current };
      }
      expected = this.views.expect(key, value, object);
      result = await this.#update(entry, value, stored.object, object);
    } finally {
      expected?.forget();
      step.release?.();
    }
    if (!result.ok) return { current: result.current };
    this.#say("updated", key, object, result.entry.modRevision);
    const written = this.views.remember(result.entry, object);
    const view = isConverted(kind) ? await this.shown(kind, written) : written;
    return { view, step: "put", previous: current };
  }

  /** One line for each write: with the components' own lines, a Pod can be followed by its uid. */
  #say(what: string, key: string, object: AnyObject, revision: number): void {
    this.log.debug(what, { key, uid: object.metadata?.uid, revision });
  }
}

/** Equal but for the order of keys: then there are as many bytes, and most changes need no deeper look. */
function sameButForOrder(
  value: Uint8Array,
  next: AnyObject,
  { value: stored, object: current }: View,
): boolean {
  if (value.length !== stored.length) return false;
  const { metadata: nextMeta, ...nextRest } = next;
  const { metadata: currentMeta, ...currentRest } = current;
  const { resourceVersion: _a, ...a } = nextMeta ?? {};
  const { resourceVersion: _b, ...b } = currentMeta ?? {};
  return deepEqual(a, b) && deepEqual(nextRest, currentRest);
}

/** The bytes of an object, if they are not too many. */
function storable(object: AnyObject): Uint8Array {
  const value = encodeObject(object);
  if (value.byteLength > MAX_OBJECT_BYTES) throw objectTooLarge();
  return value;
}
