import type { Kind } from "../../api/kind.ts";
import { deepFreeze } from "../../apimachinery/copy.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import type { Entry } from "../../store/store.ts";

/** An object of any kind, as far as the server itself looks into it. */
export interface AnyObject extends KubernetesObject {
  [field: string]: unknown;
}

const METADATA = Buffer.from('"metadata":{');
const NEWLINE = Buffer.from("\n");

/**
 * One version of one object, in every form it is answered in. Each form is made at most once, when first asked for,
 * and shared by all readers and watchers.
 *
 *   stored    {"kind":"Pod","apiVersion":"v1","metadata":{"name":"a",...},...}
 *   json      {"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"41","name":"a",...},...}
 *   itemJson                                 {"metadata":{"resourceVersion":"41","name":"a",...},...}
 *
 * The revision is not part of the stored bytes (the store gives it out while writing); it is spliced in behind
 * `"metadata":{`, which always follows kind and apiVersion because `encodeObject` writes them first.
 */
export class View {
  #object: AnyObject | undefined;
  #json: Buffer | undefined;
  #itemJson: Buffer | undefined;
  readonly #lines = new Map<string, Buffer>();
  readonly #converted = new Map<Kind, View>();
  #successor: View | undefined;

  constructor(
    readonly value: Uint8Array,
    /** 0: not stored (a dry run); then no resourceVersion is shown. */
    readonly revision: number,
    object?: AnyObject,
  ) {
    this.#object = object;
  }

  get object(): AnyObject {
    if (this.#object === undefined) {
      const bytes = Buffer.from(this.value.buffer, this.value.byteOffset, this.value.byteLength);
      const object = JSON.parse(bytes.toString("utf8")) as AnyObject;
      this.#object = View.freeze(withRevision(object, this.revision));
    }
    return this.#object;
  }

  get json(): Buffer {
    this.#json ??= this.#splice(0);
    return this.#json;
  }

  /** As an item of a list: without kind and apiVersion. */
  get itemJson(): Buffer {
    this.#itemJson ??= this.#splice(Buffer.from(this.value.buffer, this.value.byteOffset).indexOf(METADATA));
    return this.#itemJson;
  }

  /** `{"type":"ADDED","object":{...}}\n`: one watch event, ready to be sent. */
  line(type: string): Buffer {
    let line = this.#lines.get(type);
    if (line === undefined) {
      line = Buffer.concat([
        Buffer.from(`{"type":"${type}","object":`),
        this.json,
        Buffer.from("}"),
        NEWLINE,
      ]);
      this.#lines.set(type, line);
    }
    return line;
  }

  /** The same object in another served version of its kind. */
  as(kind: Kind): View {
    if (kind.stored === undefined) return this;
    let converted = this.#converted.get(kind);
    if (converted === undefined) {
      const object = kind.stored.fromStored(this.object) as AnyObject;
      converted = new View(encodeObject(object), this.revision, View.freeze(object));
      this.#converted.set(kind, converted);
    }
    return converted;
  }

  /** The object as it was, under the revision of the write that ended it: what a DELETED event carries. */
  endedAt(revision: number): View {
    if (this.#successor?.revision !== revision) this.#successor = new View(this.value, revision);
    return this.#successor;
  }

  #splice(from: number): Buffer {
    const bytes = Buffer.from(this.value.buffer, this.value.byteOffset, this.value.byteLength);
    const at = bytes.indexOf(METADATA) + METADATA.length;
    const revision = this.revision === 0 ? "" : `"resourceVersion":"${this.revision}",`;
    const head =
      from === 0 ? bytes.subarray(0, at) : Buffer.concat([Buffer.from("{"), bytes.subarray(from, at)]);
    return Buffer.concat([head, Buffer.from(revision), bytes.subarray(at)]);
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
