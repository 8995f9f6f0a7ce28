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
    const message = `The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${operations.length}`;
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
  const place = findPlace(root, operation["path"]);
  switch (operation["op"]) {
    case "add":
      add(place, given(operation));
      break;
    case "replace":
      read(place);
      write(place, given(operation));
      break;
    case "remove":
      remove(place);
      break;
    case "test":
      if (!deepEqual(readOrNull(place), operation["value"] ?? null)) throw refused();
      break;
    case "copy":
      add(place, copied(patching, read(findPlace(root, operation["from"]))));
      break;
    case "move":
      move(root, operation["from"], operation["path"]);
      break;
    default:
      throw refused();
  }
}

/** A patch can nest a document deeper than any body may be: step by step, or copying a document into itself. */
function checkDepth(value: unknown): void {
  try {
    countKeys(value);
  } catch (error) {
    throw error instanceof JsonSyntaxError ? refused() : error;
  }
}

function copied(patching: Patching, value: unknown): unknown {
  checkDepth(value);
  patching.copiedBytes += JSON.stringify(value).length;
  if (patching.copiedBytes > MAX_COPIED_BYTES) throw refused();
  return deepCopy(value);
}

/** A value cannot be moved into itself; what it leaves behind may shift the place it goes to. */
function move(root: Record<string, unknown>, source: unknown, target: unknown): void {
  if (source === target) return;
  if (`${target}/`.startsWith(`${source}/`)) throw refused();
  const from = findPlace(root, source);
  const moved = read(from);
  remove(from);
  add(findPlace(root, target), moved);
}

function given(operation: Record<string, unknown>): unknown {
  if (!Object.hasOwn(operation, "value")) throw refused();
  return deepCopy(operation["value"]);
}

/** Follows a JSON pointer (RFC 6901) to the container of its last part. */
function findPlace(root: Record<string, unknown>, pointer: unknown): Place {
  if (typeof pointer !== "string" || (pointer !== "" && !pointer.startsWith("/"))) throw refused();
  const parts = pointer.split("/").slice(1).map(unescapePart);
  let place: Place = { container: root, key: "doc" };
  for (const part of parts) {
    const next = read(place);
    if (typeof next !== "object" || next === null) throw refused();
    place = { container: next as Container, key: part };
  }
  return place;
}

function unescapePart(part: string): string {
  return part.replaceAll("~1", "/").replaceAll("~0", "~");
}

/** An index of an existing element; Kubernetes' library counts negative ones from the end. */
function elementIndex(list: readonly unknown[], key: string): number {
  if (!/^-?(?:0|[1-9][0-9]*)$/.test(key)) throw refused();
  const index = Number(key) < 0 ? Number(key) + list.length : Number(key);
  if (index < 0 || index >= list.length) throw refused();
  return index;
}

function read({ container, key }: Place): unknown {
  if (Array.isArray(container)) return container[elementIndex(container, key)];
  if (!Object.hasOwn(container, key)) throw refused();
  return container[key];
}

/** `test` against null holds for a member that is not there. */
function readOrNull(place: Place): unknown {
  if (!Array.isArray(place.container) && !Object.hasOwn(place.container, place.key)) return null;
  return read(place);
}

function write({ container, key }: Place, value: unknown): void {
  if (Array.isArray(container)) container[elementIndex(container, key)] = value;
  else setOwn(container, key, value);
}

function add(place: Place, value: unknown): void {
  const { container, key } = place;
  if (!Array.isArray(container)) {
    write(place, value);
    return;
  }
  const isEnd = key === "-" || key === String(container.length);
  container.splice(isEnd ? container.length : elementIndex(container, key), 0, value);
}

function remove(place: Place): void {
  read(place);
  if (Array.isArray(place.container)) place.container.splice(elementIndex(place.container, place.key), 1);
  else delete place.container[place.key];
}

function refused(): ApiError {
  return new ApiError("Invalid", "the server rejected our request due to an error in our request", {});
}
