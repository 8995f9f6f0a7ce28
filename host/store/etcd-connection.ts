import { isIP } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import {
  type CallOptions,
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
  type VerifyOptions,
} from "@grpc/grpc-js";
import { SystemClock, sleep, type Timer } from "../apimachinery/clock.ts";
import type { EtcdAccess, EtcdTls } from "./etcd-access.ts";
import { authenticateRpc, type Rpc } from "./etcd-protocol.ts";
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
 *
 * With a user, every call carries a token. Etcd forgets tokens (after minutes without use, and when it restarts); a call
 * refused for that was not carried out, and is made again with a new one.
 */
export class EtcdConnection {
  readonly #clients: readonly Client[];
  /** Sockets live in real time, whatever clock the cluster goes by. */
  readonly #clock = new SystemClock();
  readonly #callLimitMs: number;
  readonly #user: EtcdAccess["user"];
  #token: string | undefined;
  #authenticating: Promise<void> | undefined;
  #current = 0;
  #onTurn: () => void = () => {};

  /** @throws StoreOpenError for what is no endpoint, or no certificate */
  constructor({ endpoints, tls, user }: EtcdAccess, callLimitMs = CALL_LIMIT_MS) {
    this.#callLimitMs = callLimitMs;
    this.#user = user;
    if (endpoints.length === 0) throw new StoreOpenError("unreadable", "store etcd needs an endpoint");
    const targets = endpoints.map((endpoint) => targetOf(endpoint, tls));
    this.#clients = targets.map(
      ({ address, secured, options }) =>
        new Client(address, secured, {
          ...options,
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
    const metadata = this.#metadata();
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
    isAuthenticating = false,
  ): Promise<Response> {
    for (let count = 1; ; count++) {
      const member = this.#current;
      try {
        return await attempt();
      } catch (error) {
        if (!isServiceError(error)) throw error;
        if (isMemberFailure(error)) this.avoid(member);
        const isStale = this.#user !== undefined && !isAuthenticating && isTokenFailure(error);
        if (isStale) await this.renewToken();
        if (!(isStale || mayRetry(error)) || count >= ROUNDS * this.#clients.length) throw error;
        await this.pause();
      }
    }
  }

  /** Shows the password again, if there is one, once for all who ask meanwhile. Elsewhere, when the member is gone. */
  renewToken(): Promise<void> {
    const user = this.#user;
    if (user === undefined) return Promise.resolve();
    if (this.#authenticating !== undefined) return this.#authenticating;
    // Etcd looks at a token even when it is asked for another.
    this.#token = undefined;
    this.#authenticating = this.#retry(() => this.#send(authenticateRpc, user), isMemberFailure, true)
      .then(({ token }) => {
        this.#token = token;
      })
      .finally(() => {
        this.#authenticating = undefined;
      });
    return this.#authenticating;
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    if (this.#token !== undefined) metadata.set("token", this.#token);
    return metadata;
  }

  async #call<Request, Response>(rpc: Rpc<Request, Response>, request: Request): Promise<Response> {
    if (this.#user !== undefined && this.#token === undefined) await this.renewToken();
    return await this.#send(rpc, request);
  }

  #send<Request, Response>(rpc: Rpc<Request, Response>, request: Request): Promise<Response> {
    const client = this.#clients[this.#current]!;
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        rpc.path,
        rpc.serialize,
        rpc.deserialize,
        request,
        this.#metadata(),
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

/** What etcd says to a token it does not know any more, or that is older than its users. */
function isTokenFailure({ code, details }: ServiceError): boolean {
  return (
    code === status.UNAUTHENTICATED ||
    details.includes("invalid auth token") ||
    details.includes("revision of auth store is old")
  );
}

interface Target {
  readonly address: string;
  readonly secured: ChannelCredentials;
  readonly options: ChannelOptions;
}

function targetOf(endpoint: string, tls: EtcdTls = {}): Target {
  const [, scheme = "http", address] = /^(?:(\w+):\/\/)?([^/]+)\/?$/.exec(endpoint) ?? [];
  if (address === undefined || (scheme !== "http" && scheme !== "https"))
    throw new StoreOpenError(
      "unreadable",
      `etcd endpoint ${endpoint}: only http://HOST:PORT and https://HOST:PORT are understood`,
    );
  if (scheme === "http") {
    if (tls.ca !== undefined || tls.cert !== undefined)
      throw new StoreOpenError("unreadable", `etcd endpoint ${endpoint}: certificates go with https:// only`);
    return { address, secured: credentials.createInsecure(), options: {} };
  }
  const host = address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  if (isIP(host) === 0) return { address, secured: tlsCredentials(tls), options: {} };
  // TLS names no addresses while it connects (RFC 6066, and Node warns of it): a stand-in is named, the address checked.
  const verify = {
    checkServerIdentity: (_: string, cert: PeerCertificate) => checkServerIdentity(host, cert),
  };
  return {
    address,
    secured: tlsCredentials(tls, verify),
    options: { "grpc.ssl_target_name_override": "etcd" },
  };
}

function tlsCredentials({ ca, cert, key }: EtcdTls, verify: VerifyOptions = {}): ChannelCredentials {
  const bytes = (pem: string | undefined) => (pem === undefined ? null : Buffer.from(pem));
  try {
    return credentials.createSsl(bytes(ca), bytes(key), bytes(cert), verify);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreOpenError("unreadable", `the certificates for etcd cannot be used: ${reason}`, {
      cause: error,
    });
  }
}
