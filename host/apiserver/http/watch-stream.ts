import type { ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import type { ApiError } from "../../apimachinery/errors.ts";
import type { Api } from "../api.ts";
import type { Selection } from "../selection.ts";
import { type IncludeObject, partialObject, tableEvent } from "../tables.ts";
import { type Delivery, type WatchRequest, watch } from "../verbs/watch.ts";
import type { Representation } from "./negotiation.ts";

export type RawResponse = ServerResponse | Http2ServerResponse;

/** A client that lets this much pile up is cut; it watches again from its last revision (api-wire 12). */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

/** Streams one watch as JSON lines until its time is over or the client is gone. */
export function streamWatch(
  api: Api,
  selection: Selection,
  request: WatchRequest,
  look: { readonly representation: Representation; readonly include: IncludeObject },
  takeOver: () => { raw: RawResponse; headers: Readonly<Record<string, string | string[]>> },
): void {
  let firstRow = true;
  let waitingBytes = 0;
  let ended = false;

  const encode = ({ type, view }: Delivery): Buffer => {
    const { as } = look.representation;
    if (as === "object") return view.line(type);
    if (as === "PartialObjectMetadata") return eventLine(type, partialObject(view.object));
    const table = tableEvent(selection.kind, view, look.include, api.clock.nowMs(), firstRow);
    firstRow = false;
    return eventLine(type, table);
  };

  const send = (bytes: Buffer) => {
    waitingBytes += bytes.length;
    // The compatibility layers type `write` apart, but take the same arguments.
    (raw as ServerResponse).write(bytes, () => {
      waitingBytes -= bytes.length;
    });
    if (waitingBytes <= MAX_WAITING_BYTES) return;
    api.log.warn("watch cut: its client does not keep up", { prefix: selection.prefix, waitingBytes });
    watching.cancel();
    raw.destroy();
  };

  const pending: Buffer[] = [];
  let started = false;
  const watching = watch(api, selection, request, {
    onDeliveries: (deliveries) => {
      const bytes = deliveries.length === 1 ? encode(deliveries[0]!) : Buffer.concat(deliveries.map(encode));
      if (started) send(bytes);
      else pending.push(bytes);
    },
    onEnd: (error) => {
      ended = true;
      if (error !== undefined) pending.push(errorLine(error));
      if (started) finish();
    },
  });

  // Everything that can be refused has been refused by now: from here on the answer is 200. The headers go out before
  // the first event, or every informer would wait for it.
  const { raw, headers } = takeOver();
  const finish = () => {
    for (const bytes of pending.splice(0)) (raw as ServerResponse).write(bytes);
    raw.end();
  };
  raw.writeHead(200, { ...headers, "Content-Type": "application/json" });
  if ("flushHeaders" in raw) raw.flushHeaders();
  raw.on("close", () => watching.cancel());
  raw.on("error", () => watching.cancel());
  started = true;
  if (ended) finish();
  else for (const bytes of pending.splice(0)) send(bytes);
}

function eventLine(type: string, object: unknown): Buffer {
  return Buffer.from(`${JSON.stringify({ type, object })}\n`);
}

function errorLine(error: ApiError): Buffer {
  return eventLine("ERROR", error.status);
}
