import type { Kind } from "../../api/kind.ts";
import { deepFreeze } from "../../apimachinery/copy.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import type { Entry } from "../../store/store.ts";

/** An object of any kind, as far as the server itself looks into it. */
export interface AnyObject extends KubernetesObject {
  [field: string]: unknown;
}

const METADATA = Buffer.from('"metadata":{');
const CLOSING_BRACE = "}".charCodeAt(0);
const OPEN = Buffer.from("{");
const LINE_END = Buffer.from("}\n");

/**
 * One version of one object, in every form it is answered in.
 *
 *   stored    {"kind":"Pod","apiVersion":"v1","metadata":{"name":"a",...},...}
 *   json      {"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"41","name":"a",...},...}
 *   item                                     {"metadata":{"resourceVersion":"41","name":"a",...},...}
 *
 * The revision is not part of the stored bytes (the store gives it out while writing); it is spliced in behind
 * `"metadata":{`, which always follows kind and apiVersion because `encodeObject` writes them first.
 *
 * What is kept beside the stored bytes: the decoded object for as long as anybody holds it (informers do, so it is
 * decoded once for all of them), and the lines of watch events while they are handed to the watchers.
 */
export class View {
  #object: WeakRef<AnyObject> | undefined;
  #lines: Map<string, Buffer> | undefined;
  #converted: { readonly kind: Kind; readonly view: View } | undefined;
  #successor: WeakRef<View> | undefined;

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
      const stored = JSON.parse(this.#bytes.toString("utf8")) as AnyObject;
      object = View.freeze(withRevision(stored, this.revision));
      this.#object = new WeakRef(object);
    }
    return object;
  }

  get json(): Buffer {
    const bytes = this.#bytes;
    return Buffer.concat(this.#splice(bytes, 0));
  }

  /** As an item of a list, in parts to be joined: without kind and apiVersion. */
  get itemParts(): readonly Buffer[] {
    const bytes = this.#bytes;
    return [OPEN, ...this.#splice(bytes, bytes.indexOf(METADATA))];
  }

  /** `{"type":"ADDED","object":{...}}\n`: one watch event, ready to be sent. */
  line(type: string): Buffer {
    let line = this.#lines?.get(type);
    if (line === undefined) {
      line = Buffer.concat([
        Buffer.from(`{"type":"${type}","object":`),
        ...this.#splice(this.#bytes, 0),
        LINE_END,
      ]);
      if (this.#lines === undefined) {
        this.#lines = new Map();
        // The store hands an event to all watchers in one go: after it, nobody asks for the line again.
        queueMicrotask(() => {
          this.#lines = undefined;
        });
      }
      this.#lines.set(type, line);
    }
    return line;
  }

  /** The same object in another served version of its kind. */
  as(kind: Kind): View {
    if (kind.stored === undefined) return this;
    if (this.#converted?.kind !== kind) {
      const object = View.freeze(kind.stored.fromStored(this.object) as AnyObject);
      this.#converted = { kind, view: new View(encodeObject(object), this.revision, object) };
    }
    return this.#converted.view;
  }

  /** The object as it was, under the revision of the write that ended it: what a DELETED event carries. */
  endedAt(revision: number): View {
    let successor = this.#successor?.deref();
    if (successor?.revision !== revision) {
      successor = new View(this.value, revision);
      this.#successor = new WeakRef(successor);
    }
    return successor;
  }

  get #bytes(): Buffer {
    return Buffer.from(this.value.buffer, this.value.byteOffset, this.value.byteLength);
  }

  #splice(bytes: Buffer, from: number): Buffer[] {
    const at = bytes.indexOf(METADATA) + METADATA.length;
    const comma = bytes[at] === CLOSING_BRACE ? "" : ",";
    const revision = this.revision === 0 ? "" : `"resourceVersion":"${this.revision}"${comma}`;
    return [bytes.subarray(from, at), Buffer.from(revision), bytes.subarray(at)];
  }

  /** Objects handed out are immutable by contract; tests make the contract bite. */
  static freeze: <T>(object: T) => T = process.env["NODE_ENV"] === "test" ? deepFreeze : (object) => object;
}

/** The bytes to store: kind, apiVersion and metadata first, no resourceVersion. */
export function encodeObject(object: AnyObject): Uint8Array {
  const { kind, apiVersion, metadata = {}, ...rest } = object;
  const { resourceVersion: _, ...meta } = metadata;
  return Buffer.from(JSON.stringify({ kind, apiVersion, metadata: meta, ...rest }));
}

export function withRevision(object: AnyObject, revision: number): AnyObject {
  const { kind, apiVersion, metadata = {}, ...rest } = object;
  const { resourceVersion: _, ...meta } = metadata;
  const stamp = revision === 0 ? {} : { resourceVersion: String(revision) };
  return { kind, apiVersion, metadata: { ...stamp, ...meta }, ...rest };
}

/** Views by entry: an entry that is read a thousand times is decoded and serialised once. */
export class Views {
  readonly #views = new WeakMap<Entry, View>();

  of(entry: Entry): View {
    let view = this.#views.get(entry);
    if (view === undefined) {
      view = new View(entry.value, entry.modRevision);
      this.#views.set(entry, view);
    }
    return view;
  }

  /** After a write the decoded object is already at hand. */
  remember(entry: Entry, object: AnyObject): View {
    const view = new View(
      entry.value,
      entry.modRevision,
      View.freeze(withRevision(object, entry.modRevision)),
    );
    this.#views.set(entry, view);
    return view;
  }
}
