import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { ApiError } from "../apimachinery/errors.ts";

export interface HttpConnectionOptions {
  /** `https://127.0.0.1:6443` */
  readonly server: string;
  /** PEM; absent: the system's authorities. */
  readonly ca?: string;
  /** Client certificate and key, PEM. */
  readonly cert?: string;
  readonly key?: string;
  /** A bearer token; a function is asked for it at every request. */
  readonly token?: string | (() => string | undefined);
  readonly userAgent?: string;
}

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly contentType?: string;
  readonly body?: string;
}

/** Large enough that a list of many objects is not held up by window updates. */
const WINDOW_BYTES = 4 * 1024 * 1024;

/** One HTTP/2 session to an API server, opened when first needed and again after it was closed. */
export class HttpConnection {
  readonly #options: HttpConnectionOptions;
  #session: ClientHttp2Session | undefined;
  #closed = false;

  constructor(options: HttpConnectionOptions) {
    this.#options = options;
  }

  /** Sends a request; the stream answers with `response`, `data`, `end` and `error` as node:http2 says. */
  request(request: HttpRequest): ClientHttp2Stream {
    if (this.#closed) throw new ApiError("ServiceUnavailable", "the client is closed");
    const { userAgent } = this.#options;
    const token = typeof this.#options.token === "function" ? this.#options.token() : this.#options.token;
    const stream = this.#open().request(
      {
        [constants.HTTP2_HEADER_METHOD]: request.method,
        [constants.HTTP2_HEADER_PATH]: request.path,
        accept: "application/json",
        "user-agent": userAgent ?? "pintle",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(request.body === undefined ? {} : { "content-type": request.contentType ?? "application/json" }),
      },
      { endStream: request.body === undefined },
    );
    if (request.body !== undefined) stream.end(request.body);
    return stream;
  }

  close(): void {
    this.#closed = true;
    this.#session?.destroy();
    this.#session = undefined;
  }

  #open(): ClientHttp2Session {
    const known = this.#session;
    if (known !== undefined && !known.closed && !known.destroyed) return known;
    const { server, ca, cert, key } = this.#options;
    const session = connect(server, { ca, cert, key, settings: { initialWindowSize: WINDOW_BYTES } });
    session.once("connect", () => session.setLocalWindowSize(4 * WINDOW_BYTES));
    const forget = () => {
      if (this.#session === session) this.#session = undefined;
    };
    // A session that failed tells each of its streams, and those tell their callers.
    session.on("error", forget);
    session.once("goaway", () => {
      forget();
      session.close();
    });
    session.once("close", forget);
    this.#session = session;
    return session;
  }
}
