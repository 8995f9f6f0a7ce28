import type { OutgoingHttpHeaders } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import type { Clock } from "../../apimachinery/clock.ts";
import { goNetworkError } from "../../apimachinery/go-errors.ts";

/** One call of a webhook. */
export interface WebhookRequest {
  readonly url: URL;
  /** Where it is really found; the certificate is still that of the URL's host. Absent: at the URL's host and port. */
  readonly address?: { readonly host: string; readonly port: number };
  /** PEM of the authorities its certificate may come from; absent: those that the machine trusts. */
  readonly authorities?: string;
  readonly body: string;
  readonly timeoutMs: number;
}

export interface WebhookAnswer {
  readonly code: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/** Carries calls to webhooks. A core without one calls nobody: simulations stay in their process. */
export interface WebhookTransport {
  /** Throws an Error in the words of Go's client. */
  post(request: WebhookRequest): Promise<WebhookAnswer>;
  stop(): void;
}

/** A patch of a 3 MiB object in base64, and as much again: what is longer is cut off, and the call has failed. */
export const MAX_RESPONSE_BYTES = 8 * 1024 * 1024;

/** Calls of one webhook under way at once; who comes later waits, within its own timeout. No webhook waits for another one. */
const MAX_SOCKETS = 256;
const MAX_IDLE_SOCKETS = 8;
/** A connection that nobody uses is closed: that of an authority which was replaced is never used again. */
const IDLE_MS = 30_000;

/** HTTPS over connections that are kept for a while; redirects are not followed, so nobody is sent elsewhere. */
export class HttpsTransport implements WebhookTransport {
  readonly #clock: Clock;
  readonly #agent = new Agent({
    keepAlive: true,
    maxSockets: MAX_SOCKETS,
    maxFreeSockets: MAX_IDLE_SOCKETS,
    timeout: IDLE_MS,
  });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  stop(): void {
    this.#agent.destroy();
  }

  post(asked: WebhookRequest): Promise<WebhookAnswer> {
    const { url, timeoutMs } = asked;
    return new Promise((resolve, reject) => {
      let end: () => void = () => {};
      const fail = (why: string) => {
        end();
        reject(new Error(why));
      };
      const timer = this.#clock.setTimeout(() => fail("context deadline exceeded"), timeoutMs);
      const cancelTimer = () => timer.cancel();
      end = cancelTimer;
      try {
        const request = this.#open(asked);
        end = () => {
          cancelTimer();
          request.destroy();
        };
        request.on("error", (error) => fail(goNetworkError(error, url)));
        request.on("response", (response) => {
          const chunks: Buffer[] = [];
          let size = 0;
          response.on("data", (chunk: Buffer) => {
            size += chunk.length;
            if (size > MAX_RESPONSE_BYTES) fail(`response body is larger than ${MAX_RESPONSE_BYTES} bytes`);
            else chunks.push(chunk);
          });
          response.on("error", (error) => fail(goNetworkError(error, url)));
          response.on("end", () => {
            cancelTimer();
            const contentType = response.headers["content-type"] ?? "";
            resolve({ code: response.statusCode ?? 0, contentType, body: Buffer.concat(chunks) });
          });
        });
        request.end(asked.body);
      } catch (error) {
        // A bundle that is none is noticed before anything is sent.
        fail(error instanceof Error ? error.message : String(error));
      }
    });
  }

  #open({ url, address, authorities, body }: WebhookRequest) {
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const headers: OutgoingHttpHeaders = {
      Accept: "application/json, */*",
      "Content-Length": Buffer.byteLength(body),
      "Content-Type": "application/json",
      Host: url.host,
      "User-Agent": "kube-apiserver-admission",
    };
    return httpsRequest({
      method: "POST",
      host: address?.host ?? host,
      port: address?.port ?? (url.port || 443),
      path: url.pathname + url.search,
      servername: isIP(host) === 0 ? host : "",
      ...(authorities === undefined ? {} : { ca: authorities }),
      agent: this.#agent,
      headers,
    });
  }
}
