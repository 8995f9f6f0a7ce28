import { apiVersionOf, type Kind } from "../../api/kind.ts";
import { deepFreeze } from "../../apimachinery/copy.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import type { Entry } from "../../store/store.ts";
import { readTracked, writeTracked } from "../managed-fields/stored-text.ts";
import { objectBytes } from "./object-bytes.ts";

/** An object of any kind, as far as the server itself looks into it. */
export interface AnyObject extends KubernetesObject {
  [field: string]: unknown;
}

/**
 * One version of one object: its stored bytes and, for as long as anybody holds it, the decoded object (informers do,
 * so it is decoded once for all of them).
 */
export class View {
  #object: WeakRef<AnyObject> | undefined;
  #converted: { readonly kind: Kind; readonly view: View } | undefined;
  /** By versions that webhooks made. */
  #made: Map<Kind, View> | undefined;
  #ended: View | undefined;

  constructor(
    readonly value: Uint8Array,
    /** 0: not stored (a dry run); then no resourceVersion is shown. */
    readonly revision: number,
    object?: AnyObject,
  ) {
    this.#object = object && new WeakRef(object);
  }

  get object(): AnyObject {
    let object = this.#object?.deref();
    if (object === undefined) {
      const { buffer, byteOffset, byteLength } = this.value;
      const stored = readTracked(Buffer.from(buffer, byteOffset, byteLength).toString("utf8")) as AnyObject;
      object = View.freeze(withRevision(stored, this.revision));
      this.#object = new WeakRef(object);
    }
    return object;
  }

  get isDecoded(): boolean {
    return this.#object?.deref() !== undefined;
  }

  /** @param object  the same one, decoded already */
  adopt(object: AnyObject): void {
    this.#object = new WeakRef(object);
  }

  /** The object as the answer to a request: a line of JSON, to be written and let go. */
  get body(): Buffer {
    return objectBytes(this.value, this.revision, "", "\n", false);
  }

  /** The same object in another served version of its kind; a custom one by the schema that it has now. */
  as(kind: Kind): View {
    if (kind.stored === undefined && kind.custom === undefined) return this;
    if (kind.custom?.conversion !== undefined && this.object.apiVersion !== apiVersionOf(kind)) {
      const made = this.#made?.get(kind);
      if (made === undefined) throw new Error("seen in a version that a webhook was not asked for yet");
      return made;
    }
    if (this.#converted?.kind !== kind) {
      const object = (kind.stored?.fromStored(this.object) ?? kind.custom!.read(this.object)) as AnyObject;
      this.#converted = { kind, view: object === this.object ? this : this.#of(object) };
    }
    return this.#converted.view;
  }

  /** Whether `as` can answer: it cannot wait for a webhook. */
  isKnownAs(kind: Kind): boolean {
    return this.object.apiVersion === apiVersionOf(kind) || this.#made?.has(kind) === true;
  }

  /** @param object  this one, as a webhook made it in another version */
  remember(kind: Kind, object: AnyObject): void {
    this.#made ??= new Map();
    this.#made.set(kind, this.#of(object));
  }

  #of(object: AnyObject): View {
    return new View(encodeObject(object), this.revision, View.freeze(object));
  }

  /** The object as it was, under the revision of the write that ended it: what a DELETED event carries. */
  endedAt(revision: number): View {
    if (this.#ended?.revision !== revision) this.#ended = new View(this.value, revision);
    return this.#ended;
  }

  /** Objects handed out are immutable by contract; tests make the contract bite. */
  static freeze: <T>(object: T) => T = process.env["NODE_ENV"] === "test" ? deepFreeze : (object) => object;
}

/** The bytes to store: kind, apiVersion and metadata first, no resourceVersion. */
export function encodeObject(object: AnyObject): Uint8Array {
  // A copy by spread alone takes the hidden class along; what is undefined is not written.
  const metadata = { ...object.metadata, resourceVersion: undefined };
  return Buffer.from(writeTracked({ ...inOrder(object), metadata }));
}

/** @returns a copy of its own as far as its revision goes */
export function withRevision(object: AnyObject, revision: number): AnyObject {
  const resourceVersion = revision === 0 ? undefined : String(revision);
  return { ...object, metadata: { ...object.metadata, resourceVersion } };
}

const FIRST = ["kind", "apiVersion", "metadata"] as const;

/** The object with its first members first, as those that were decoded have them. */
function inOrder(object: AnyObject): AnyObject {
  let place = 0;
  for (const name in object) {
    if (name !== FIRST[place]) break;
    if (++place === FIRST.length) return object;
  }
  const { kind, apiVersion, metadata, ...rest } = object;
  return { kind, apiVersion, metadata, ...rest };
}

/** A value on its way to the store, and the object that it was made of. */
interface Expected {
  readonly value: Uint8Array;
  readonly object: AnyObject;
}

/** Views by entry: an entry that is read a thousand times is decoded and serialised once. */
export class Views {
  readonly #views = new WeakMap<Entry, View>();
  /** By key, the newest write of it under way; bounded by what the store lets wait. */
  readonly #expected = new Map<string, Expected>();

  of(entry: Entry): View {
    let view = this.#views.get(entry);
    if (view === undefined) {
      view = new View(entry.value, entry.modRevision, this.#expectedIn(entry));
      this.#views.set(entry, view);
    }
    return view;
  }

  /**
   * Watchers are told of a write before its writer: until `forget` they, too, get the object that was written instead of
   * decoding its bytes again.
   */
  expect(key: string, value: Uint8Array, object: AnyObject): { forget(): void } {
    const expected = { value, object };
    this.#expected.set(key, expected);
    return {
      forget: () => {
        if (this.#expected.get(key) === expected) this.#expected.delete(key);
      },
    };
  }

  #expectedIn({ key, value, modRevision }: Entry): AnyObject | undefined {
    const expected = this.#expected.get(key);
    // Another write of this key may have come first.
    if (expected === undefined || !sameBytes(expected.value, value)) return undefined;
    return View.freeze(withRevision(expected.object, modRevision));
  }

  /** After a write the decoded object is already at hand. */
  remember(entry: Entry, object: AnyObject): View {
    const known = this.#views.get(entry);
    if (known?.isDecoded) return known;
    const decoded = View.freeze(withRevision(object, entry.modRevision));
    if (known !== undefined) {
      // Somebody was told of the write before its writer: what was made of the view since must not be lost.
      known.adopt(decoded);
      return known;
    }
    const view = new View(entry.value, entry.modRevision, decoded);
    this.#views.set(entry, view);
    return view;
  }
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && Buffer.compare(a, b) === 0);
}
