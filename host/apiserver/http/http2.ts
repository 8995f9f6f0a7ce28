import { constants, Http2ServerResponse, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { readBody } from "./body.ts";
import type { Serving } from "./http-server.ts";
import type { IncomingRequest } from "./request-handler.ts";
import type { RawResponse } from "./watch-stream.ts";
import { whenClosed } from "./when-closed.ts";

/**
 * A request that came over HTTP/2. Node's own objects for it, which are those of HTTP/1.1, listen to a dozen events of each
 * stream; here one is made only when an answer is taken over.
 */
export class Http2Request implements IncomingRequest {
  readonly body: (() => Promise<Buffer>) | undefined;
  readonly httpVersionMajor = 2;

  constructor(
    readonly stream: ServerHttp2Stream,
    readonly headers: IncomingHttpHeaders,
    readonly rawHeaders: readonly string[],
    hasBody: boolean,
    private readonly onTaken: () => void,
  ) {
    this.body = hasBody ? () => this.#read() : undefined;
  }

  get method(): string {
    return this.headers[":method"] ?? "GET";
  }

  get url(): string {
    return this.headers[":path"] ?? "/";
  }

  /** Every stream has a socket object of its own; who is asking is a fact of the session. */
  get socket() {
    return this.stream.session?.socket;
  }

  takeOver(): RawResponse {
    this.onTaken();
    return new Http2ServerResponse(this.stream);
  }

  onGone(listener: () => void): void {
    whenClosed(this.stream, listener);
  }

  #read(): Promise<Buffer> {
    const { stream, headers } = this;
    if (headers.expect !== undefined && !stream.destroyed) stream.additionalHeaders({ ":status": 100 });
    return readBody(stream, stream.session ?? stream);
  }
}

const ignore = () => {};

/**
 * A stream's request; undefined if it is answered already.
 *
 * @param head.flags  of the frame that brought the head
 * @param onTaken     its answer is a stream now, and may be silent for long
 */
export function openRequest(
  stream: ServerHttp2Stream,
  head: {
    readonly headers: IncomingHttpHeaders;
    readonly flags: number;
    readonly rawHeaders: readonly string[];
  },
  onTaken: () => void,
): Http2Request | undefined {
  const { headers, flags, rawHeaders } = head;
  // What goes wrong on a stream ends it; whoever serves it is told by `onGone`.
  stream.on("error", ignore);
  const { ":method": method = "GET" } = headers;
  if (method === "CONNECT") {
    stream.respond({ ":status": 405 }, { endStream: true });
    return undefined;
  }
  const isWhole = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
  const hasBody = !isWhole && method !== "GET" && method !== "HEAD";
  return new Http2Request(stream, headers, rawHeaders, hasBody, onTaken);
}

/**
 * Serves one request. One that is answered before it was read is reset by Node behind its answer (RFC 9113, 8.1), and the
 * session goes on.
 */
export async function serveHttp2(incoming: Http2Request, { handle, writeSliced }: Serving): Promise<void> {
  const { stream, method } = incoming;
  const outgoing = await handle(incoming);
  if (outgoing === undefined) return;
  const { body } = outgoing;
  if (typeof body !== "string" && !Buffer.isBuffer(body)) {
    outgoing.over(await writeSliced(incoming.takeOver(), outgoing, method === "HEAD" ? [] : body));
    return;
  }
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  if (!stream.destroyed && !stream.closed) {
    const answer = outgoing.headers as Record<string, string | string[] | number>;
    answer[":status"] = outgoing.code;
    if (outgoing.code !== 304) answer["content-length"] = length;
    const endStream = method === "HEAD" || length === 0;
    stream.respond(answer, { endStream });
    if (!endStream) stream.end(body);
  }
  outgoing.over(length);
}
