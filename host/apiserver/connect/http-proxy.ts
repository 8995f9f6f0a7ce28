import {
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from "node:http";
import { pipeline } from "node:stream";
import { connect as connectTls } from "node:tls";
import type { Dialer } from "../../apimachinery/dialer.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import { passedHeaders } from "../http/passed-headers.ts";
import { refuseUpgrade } from "../http/refuse-upgrade.ts";
import type { RawResponse } from "../http/watch-stream.ts";
import type { Address } from "../webhook-client/service-address.ts";

export interface ProxiedRequest {
  readonly method: string;
  /** Path and query there. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly takeOver: (code: number) => RawResponse;
  readonly onGone: (listener: () => void) => void;
}

/**
 * Sends a request to a pod and its answer back as it comes. Links in pages are left as they are.
 *
 * @throws 503 when nobody answers
 */
export async function proxyHttp(
  dialer: Dialer,
  scheme: "http" | "https",
  { host, port }: Address,
  proxied: ProxiedRequest,
): Promise<void> {
  let isGone = false;
  let request: ClientRequest | undefined;
  proxied.onGone(() => {
    isGone = true;
    request?.destroy();
  });
  const plain = await dialer.connect(host, port).catch((error: unknown) => {
    throw unreachable(error);
  });
  if (isGone) {
    plain.destroy();
    throw unreachable(new Error("context canceled"));
  }
  const headers: OutgoingHttpHeaders = {
    ...passedHeaders(proxied.headers),
    Host: `${host}:${port}`,
    Connection: "close",
  };
  if (proxied.body.length > 0) headers["Content-Length"] = proxied.body.length;
  const socket = scheme === "https" ? connectTls({ socket: plain, rejectUnauthorized: false }) : plain;
  const { method, path } = proxied;
  const opened = httpRequest({
    method,
    path,
    headers,
    createConnection: () => socket as never,
  });
  request = opened;
  await new Promise<void>((resolve, reject) => {
    opened.on("error", (error) => reject(unreachable(error)));
    refuseUpgrade(opened, (error) => reject(unreachable(error)));
    opened.on("response", (answer) => {
      passBack(answer, proxied);
      resolve();
    });
    opened.end(proxied.body);
  });
}

/** The answer goes to the client as it comes. */
export function passBack(answer: IncomingMessage, { takeOver }: Pick<ProxiedRequest, "takeOver">): void {
  const code = answer.statusCode ?? 502;
  // The compatibility layers type their methods apart, but behave alike.
  const response = takeOver(code) as ServerResponse;
  response.writeHead(code, passedHeaders(answer.headers));
  pipeline(answer, response, () => answer.destroy());
}

export function unreachable(why: unknown): ApiError {
  return new ApiError("ServiceUnavailable", `error trying to reach service: ${(why as Error).message}`);
}
