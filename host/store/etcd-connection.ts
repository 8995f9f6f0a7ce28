import {
  type CallOptions,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { SystemClock, sleep, type Timer } from "../apimachinery/clock.ts";
import type { Rpc } from "./etcd-protocol.ts";
import { StoreOpenError } from "./open-error.ts";

/** How long one attempt of a call may take before another member is asked. */
const CALL_LIMIT_MS = 5_000;
const RETRY_PAUSE_MS = 50;
/** Each endpoint is tried this often, in turn. */
const ROUNDS = 4;

/**
 * One channel to each etcd member, of which one is used at a time. A member that does not answer gives way to the next:
 *
 *     reads   are asked again there
 *     writes  only when they certainly never left: otherwise nobody knows whether they were carried out
 */
export class EtcdConnection {
  readonly #clients: readonly Client[];
  /** Sockets live in real time, whatever clock the cluster goes by. */
  readonly #clock = new SystemClock();
  readonly #callLimitMs: number;
  #current = 0;
  #onTurn: () => void = () => {};

  /** @param endpoints  `http://127.0.0.1:2379`, or without the scheme; one or more */
  constructor(endpoints: readonly string[], callLimitMs = CALL_LIMIT_MS) {
    this.#callLimitMs = callLimitMs;
    if (endpoints.length === 0) throw new StoreOpenError("unreadable", "store etcd needs an endpoint");
    this.#clients = endpoints.map(
      (endpoint) =>
        new Client(addressOf(endpoint), credentials.createInsecure(), {
          "grpc.max_receive_message_length": -1,
          "grpc.max_send_message_length": -1,
          "grpc.keepalive_time_ms": 10_000,
          "grpc.keepalive_timeout_ms": 5_000,
          "grpc.initial_reconnect_backoff_ms": 100,
          "grpc.max_reconnect_backoff_ms": 1_000,
        }),
    );
  }

  read<Request, Response>(rpc: Rpc<Request, Response>, request: Request): Promise<Response> {
    return this.#retry(() => this.#call(rpc, request), isMemberFailure);
  }

  write<Request, Response>(rpc: Rpc<Request, Response>, request: Request): Promise<Response> {
    return this.#retry(() => this.#call(rpc, request), wasNeverSent);
  }

  /** A stream to the current member; whoever sees it fail calls `avoid`. */
  stream<Request, Response>(
    rpc: Rpc<Request, Response>,
    options: CallOptions = {},
  ): ClientDuplexStream<Request, Response> {
    const client = this.#clients[this.#current]!;
    const metadata = new Metadata();
    // A member that has lost the others ends the stream instead of keeping it silent.
    metadata.set("hasleader", "true");
    return client.makeBidiStreamRequest(rpc.path, rpc.serialize, rpc.deserialize, metadata, options);
  }

  /** One request and its answer over a method that is a stream; asked again elsewhere like a read. */
  exchange<Request, Response>(rpc: Rpc<Request, Response>, request: Request): Promise<Response> {
    return this.#retry(
      () =>
        new Promise((resolve, reject) => {
          const stream = this.stream(rpc, this.#limit());
          stream.on("error", reject);
          stream.on("end", () => reject(new Error(`etcd gave no answer to ${rpc.path}`)));
          stream.on("data", resolve);
          stream.write(request);
          stream.end();
        }),
      isMemberFailure,
    );
  }

  /** Which member is in use, to be given to `avoid`. */
  get current(): number {
    return this.#current;
  }

  /** Turns to the next member, unless somebody has done so already or there is no other. */
  avoid(member: number): void {
    if (member !== this.#current || this.#clients.length === 1) return;
    this.#current = (member + 1) % this.#clients.length;
    this.#onTurn();
  }

  /** Calls back after each turn to another member: one that only went quiet breaks its streams much later. */
  onTurn(callback: () => void): void {
    this.#onTurn = callback;
  }

  pause(): Promise<void> {
    return sleep(this.#clock, RETRY_PAUSE_MS);
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#clock.setTimeout(callback, delayMs);
  }

  /** Waits for something, but no longer than this. */
  within(limitMs: number, work: Promise<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      const limit = this.#clock.setTimeout(resolve, limitMs);
      work.finally(() => limit.cancel()).then(() => resolve(), reject);
    });
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  /** @param attempt  something with the current member */
  async #retry<Response>(
    attempt: () => Promise<Response>,
    mayRetry: (error: ServiceError) => boolean,
  ): Promise<Response> {
    for (let count = 1; ; count++) {
      const member = this.#current;
      try {
        return await attempt();
      } catch (error) {
        if (!isServiceError(error)) throw error;
        if (isMemberFailure(error)) this.avoid(member);
        if (!mayRetry(error) || count >= ROUNDS * this.#clients.length) throw error;
        await this.pause();
      }
    }
  }

  #call<Request, Response>(rpc: Rpc<Request, Response>, request: Request): Promise<Response> {
    const client = this.#clients[this.#current]!;
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        rpc.path,
        rpc.serialize,
        rpc.deserialize,
        request,
        new Metadata(),
        this.#limit(),
        (error, response) => {
          if (error !== null) reject(error);
          else resolve(response!);
        },
      );
    });
  }

  #limit(): CallOptions {
    return { deadline: this.#clock.nowMs() + this.#callLimitMs };
  }
}

export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && "details" in error;
}

function isMemberFailure({ code }: ServiceError): boolean {
  return code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED || code === status.CANCELLED;
}

/** What @grpc/grpc-js says when no connection to the member could be made. */
function wasNeverSent({ code, details }: ServiceError): boolean {
  return code === status.UNAVAILABLE && details.startsWith("No connection established");
}

function addressOf(endpoint: string): string {
  const [, scheme, address] = /^(?:(\w+):\/\/)?([^/]+)\/?$/.exec(endpoint) ?? [];
  if (address === undefined || (scheme !== undefined && scheme !== "http"))
    throw new StoreOpenError("unreadable", `etcd endpoint ${endpoint}: only http://HOST:PORT is understood`);
  return address;
}
