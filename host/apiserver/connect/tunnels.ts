import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { type Duplex, pipeline } from "node:stream";
import { ApiError } from "../../apimachinery/errors.ts";
import type { Answer } from "../http/answer.ts";
import { goNetworkError } from "../webhook-client/go-errors.ts";
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

/** Connections handed through at a time; one more is told to come again. */
const MAX_TUNNELS = 1_000;
const LISTENERS = 30;
const MAX_REFUSAL_BYTES = 64 * 1024;

const HANDED_ON = /^(connection|upgrade|sec-websocket-.*|x-stream-protocol-version|user-agent)$/;

/** Client and kubelet, end to end. */
export class KubeletTunnels {
  readonly #client: KubeletClient | undefined;
  readonly #open = new Set<Duplex>();

  /** @param client  absent: no kubelet is asked */
  constructor(client: KubeletClient | undefined) {
    this.#client = client;
  }

  stop(): void {
    for (const socket of this.#open) socket.destroy();
  }

  /** @returns the kubelet's answer, if it does not upgrade */
  open({ host, port }: KubeletEndpoint, path: string, upgrade: Upgrade): Promise<Answer | undefined> {
    if (this.#client === undefined)
      throw new ApiError("", "this API server has no way to ask kubelets", {}, 501);
    if (this.#open.size >= MAX_TUNNELS)
      throw new ApiError("TooManyRequests", "too many connections to kubelets, please try again later", {
        retryAfterSeconds: 1,
      });
    const { cert, key, caCert } = this.#client;
    const headers: OutgoingHttpHeaders = {};
    for (const [name, value] of Object.entries(upgrade.headers))
      if (HANDED_ON.test(name)) headers[name] = value;
    const request = httpsRequest({
      method: upgrade.method,
      host,
      port,
      path,
      headers,
      cert,
      key,
      ...(caCert === undefined ? { rejectUnauthorized: false } : { ca: caCert }),
      agent: false,
    });
    upgrade.onGone(() => request.destroy());
    return new Promise((resolve, reject) => {
      request.on("error", (error) => {
        const why = goNetworkError(error, new URL(`https://${host}:${port}`));
        reject(new ApiError("", `error dialing backend: ${why}`, {}, 500));
      });
      request.on("upgrade", (answer, kubelet, head) => {
        this.#join(upgrade, answer, kubelet, head);
        resolve(undefined);
      });
      request.on("response", (answer) => readRefusal(answer).then(resolve, reject));
      request.end();
    });
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
    socket.on("close", over);
    kubelet.on("close", over);
  }
}

/** A kubelet that does not upgrade says why. */
async function readRefusal(answer: IncomingMessage): Promise<Answer> {
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
