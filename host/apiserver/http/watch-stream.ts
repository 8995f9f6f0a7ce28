import type { ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import type { Timer } from "../../apimachinery/clock.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import type { Api } from "../api.ts";
import type { Selection } from "../selection.ts";
import type { Batch, Delivery } from "../storage/delivery.ts";
import { type IncludeObject, partialObject, tableEvent } from "../tables.ts";
import type { Turns } from "../verbs/turns.ts";
import { type WatchRequest, watch } from "../verbs/watch.ts";
import type { Representation } from "./negotiation.ts";
import { whenClosed } from "./when-closed.ts";

export type RawResponse = ServerResponse | Http2ServerResponse;

/**
 * A client that falls this far behind is told 410 and cut; it lists again (api-wire 12). What was there when the watch
 * began does not count: it is the state, or history, that was asked for, and as large as the cluster.
 */
export const MAX_WAITING_EVENTS = 10_000;
export const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/** How long the last line may take to be read before the connection is cut all the same. */
export const END_GRACE_MS = 30_000;

export interface WatchConnection {
  /** Lets others in between while a large state is read. */
  readonly turns?: Turns;
  /** What to write to, and the headers every answer has; called when nothing can be refused any more. */
  readonly takeOver: () => { raw: RawResponse; headers: Readonly<Record<string, string | string[]>> };
  /** The state it begins with has been read: from here on it only waits for changes. */
  readonly onFollowing?: () => void;
  /** So many events have been written. */
  readonly onWritten?: (events: number) => void;
}

/**
 * Streams one watch as JSON lines until its time is over or the client is gone.
 *
 *   watch ──► waiting: batches, shared with every other watcher of the same ──► their bytes, shared too ──► raw
 *
 * What waits for a slow client is shared, and not written for it alone: two hundred clients that read nothing cost
 * hardly more memory than one, and one that reads is written to at once whatever the others do.
 */
export function streamWatch(
  api: Api,
  selection: Selection,
  request: WatchRequest,
  look: { readonly representation: Representation; readonly include: IncludeObject },
  connection: WatchConnection,
): void {
  const encoder = new Encoder(api, selection, look);
  let waiting: Batch[] = [];
  /** What of `waiting` has been written already. */
  let written = 0;
  let waitingEvents = 0;
  let waitingBytes = 0;
  let lastRevision = request.resourceVersion || "0";
  let ending: { readonly error?: ApiError } | undefined;
  /** Absent until everything that can be refused has been refused. */
  let response: ServerResponse | undefined;
  let takes = true;
  let isOver = false;
  let grace: Timer | undefined;

  const watching = watch(
    api,
    selection,
    request,
    {
      onBatches: (batches) => {
        for (const batch of batches) {
          waiting.push(batch);
          count(batch, 1);
        }
        writeOn();
        if (waitingEvents > MAX_WAITING_EVENTS || waitingBytes > MAX_WAITING_BYTES) cutOff();
      },
      onFollowing: connection.onFollowing,
      onEnd: (error) => end(error),
    },
    connection.turns,
  );

  function count({ deliveries, valueBytes, isPast }: Batch, sign: 1 | -1): void {
    if (isPast) return;
    waitingEvents += sign * deliveries.length;
    waitingBytes += sign * valueBytes;
  }

  function writeOn(): void {
    if (response === undefined || isOver) return;
    try {
      writeWaiting(response);
    } catch (error) {
      // An object that cannot be shown ends this watch alone, whether it was met here or in the socket's own time.
      const { prefix } = selection;
      api.log.error("watch ended: an event cannot be written", { prefix, error: String(error) });
      stop();
      response.destroy();
    }
  }

  function writeWaiting(response: ServerResponse): void {
    while (takes && written < waiting.length) {
      const batch = waiting[written++]!;
      takes = response.write(encoder.bytesOf(batch));
      count(batch, -1);
      connection.onWritten?.(batch.deliveries.length);
      lastRevision = String(batch.lastRevision);
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

  /** The last line and the end follow what waits, when the client reads it in time. */
  function end(error: ApiError | undefined): void {
    ending = { error };
    grace = api.clock.setTimeout(() => response?.destroy(), END_GRACE_MS);
    writeOn();
  }

  function cutOff(): void {
    const { prefix } = selection;
    api.log.warn("watch cut: its client does not keep up", { prefix, waitingEvents, waitingBytes });
    watching.cancel();
    waiting = [];
    written = 0;
    waitingEvents = 0;
    waitingBytes = 0;
    const current = api.objects.store.revision;
    end(new ApiError("Expired", `too old resource version: ${lastRevision} (${current})`));
  }

  function stop(): void {
    isOver = true;
    watching.cancel();
    grace?.cancel();
    waiting = [];
  }

  // From here on the answer is 200. The headers go out before the first event, or every informer would wait for it.
  const { raw, headers } = connection.takeOver();
  // The compatibility layers type their methods apart, but behave alike.
  response = raw as ServerResponse;
  response.writeHead(200, { ...headers, "Content-Type": "application/json" });
  if ("flushHeaders" in raw) raw.flushHeaders();
  response.on("drain", () => {
    takes = true;
    writeOn();
  });
  whenClosed(raw, stop);
  response.on("error", stop);
  writeOn();
}

/** Turns batches into lines of one form. */
class Encoder {
  readonly #form: string;
  readonly #encode: (delivery: Delivery) => Buffer;
  readonly #encodeFirst: ((delivery: Delivery) => Buffer) | undefined;

  constructor(
    api: Api,
    { kind }: Selection,
    look: { readonly representation: Representation; readonly include: IncludeObject },
  ) {
    const { as } = look.representation;
    this.#form = as === "Table" ? `${as} ${look.include}` : as;
    const table = (isFirst: boolean) => {
      return ({ type, view }: Delivery) =>
        eventLine(type, tableEvent(kind, view, look.include, api.clock.nowMs(), isFirst));
    };
    switch (as) {
      case "object":
        this.#encode = (delivery) => delivery.line();
        break;
      case "PartialObjectMetadata":
        this.#encode = ({ type, view }) => eventLine(type, partialObject(view.object));
        break;
      case "Table":
        this.#encode = table(false);
        this.#encodeFirst = table(true);
        break;
      default:
        as satisfies never;
        throw new Error(`no such form: ${as}`);
    }
  }

  #isFirst = true;
  bytesOf(batch: Batch): Buffer {
    const encodeFirst = this.#isFirst ? this.#encodeFirst : undefined;
    this.#isFirst = false;
    if (encodeFirst === undefined) return batch.bytes(this.#form, this.#encode);
    // The first row of a watched Table brings the columns, so this watcher's first batch is its own.
    const [first, ...others] = batch.deliveries;
    return Buffer.concat([encodeFirst(first!), ...others.map(this.#encode)]);
  }
}

function eventLine(type: string, object: unknown): Buffer {
  return Buffer.from(`${JSON.stringify({ type, object })}\n`);
}

function errorLine(error: ApiError): Buffer {
  return eventLine("ERROR", error.status);
}
