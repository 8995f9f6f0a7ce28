import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import type { V1APIService } from "../../api/generated/types.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import { goNetworkError } from "../../apimachinery/go-errors.ts";
import type { Random } from "../../apimachinery/random.ts";
import { refuseUpgrade } from "../http/refuse-upgrade.ts";
import type { ObjectStorage } from "../storage/objects.ts";
import { resolveService } from "../webhook-client/service-address.ts";

/** PEM of the certificate by which extension servers know who speaks to them (`--proxy-client-cert-file`). */
export interface ProxyIdentity {
  readonly cert: string;
  readonly key: string;
}

export interface BackendRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
}

/** Connections to one extension server at once; a request beyond them waits. None waits for those of another server. */
const MAX_SOCKETS = 1_024;
const MAX_IDLE_SOCKETS = 8;
/** A connection that nobody uses is closed. */
const IDLE_MS = 30_000;
const MAX_DOCUMENT_BYTES = 8 * 1024 * 1024;

/** Speaks to the servers behind APIServices, over TLS to `<service>.<namespace>.svc`. */
export class Backends {
  readonly #objects: ObjectStorage;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #identity: ProxyIdentity;
  readonly #agent = new Agent({
    keepAlive: true,
    maxSockets: MAX_SOCKETS,
    maxFreeSockets: MAX_IDLE_SOCKETS,
    timeout: IDLE_MS,
  });

  constructor(objects: ObjectStorage, clock: Clock, random: Random, identity: ProxyIdentity) {
    this.#objects = objects;
    this.#clock = clock;
    this.#random = random;
    this.#identity = identity;
  }

  stop(): void {
    this.#agent.destroy();
  }

  /**
   * The head of the answer; its body is for the caller to read.
   *
   * @param onOpen  gets what can be ended before the answer has come
   * @throws in the words of Go's client when there is nobody to ask
   */
  async ask(
    { spec }: V1APIService,
    { method, path, headers }: BackendRequest,
    body: Buffer,
    onOpen?: (request: ClientRequest) => void,
  ): Promise<IncomingMessage> {
    const { namespace = "", name = "", port = 443 } = spec?.service ?? {};
    const servername = `${name}.${namespace}.svc`;
    const address = await resolveService(this.#objects, this.#random, { namespace, name }, port);
    const request = httpsRequest({
      method,
      path,
      headers: { ...headers, Host: servername, "Content-Length": body.length },
      host: address.host,
      port: address.port,
      servername,
      ...(spec?.insecureSkipTLSVerify
        ? { rejectUnauthorized: false }
        : spec?.caBundle
          ? { ca: Buffer.from(spec.caBundle, "base64") }
          : {}),
      ...this.#identity,
      agent: this.#agent,
    });
    onOpen?.(request);
    return new Promise((resolve, reject) => {
      refuseUpgrade(request, reject);
      request.on("response", resolve);
      request.on("error", (error) =>
        reject(new Error(goNetworkError(error, new URL(`https://${address.host}:${address.port}`)))),
      );
      request.end(body);
    });
  }

  /**
   * A whole document, in time.
   *
   * @throws when it is no success, too large or late
   */
  async get(
    service: V1APIService,
    path: string,
    user: OutgoingHttpHeaders,
    timeoutMs: number,
  ): Promise<unknown> {
    let opened: ClientRequest | undefined;
    const late = this.#clock.setTimeout(
      () => opened?.destroy(new Error("timed out waiting for the answer")),
      timeoutMs,
    );
    try {
      const headers = { ...user, Accept: "application/json" };
      const answer = await this.ask(service, { method: "GET", path, headers }, Buffer.alloc(0), (request) => {
        opened = request;
      });
      const text = await readAll(answer);
      if (answer.statusCode !== 200) throw new Error(`bad status from ${path}: ${answer.statusCode}`);
      return JSON.parse(text);
    } finally {
      late.cancel();
    }
  }
}

async function readAll(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_DOCUMENT_BYTES) throw new Error(`more than ${MAX_DOCUMENT_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
