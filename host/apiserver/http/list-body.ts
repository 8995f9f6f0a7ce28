import { apiVersionOf } from "../../api/kind.ts";
import type { Entry } from "../../store/store.ts";
import type { Api } from "../api.ts";
import { itemRoom, writeItem } from "../storage/object-bytes.ts";
import type { AnyObject, View } from "../storage/view.ts";
import { columnDefinitions, partialObject, row, type TableMeta } from "../tables.ts";
import type { ListResult } from "../verbs/list.ts";
import { type Answer, jsonAnswer, type Presentation } from "./answer.ts";

/**
 * One piece of a large answer: written in about a millisecond, so that nobody waits long for it. The head of a list
 * (a continue token, a Table's columns) is far shorter.
 */
const SLICE_BYTES = 256 * 1024;
/** Objects that must be decoded take longer than bytes that are copied. */
const SLICE_OBJECTS = 100;

/**
 * A list in the form that was asked for, made slice by slice while it is written: stored bytes are joined, and objects
 * are decoded only for a Table or for metadata alone.
 */
export function listAnswer(api: Api, result: ListResult, look: Presentation): Answer {
  const slices = slicesOf(api, result, look);
  if (look.pretty || look.representation.yaml) {
    // A slice ends with an item, so no character is cut in two.
    let text = "";
    for (const slice of slices) text += slice.toString("utf8");
    return jsonAnswer(200, JSON.parse(text), look);
  }
  // What fits into one slice is an answer like any other.
  const body = isSmall(result.entries) ? Buffer.concat([...slices]) : slices;
  return { code: 200, contentType: "application/json", body };
}

/** Whether one slice holds it, of whatever form. */
function isSmall(entries: readonly Entry[]): boolean {
  if (entries.length > SLICE_OBJECTS) return false;
  let bytes = 0;
  for (const { value } of entries) bytes += itemRoom(value);
  return bytes < SLICE_BYTES;
}

function slicesOf(api: Api, result: ListResult, look: Presentation): Generator<Buffer> {
  const { kind, entries } = result;
  const views = function* () {
    for (const entry of entries) yield api.objects.views.of(entry).as(kind);
  };
  const { representation, include, nowMs } = look;
  const metadata = JSON.stringify(listMetadata(result));
  if (representation.as === "Table") {
    const columns = JSON.stringify(columnDefinitions(kind));
    const head = `{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":${metadata},"columnDefinitions":${columns},"rows":[`;
    return decodedSlices(head, views, (view) => row(kind, view, include, nowMs));
  }
  if (representation.as === "PartialObjectMetadata") {
    const head = `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":${metadata},"items":[`;
    return decodedSlices(head, views, (view) => partialObject(view.object));
  }
  const head = `{"kind":"${kind.kind}List","apiVersion":"${apiVersionOf(kind)}","metadata":${metadata},"items":[`;
  if (kind.stored === undefined && kind.custom === undefined) return byteSlices(head, entries);
  return decodedSlices(head, views, (view) => withoutType(view.object));
}

function listMetadata(result: ListResult): TableMeta {
  const { revision, remainingItemCount } = result;
  return {
    resourceVersion: String(revision),
    ...(result.continue === undefined ? {} : { continue: result.continue }),
    ...(remainingItemCount === undefined ? {} : { remainingItemCount }),
  };
}

function withoutType({ kind: _kind, apiVersion: _version, ...item }: AnyObject): object {
  return item;
}

const TAIL = "]}\n";
const COMMA = ",".charCodeAt(0);

/** Stored bytes, joined. All slices lie in the same memory: one is good until the next is asked for. */
function* byteSlices(head: string, entries: readonly Entry[]): Generator<Buffer> {
  let slab = Buffer.allocUnsafeSlow(SLICE_BYTES);
  let end = slab.write(head);
  for (const [index, { value, modRevision }] of entries.entries()) {
    const room = itemRoom(value) + TAIL.length + 1;
    if (end + room > slab.length) {
      if (end > 0) yield slab.subarray(0, end);
      end = 0;
      if (room > slab.length) slab = Buffer.allocUnsafeSlow(room);
    }
    if (index > 0) slab[end++] = COMMA;
    end = writeItem(slab, end, value, modRevision);
  }
  end += slab.write(TAIL, end);
  yield slab.subarray(0, end);
}

/** @param itemOf  what of an object is shown */
function* decodedSlices(
  head: string,
  views: () => Iterable<View>,
  itemOf: (view: View) => object,
): Generator<Buffer> {
  let items: string[] = [];
  let start = head;
  for (const view of views()) {
    items.push(JSON.stringify(itemOf(view)));
    if (items.length < SLICE_OBJECTS) continue;
    yield Buffer.from(start + items.join(","));
    start = ",";
    items = [];
  }
  // A last comma has nothing to part.
  yield Buffer.from((items.length === 0 && start === "," ? "" : start) + items.join(",") + TAIL);
}
