import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIPv6 } from "node:net";
import { type Duplex, pipeline } from "node:stream";
import { ApiError } from "../../apimachinery/errors.ts";
import { goNetworkError } from "../../apimachinery/go-errors.ts";
import type { Answer } from "../http/answer.ts";
import { passedHeaders } from "../http/passed-headers.ts";
import { refuseUpgrade } from "../http/refuse-upgrade.ts";
import { whenClosed } from "../http/when-closed.ts";
import { type ProxiedRequest, passBack, unreachable } from "./http-proxy.ts";
import type { KubeletEndpoint } from "./kubelet-endpoint.ts";

/** A client's wish to speak another protocol on its connection. */
export interface Upgrade {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** Gives the connection, and what came on it behind the request; from then on no answer can be given. */
  readonly takeOver: () => { readonly socket: Duplex; readonly head: Buffer };
  readonly onGone: (listener: () => void) => void;
}

/** PEM by which a kubelet knows the API server. */
export interface KubeletClient {
  readonly cert: string;
  readonly key: string;
  /** PEM of who signs kubelets' certificates; absent: not checked, as Kubernetes does unless told. */
  readonly caCert?: string;
}

/** Connections to kubelets at a time; one more is told to come again. */
const MAX_CONNECTIONS = 1_000;
const LISTENERS = 30;
/** A kubelet that says nothing for so long is not there. */
const ANSWER_MS = 30_000;
const MAX_REFUSAL_BYTES = 64 * 1024;

const HANDED_ON = /^(connection|upgrade|sec-websocket-.*|x-stream-protocol-version|user-agent)$/;

/** Asks the kubelets of nodes, and joins clients with them end to end. */
export class Kubelets {
  readonly #client: KubeletClient | undefined;
  /** Requests that have no answer yet, or not its end; connections that are joined. */
  readonly #asking = new Set<ClientRequest>();
  readonly #open = new Set<Duplex>();

  /** @param client  absent: no kubelet is asked */
  constructor(client: KubeletClient | undefined) {
    this.#client = client;
  }

  stop(): void {
    for (const one of [...this.#asking, ...this.#open]) one.destroy();
  }

  /**
   * What a kubelet answers to a GET; its body is for the caller to read.
   *
   * @param onGone  calls back when nobody wants it any more
   */
  async get(endpoint: KubeletEndpoint, path: string, onGone: Upgrade["onGone"]): Promise<IncomingMessage> {
    const request = this.#request(endpoint, "GET", path, {});
    onGone(() => request.destroy());
    return new Promise((resolve, reject) => {
      request.on("error", (error) => reject(dialingFailed(error, endpoint)));
      refuseUpgrade(request, (error) => reject(dialingFailed(error, endpoint)));
      request.on("response", resolve);
      request.end();
    });
  }

  /** Sends a request of any kind on, and its answer back as it comes. */
  proxy(
    endpoint: KubeletEndpoint,
    { method, path, headers, body, ...client }: ProxiedRequest,
  ): Promise<void> {
    const length = body.length > 0 ? { "Content-Length": body.length } : {};
    const request = this.#request(endpoint, method, path, { ...passedHeaders(headers), ...length });
    client.onGone(() => request.destroy());
    const failed = (error: Error) => unreachable(new Error(goNetworkError(error, urlOf(endpoint))));
    return new Promise((resolve, reject) => {
      request.on("error", (error) => reject(failed(error)));
      refuseUpgrade(request, (error) => reject(failed(error)));
      request.on("response", (answer) => {
        passBack(answer, client);
        resolve();
      });
      request.end(body);
    });
  }

  /** @returns the kubelet's answer, if it does not upgrade */
  open(endpoint: KubeletEndpoint, path: string, upgrade: Upgrade): Promise<Answer | undefined> {
    const headers = Object.entries(upgrade.headers).filter(([name]) => HANDED_ON.test(name));
    const request = this.#request(endpoint, upgrade.method, path, Object.fromEntries(headers));
    upgrade.onGone(() => request.destroy());
    return new Promise((resolve, reject) => {
      request.on("error", (error) => reject(dialingFailed(error, endpoint)));
      request.on("upgrade", (answer, kubelet, head) => {
        this.#join(upgrade, answer, kubelet, head);
        resolve(undefined);
      });
      request.on("response", (answer) => readRefusal(answer).then(resolve, reject));
      request.end();
    });
  }

  #request(
    { host, port }: KubeletEndpoint,
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
  ): ClientRequest {
    if (this.#client === undefined)
      throw new ApiError("", "this API server has no way to ask kubelets", {}, 501);
    if (this.#asking.size + this.#open.size >= MAX_CONNECTIONS)
      throw new ApiError("TooManyRequests", "too many connections to kubelets, please try again later", {
        retryAfterSeconds: 1,
      });
    const { cert, key, caCert } = this.#client;
    const trust = caCert === undefined ? { rejectUnauthorized: false } : { ca: caCert };
    const timeout = ANSWER_MS;
    const request = httpsRequest({
      method,
      host,
      port,
      path,
      headers,
      cert,
      key,
      ...trust,
      timeout,
      agent: false,
    });
    let isAnswered = false;
    for (const answer of ["response", "upgrade"] as const)
      request.prependListener(answer, () => {
        isAnswered = true;
      });
    // What has begun to answer may be quiet for long: a log that is followed, a shell.
    request.on("timeout", () => isAnswered || request.destroy(new Error("i/o timeout")));
    this.#asking.add(request);
    request.on("close", () => this.#asking.delete(request));
    return request;
  }

  #join(upgrade: Upgrade, answer: IncomingMessage, kubelet: Duplex, head: Buffer): void {
    const { socket, head: early } = upgrade.takeOver();
    const lines = answer.rawHeaders.flatMap((text, i, all) =>
      i % 2 === 0 ? [`${text}: ${all[i + 1]}`] : [],
    );
    socket.write(`${[`HTTP/1.1 101 Switching Protocols`, ...lines].join("\r\n")}\r\n\r\n`, "latin1");
    if (head.length > 0) socket.write(head);
    if (early.length > 0) kubelet.write(early);
    // Two pipelines listen more than Node takes for no leak.
    for (const end of [socket, kubelet]) end.setMaxListeners(LISTENERS);
    this.#open.add(socket);
    const over = () => {
      this.#open.delete(socket);
      socket.destroy();
      kubelet.destroy();
    };
    // An end of one direction is passed on; the connection is over when one side has closed it.
    pipeline(socket, kubelet, (error) => error && over());
    pipeline(kubelet, socket, (error) => error && over());
    whenClosed(socket, over);
    whenClosed(kubelet, over);
  }
}

function urlOf({ host, port }: KubeletEndpoint): URL {
  return new URL(`https://${isIPv6(host) ? `[${host}]` : host}:${port}`);
}

function dialingFailed(error: Error, endpoint: KubeletEndpoint): ApiError {
  const why = goNetworkError(error, urlOf(endpoint));
  return new ApiError("", `error dialing backend: ${why}`, {}, 500);
}

/** A kubelet that does not do as asked says why. */
export async function readRefusal(answer: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_REFUSAL_BYTES) break;
    chunks.push(chunk);
  }
  const contentType = answer.headers["content-type"] ?? "text/plain; charset=utf-8";
  return { code: answer.statusCode ?? 502, contentType, body: Buffer.concat(chunks) };
}
