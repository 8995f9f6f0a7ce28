import type { IncomingMessage, ServerResponse } from "node:http";
import { drain, readBody } from "./body.ts";
import type { Serving } from "./http-server.ts";
import type { IncomingRequest } from "./request-handler.ts";
import type { RawResponse } from "./watch-stream.ts";
import { whenClosed } from "./when-closed.ts";

/** A request that came over HTTP/1.1. */
class Http1Request implements IncomingRequest {
  readonly body: (() => Promise<Buffer>) | undefined;
  /** The client sends its body when it is told to. */
  awaitsContinue: boolean;

  constructor(
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
  ) {
    this.body = hasBody(request) ? () => this.#read() : undefined;
    this.awaitsContinue = request.headers.expect !== undefined;
  }

  get method(): string {
    return this.request.method ?? "GET";
  }

  get url(): string {
    return this.request.url ?? "/";
  }

  get headers() {
    return this.request.headers;
  }

  get rawHeaders() {
    return this.request.rawHeaders;
  }

  get socket() {
    return this.request.socket;
  }

  takeOver(): RawResponse {
    return this.response;
  }

  onGone(listener: () => void): void {
    whenClosed(this.response, listener);
  }

  #read(): Promise<Buffer> {
    if (this.awaitsContinue) this.response.writeContinue();
    this.awaitsContinue = false;
    return readBody(this.request, this.request.socket);
  }
}

/** Of a GET no body is read, as little as of one that says it has none. */
function hasBody({ method, headers }: IncomingMessage): boolean {
  if (method === "GET" || method === "HEAD") return false;
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

/** Serves one request; what has not been read of it does not keep the answer back. */
export async function serveHttp1(
  request: IncomingMessage,
  response: ServerResponse,
  { handle, writeSliced }: Serving,
): Promise<void> {
  const incoming = new Http1Request(request, response);
  const outgoing = await handle(incoming);
  if (outgoing === undefined) return;
  const { code, headers, body } = outgoing;
  if (typeof body !== "string" && !Buffer.isBuffer(body)) {
    outgoing.over(await writeSliced(response, outgoing, request.method === "HEAD" ? [] : body));
    return;
  }
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  if (!response.destroyed) {
    // An answer without content has no length; every other says it, or it would be sent in chunks.
    if (code !== 304) headers["Content-Length"] = String(length);
    // Whoever is not told to send the body may do so or not: where the next request begins is not to be known.
    if (incoming.awaitsContinue) response.shouldKeepAlive = false;
    response.writeHead(code, headers);
    if (request.complete || incoming.body === undefined || incoming.awaitsContinue) response.end(body);
    else await answerEarly(request, response, body);
  }
  outgoing.over(length);
}

/**
 * The whole answer goes out while its request is still coming in. The rest of that is thrown away, so that a client that
 * only reads when it has sent everything reads the answer and not a broken connection.
 */
async function answerEarly(
  request: IncomingMessage,
  response: ServerResponse,
  body: string | Buffer,
): Promise<void> {
  response.write(body);
  if (await drain(request)) response.end();
  else request.socket.destroySoon();
}
