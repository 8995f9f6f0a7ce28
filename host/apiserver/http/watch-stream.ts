import type { ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import type { ApiError } from "../../apimachinery/errors.ts";
import type { Api } from "../api.ts";
import type { Selection } from "../selection.ts";
import { type IncludeObject, partialObject, tableEvent } from "../tables.ts";
import { type Delivery, type WatchRequest, watch } from "../verbs/watch.ts";
import type { Representation } from "./negotiation.ts";

export type RawResponse = ServerResponse | Http2ServerResponse;

/**
 * A client that falls this far behind is cut; it watches again from its last revision (api-wire 12). The first batch does
 * not count: it is the state, or history, that was asked for, and as large as the cluster.
 */
export const MAX_WAITING_EVENTS = 10_000;
export const MAX_WAITING_BYTES = 16 * 1024 * 1024;

/** Lines that wait are joined up to this many bytes a write. */
const WRITE_BYTES = 64 * 1024;

/**
 * Streams one watch as JSON lines until its time is over or the client is gone.
 *
 *   watch ──► waiting: events, shared with every other watcher ──► a line each, while the socket takes them ──► raw
 *
 * What waits for a slow client is events, whose bytes are the store's own, and not lines written for it alone: two
 * hundred clients that read nothing cost hardly more memory than one.
 */
export function streamWatch(
  api: Api,
  selection: Selection,
  request: WatchRequest,
  look: { readonly representation: Representation; readonly include: IncludeObject },
  takeOver: () => { raw: RawResponse; headers: Readonly<Record<string, string | string[]>> },
): void {
  let firstRow = true;
  const encode = ({ type, view }: Delivery): Buffer => {
    const { as } = look.representation;
    if (as === "object") return view.line(type);
    if (as === "PartialObjectMetadata") return eventLine(type, partialObject(view.object));
    const table = tableEvent(selection.kind, view, look.include, api.clock.nowMs(), firstRow);
    firstRow = false;
    return eventLine(type, table);
  };

  let waiting: Delivery[] = [];
  /** What of `waiting` has been written already. */
  let written = 0;
  let waitingBytes = 0;
  let allowed: { readonly events: number; readonly bytes: number } | undefined;
  let ending: { readonly error?: ApiError } | undefined;
  /** Absent until everything that can be refused has been refused. */
  let response: ServerResponse | undefined;
  let takes = true;

  const watching = watch(api, selection, request, {
    onDeliveries: (deliveries) => {
      for (const delivery of deliveries) {
        waiting.push(delivery);
        waitingBytes += delivery.view.value.length;
      }
      allowed ??= {
        events: MAX_WAITING_EVENTS + deliveries.length,
        bytes: MAX_WAITING_BYTES + waitingBytes,
      };
      writeOn();
      const waitingEvents = waiting.length - written;
      if (waitingEvents <= allowed.events && waitingBytes <= allowed.bytes) return;
      const far = { prefix: selection.prefix, waitingEvents, waitingBytes };
      api.log.warn("watch cut: its client does not keep up", far);
      stop();
      response?.destroy();
    },
    onEnd: (error) => {
      ending = { error };
      writeOn();
    },
  });

  function writeOn(): void {
    if (response === undefined) return;
    try {
      writeWaiting(response);
    } catch (error) {
      // An object that cannot be shown ends this watch alone, whether it was met here or in the socket's own time.
      api.log.error("watch ended: an event cannot be written", {
        prefix: selection.prefix,
        error: String(error),
      });
      stop();
      response.destroy();
    }
  }

  function writeWaiting(response: ServerResponse): void {
    while (takes && written < waiting.length) {
      const lines: Buffer[] = [];
      for (let bytes = 0; written < waiting.length && bytes < WRITE_BYTES; written++) {
        const delivery = waiting[written]!;
        const line = encode(delivery);
        lines.push(line);
        waitingBytes -= delivery.view.value.length;
        bytes += line.length;
      }
      takes = response.write(lines.length === 1 ? lines[0]! : Buffer.concat(lines));
    }
    // What was written is let go when it is half of the list, so that cutting it off stays cheap.
    if (written * 2 >= waiting.length) {
      waiting = waiting.slice(written);
      written = 0;
    }
    if (ending === undefined || waiting.length > 0) return;
    const { error } = ending;
    ending = undefined;
    if (error !== undefined) response.write(errorLine(error));
    response.end();
  }

  function stop(): void {
    watching.cancel();
    waiting = [];
    written = 0;
    waitingBytes = 0;
    takes = false;
  }

  // From here on the answer is 200. The headers go out before the first event, or every informer would wait for it.
  const { raw, headers } = takeOver();
  // The compatibility layers type their methods apart, but behave alike.
  response = raw as ServerResponse;
  response.writeHead(200, { ...headers, "Content-Type": "application/json" });
  if ("flushHeaders" in raw) raw.flushHeaders();
  response.on("drain", () => {
    takes = true;
    writeOn();
  });
  response.on("close", stop);
  response.on("error", stop);
  writeOn();
}

function eventLine(type: string, object: unknown): Buffer {
  return Buffer.from(`${JSON.stringify({ type, object })}\n`);
}

function errorLine(error: ApiError): Buffer {
  return eventLine("ERROR", error.status);
}
