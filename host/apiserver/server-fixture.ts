import { randomInt } from "node:crypto";
import { connect as connectHttp2 } from "node:http2";
import { request as requestHttps } from "node:https";
import { SystemClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/log.ts";
import { seededRandom } from "../apimachinery/random.ts";
import type { Store } from "../store/store.ts";
import { type ApiServer, type ApiServerOptions, createApiServer } from "./server.ts";

/** PEM of whoever makes the request; none: no client certificate. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

export interface Answered {
  readonly code: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly json: () => Record<string, unknown>;
}

export interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Buffer;
}

export function startServer(
  store: Store,
  tls: { caCert: string; cert: string; key: string },
  more: Partial<ApiServerOptions> = {},
): Promise<ApiServer> {
  const clock = new SystemClock();
  const random = seededRandom(randomInt(2 ** 32));
  return createApiServer({ store, clock, random, log: silentLogger, port: 0, tls, ...more });
}

/** One request over HTTP/1.1. */
export function askHttp1(
  server: ApiServer,
  ca: string,
  asked: Asked,
  identity?: Identity,
): Promise<Answered> {
  const { method = "GET", path, headers = {}, body } = asked;
  const length = body === undefined ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const request = requestHttps(
      `${server.url}${path}`,
      { method, ca, agent: false, headers: { ...length, ...headers }, ...identity },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => resolve(answered(response.statusCode ?? 0, response.headers, chunks)));
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

/** One request over HTTP/2. */
export function askHttp2(
  server: ApiServer,
  ca: string,
  asked: Asked,
  identity?: Identity,
): Promise<Answered> {
  const { method = "GET", path, headers = {}, body } = asked;
  return new Promise((resolve, reject) => {
    const session = connectHttp2(server.url, { ca, ...identity });
    session.on("error", reject);
    const stream = session.request(
      { ":method": method, ":path": path, ...headers },
      { endStream: body === undefined },
    );
    const chunks: Buffer[] = [];
    let received: Record<string, string | string[] | undefined> = {};
    stream.on("response", (all) => {
      received = all as typeof received;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("end", () => {
      session.close();
      resolve(answered(Number(received[":status"]), received, chunks));
    });
    if (body !== undefined) stream.end(body);
  });
}

function answered(code: number, headers: Answered["headers"], chunks: readonly Buffer[]): Answered {
  const text = Buffer.concat(chunks).toString("utf8");
  return { code, headers, text, json: () => JSON.parse(text) as Record<string, unknown> };
}
