import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Logger } from "../../apimachinery/log.ts";
import type { ExtenderService } from "./extender-service.ts";
import { ShapeError } from "./shapes.ts";

export interface ExtenderServerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** PEM; absent: plain HTTP. With `clientCa`, whoever asks has to show a certificate of that authority. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
  /** Who answers; undefined while this scheduler does not work, e.g. because another leads. */
  readonly service: () => ExtenderService | undefined;
  readonly log: Logger;
}

/** A question with tens of thousands of whole nodes; a longer one is refused. */
const MAX_QUESTION_BYTES = 64 * 1024 * 1024;
const MAX_CONNECTIONS = 64;
const VERBS = ["filter", "prioritize", "bind", "preempt"] as const;

/** Lets other schedulers ask this one, as an extender: POST /filter, /prioritize, /bind, /preempt. */
export async function openExtenderServer(
  options: ExtenderServerOptions,
): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const { host, port, tls } = options;
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    answer(options, request).then(
      ({ code, body }) => send(response, code, body),
      (error: unknown) => {
        options.log.warn("an extender's question was not answered", {
          path: request.url,
          error: String(error),
        });
        send(response, 500, "Internal Server Error");
      },
    );
  };
  const server =
    tls === undefined
      ? createHttpServer(listener)
      : createHttpsServer(
          {
            cert: tls.cert,
            key: tls.key,
            ...(tls.clientCa === undefined
              ? {}
              : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true }),
          },
          listener,
        );
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      server.on("error", () => {});
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  { service }: ExtenderServerOptions,
  request: IncomingMessage,
): Promise<{ code: number; body: string | object }> {
  const verb = VERBS.find((one) => request.url === `/${one}`);
  if (verb === undefined) return { code: 404, body: "404 page not found" };
  if (request.method !== "POST") return { code: 405, body: "Method Not Allowed" };
  // Kubernetes' schedulers say so; a page in a browser cannot without asking first.
  const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") return { code: 415, body: "Unsupported Media Type" };
  const question = await readText(request);
  if (question === undefined) return { code: 413, body: "Request Entity Too Large" };
  const works = service();
  if (works === undefined) return { code: 503, body: "this scheduler does not lead" };
  let args: unknown;
  try {
    args = JSON.parse(question);
  } catch (error) {
    return { code: 400, body: (error as Error).message };
  }
  if (typeof args !== "object" || args === null || Array.isArray(args))
    return { code: 400, body: "the question is no JSON object" };
  try {
    return { code: 200, body: await works[verb](args as Readonly<Record<string, unknown>>) };
  } catch (error) {
    if (error instanceof ShapeError) return { code: 400, body: error.message };
    throw error;
  }
}

/** @returns undefined for a text that is too long */
async function readText(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MAX_QUESTION_BYTES) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function send(response: ServerResponse, code: number, body: string | object): void {
  const isText = typeof body === "string";
  response.writeHead(code, { "Content-Type": isText ? "text/plain; charset=utf-8" : "application/json" });
  response.end(isText ? `${body}\n` : JSON.stringify(body));
}
