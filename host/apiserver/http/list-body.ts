import { apiVersionOf } from "../../api/kind.ts";
import type { Entry } from "../../store/store.ts";
import type { Api } from "../api.ts";
import { itemRoom, writeItem } from "../storage/object-bytes.ts";
import type { AnyObject, View } from "../storage/view.ts";
import { columnDefinitions, partialObject, row, type TableMeta } from "../tables.ts";
import type { ListResult } from "../verbs/list.ts";
import { type Answer, jsonAnswer, type Presentation } from "./answer.ts";

/** One piece of a large answer: written in about a millisecond, so that nobody waits long for it. */
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
    return jsonAnswer(200, JSON.parse(Buffer.concat([...slices]).toString("utf8")), look);
  }
  return { code: 200, contentType: "application/json", body: wholeWhenSmall(slices) };
}

/** What fits into one slice is an answer like any other. */
function wholeWhenSmall(slices: Generator<Buffer>): Buffer | Iterable<Buffer> {
  const first = slices.next();
  const second = slices.next();
  if (first.done === true) return Buffer.alloc(0);
  if (second.done === true) return first.value;
  return (function* () {
    yield first.value;
    yield second.value;
    yield* slices;
  })();
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
  if (kind.stored === undefined) return byteSlices(head, entries);
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
const NOTHING = Buffer.alloc(0);

/** Stored bytes, joined. */
function* byteSlices(head: string, entries: readonly Entry[]): Generator<Buffer> {
  let start = Buffer.from(head);
  for (let from = 0; from < entries.length; ) {
    let room = start.length + TAIL.length;
    let to = from;
    for (; to < entries.length && (to === from || room < SLICE_BYTES); to++)
      room += itemRoom(entries[to]!.value) + 1;
    const slice = Buffer.allocUnsafeSlow(room);
    let end = start.copy(slice);
    for (; from < to; from++) {
      if (from > 0) slice[end++] = COMMA;
      end = writeItem(slice, end, entries[from]!.value, entries[from]!.modRevision);
    }
    if (to === entries.length) end += slice.write(TAIL, end, "latin1");
    yield slice.subarray(0, end);
    start = NOTHING;
  }
  if (entries.length === 0) yield Buffer.from(head + TAIL);
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
