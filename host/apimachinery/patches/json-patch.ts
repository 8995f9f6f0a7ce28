import { deepCopy, deepEqual, isObject, setOwn } from "../copy.ts";
import { jsonKind } from "../decode-error.ts";
import { ApiError, badRequest } from "../errors.ts";
import { countKeys, JsonSyntaxError } from "../json-text.ts";

/** Kubernetes refuses longer patches. */
const MAX_OPERATIONS = 10_000;

type Container = Record<string, unknown> | unknown[];

/** `copy` may make a document grow by this much in one patch (kube-apiserver's JSONPatchMaxCopyBytes). */
const MAX_COPIED_BYTES = 3 * 1024 * 1024;

/** A document being patched. It hangs in a root of its own, so that "" is a place like any other. */
interface Patching {
  readonly root: Record<string, unknown>;
  copiedBytes: number;
}

/** Where an operation points: a member of a container that exists. */
interface Place {
  readonly container: Container;
  readonly key: string;
}

/**
 * JSON patch (RFC 6902), all or nothing; `doc` is not changed. Throws ApiError: 400 when the patch is no list of
 * operations, 422 in Kubernetes' (few) words when one of them cannot be done.
 */
export function applyJsonPatch(doc: unknown, operations: unknown): unknown {
  if (!Array.isArray(operations)) {
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${jsonKind(operations)} into Go value of type []handlers.jsonPatchOp`,
    );
  }
  if (operations.length > MAX_OPERATIONS) {
    const message = `Request entity too large: The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${operations.length}`;
    throw new ApiError("RequestEntityTooLarge", message);
  }
  const patching: Patching = { root: { doc: deepCopy(doc) }, copiedBytes: 0 };
  for (const operation of operations) {
    if (!isObject(operation)) {
      throw badRequest(
        `error decoding patch: json: cannot unmarshal ${jsonKind(operation)} into Go value of type handlers.jsonPatchOp`,
      );
    }
    applyOperation(patching, operation);
  }
  checkDepth(patching.root["doc"]);
  return patching.root["doc"];
}

function applyOperation(patching: Patching, operation: Record<string, unknown>): void {
  const { root } = patching;
  const { op, path, from } = operation;
  const at = (pointer: unknown, missing: string) =>
    findPlace(root, pointer, `${op} operation does not apply: ${missing}`);
  switch (op) {
    case "add":
      add(at(path, `doc is missing path: "${path}"`), given(operation), `error in add for path: '${path}'`);
      break;
    case "replace": {
      const place = at(path, `doc is missing path: ${path}`);
      read(place, `replace operation does not apply: doc is missing key: ${path}`);
      write(place, given(operation), `error in remove for path: '${path}'`);
      break;
    }
    case "remove":
      remove(at(path, `doc is missing path: "${path}"`), `error in remove for path: '${path}'`);
      break;
    case "test":
      if (!deepEqual(readOrNull(at(path, `is missing path: ${path}`)), operation["value"] ?? null))
        throw refused(`testing value ${path} failed: test failed`);
      break;
    case "copy": {
      const value = copied(
        patching,
        read(at(from, `doc is missing from path: ${from}`), `error in copy for from: '${from}'`),
      );
      add(
        at(path, `doc is missing destination path: ${path}`),
        value,
        `error while adding value during copy`,
      );
      break;
    }
    case "move":
      move(root, from, path);
      break;
    default:
      throw refused(`Unexpected kind: ${op}`);
  }
}

/** A patch can nest a document deeper than any body may be: step by step, or copying a document into itself. */
function checkDepth(value: unknown): void {
  try {
    countKeys(value);
  } catch (error) {
    throw error instanceof JsonSyntaxError ? refused(error.message) : error;
  }
}

function copied(patching: Patching, value: unknown): unknown {
  checkDepth(value);
  patching.copiedBytes += JSON.stringify(value).length;
  if (patching.copiedBytes > MAX_COPIED_BYTES) {
    const size = patching.copiedBytes;
    throw refused(
      `Unable to complete the copy, the accumulated size increase of copy operations is ${size}, exceeding the limit ${MAX_COPIED_BYTES}`,
    );
  }
  return deepCopy(value);
}

/** A value cannot be moved into itself; what it leaves behind may shift the place it goes to. */
function move(root: Record<string, unknown>, source: unknown, target: unknown): void {
  const why = `error in move for path: '${source}'`;
  if (source === target) return;
  if (`${target}/`.startsWith(`${source}/`)) throw refused(why);
  const from = findPlace(root, source, `move operation does not apply: doc is missing from path: ${source}`);
  const moved = read(from, why);
  remove(from, why);
  const missing = `move operation does not apply: doc is missing destination path: ${target}`;
  add(findPlace(root, target, missing), moved, `error in move for path: '${target}'`);
}

function given(operation: Record<string, unknown>): unknown {
  if (!Object.hasOwn(operation, "value")) throw refused("replace operation does not apply: missing value");
  return deepCopy(operation["value"]);
}

/** Follows a JSON pointer (RFC 6901) to the container of its last part. */
function findPlace(root: Record<string, unknown>, pointer: unknown, missing: string): Place {
  if (typeof pointer !== "string" || (pointer !== "" && !pointer.startsWith("/"))) throw refused(missing);
  const parts = pointer.split("/").slice(1).map(unescapePart);
  let place: Place = { container: root, key: "doc" };
  for (const part of parts) {
    const next = read(place, missing);
    if (typeof next !== "object" || next === null) throw refused(`${missing}: missing value`);
    place = { container: next as Container, key: part };
  }
  return place;
}

function unescapePart(part: string): string {
  return part.replaceAll("~1", "/").replaceAll("~0", "~");
}

/** An index of an existing element; Kubernetes' library counts negative ones from the end. */
function elementIndex(list: readonly unknown[], key: string, why: string): number {
  if (!/^-?(?:0|[1-9][0-9]*)$/.test(key)) {
    throw refused(`${why}: strconv.Atoi: parsing ${JSON.stringify(key)}: invalid syntax`);
  }
  const index = Number(key) < 0 ? Number(key) + list.length : Number(key);
  if (index >= 0 && index < list.length) return index;
  throw refused(`${why}: Unable to access invalid index: ${key}: invalid index referenced`);
}

/** @param why  the beginning of what is said when there is nothing */
function read({ container, key }: Place, why: string): unknown {
  if (Array.isArray(container)) return container[elementIndex(container, key, why)];
  if (!Object.hasOwn(container, key)) throw refused(`${why}: missing value`);
  return container[key];
}

/** `test` against null holds for a member that is not there. */
function readOrNull(place: Place): unknown {
  if (!Array.isArray(place.container) && !Object.hasOwn(place.container, place.key)) return null;
  return read(place, "error in test");
}

function write({ container, key }: Place, value: unknown, why: string): void {
  if (Array.isArray(container)) container[elementIndex(container, key, why)] = value;
  else setOwn(container, key, value);
}

function add(place: Place, value: unknown, why: string): void {
  const { container, key } = place;
  if (!Array.isArray(container)) {
    write(place, value, why);
    return;
  }
  const isEnd = key === "-" || key === String(container.length);
  container.splice(isEnd ? container.length : elementIndex(container, key, why), 0, value);
}

function remove({ container, key }: Place, why: string): void {
  if (Array.isArray(container)) {
    container.splice(elementIndex(container, key, why), 1);
    return;
  }
  if (!Object.hasOwn(container, key))
    throw refused(`${why}: Unable to remove nonexistent key: ${key}: missing value`);
  delete container[key];
}

/** A patch that cannot be applied. The client is told no more than that; who wrote the patch for it is told why. */
export class PatchRefused extends ApiError {
  readonly #detail: string;

  constructor(detail: string) {
    super("Invalid", "the server rejected our request due to an error in our request", {});
    this.#detail = detail;
  }

  /** In the words of Kubernetes' library, github.com/evanphx/json-patch. */
  get detail(): string {
    return this.#detail;
  }

  /** Whether a `test` failed: the patch was not meant for the document as it is. */
  get isFailedTest(): boolean {
    return this.#detail.endsWith("failed: test failed");
  }
}

function refused(detail: string): PatchRefused {
  return new PatchRefused(detail);
}
