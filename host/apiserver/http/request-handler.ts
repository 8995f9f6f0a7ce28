import type { IncomingHttpHeaders } from "node:http";
import type { Duplex } from "node:stream";
import { setOwn } from "../../apimachinery/copy.ts";
import { ApiError, badRequest } from "../../apimachinery/errors.ts";
import { type Random, randomUuid } from "../../apimachinery/random.ts";
import { forward } from "../aggregation/forward.ts";
import { remoteOf } from "../aggregation/remote-of.ts";
import type { Api } from "../api.ts";
import { impersonate, isImpersonating } from "../authentication/impersonation.ts";
import type { createAuthenticator } from "../authentication/request-authenticator.ts";
import { type Attributes, attributesOf, type Decision } from "../authorization/attributes.ts";
import { forbiddenError } from "../authorization/forbidden.ts";
import type { Gate } from "../fairness/gate.ts";
import type { Turns } from "../verbs/turns.ts";
import { type Answer, errorAnswer, statusAnswer, textAnswer } from "./answer.ts";
import { Exchange, type Onlooker } from "./exchange.ts";
import { wantsPretty } from "./negotiation.ts";
import { handlePlain, pageNotFound, type ServerFacts } from "./plain-handler.ts";
import { parseRequest, type RequestInfo } from "./request-info.ts";
import { handleResource } from "./resource-handler.ts";
import type { RawResponse } from "./watch-stream.ts";
import { whenClosed } from "./when-closed.ts";

export interface RequestHandlerOptions {
  readonly api: Api;
  /** For audit ids and watch timeouts. */
  readonly random: Random;
  readonly authenticate: ReturnType<typeof createAuthenticator>;
  readonly facts: ServerFacts;
  /** Taken by long work, so that short requests are not kept waiting. */
  readonly turns: Turns;
  /** Lets in as many requests as the server can serve at a time. */
  readonly gate: Gate;
  readonly onlookers: readonly Onlooker[];
}

/** A request as any HTTP layer can give it. */
export interface IncomingRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders?: readonly string[];
  readonly socket: unknown;
  /** Reads what it sends behind its head, once; absent: it sends nothing. */
  readonly body?: () => Promise<Buffer>;
  takeOver(): RawResponse;
  /** Gives the connection itself, when the request asks to speak another protocol on it. */
  readonly takeSocket?: () => { readonly socket: Duplex; readonly head: Buffer };
  /** Calls back when the connection is done with, or lost; at once if it is already. */
  onGone(listener: () => void): void;
}

export interface Outgoing {
  readonly code: number;
  readonly headers: Record<string, string | string[]>;
  readonly body: Answer["body"];
  /** To be called when it has been written, or cannot be. */
  readonly over: (bytes: number) => void;
}

const MAX_WARNING_BYTES = 4096;
const MAX_ANNOTATIONS = 256;

/** One request's life, in order: who, what about, is there room, may they, do it, answer. Source: api-policy 1.1. */
export function createRequestHandler(options: RequestHandlerOptions) {
  const { api, random, onlookers } = options;
  return async (request: IncomingRequest): Promise<Outgoing | undefined> => {
    const auditId = header(request.headers["audit-id"]) ?? randomUuid(random);
    const exchange = new Exchange(request, auditId, api.clock.monotonicMs(), onlookers);
    try {
      const answer = await serve(options, exchange);
      return answer && outgoing(answer, exchange);
    } catch (error) {
      const query = new URLSearchParams(request.url.split("?")[1] ?? "");
      const pretty = wantsPretty(query, request.headers["user-agent"]);
      return outgoing(errorAnswer(error, api.log, pretty), exchange);
    }
  };
}

async function serve(
  { api, random, authenticate, facts, turns, gate }: RequestHandlerOptions,
  exchange: Exchange,
): Promise<Answer | undefined> {
  const { request } = exchange;
  const info = parseRequest(request.method, request.url);
  if (info === undefined) throw badRequest(`invalid URL escape in ${JSON.stringify(request.url)}`);
  exchange.info = info;
  requireTimeout(info);
  const known = authenticate(request, info.path);
  // A connection's user is known at once: a request of a superuser waits for nothing here.
  const sender = known instanceof Promise ? await known : known;
  exchange.sender = sender;
  exchange.received();
  const user = isImpersonating(request)
    ? await impersonate(sender, request, (one) => attributesOf(one, info), api.authorizer)
    : sender;
  exchange.user = user;
  const attributes = attributesOf(user, info);
  // Nobody sends anything before it is known who it is; what is wrong with it is told to those who may send it.
  let body: Buffer = NOTHING;
  let failure: unknown;
  if (request.body !== undefined)
    body = await request.body().catch((error: unknown) => {
      failure = error;
      return NOTHING;
    });
  const onGone = (listener: () => void) => request.onGone(listener);
  const entering = gate.enter({ user, info, attributes, bytes: body.length, onGone });
  const passage = entering instanceof Promise ? await entering : entering;
  exchange.passage = passage;
  if (passage.retryAfterSeconds !== undefined) return tooManyRequests(passage.retryAfterSeconds);
  const deciding = api.authorizer.authorize(attributes);
  const decision = deciding instanceof Promise ? await deciding : deciding;
  exchange.decision = decision;
  if (!decision.allowed) return refusal(attributes, decision);
  if (failure !== undefined) throw failure;
  const takeOver = (code: number) => {
    const raw = request.takeOver();
    exchange.started(code);
    request.onGone(() => exchange.over(code, 0));
    return raw;
  };
  const remote = remoteOf(api, info);
  if (remote !== undefined) {
    const { service, isAvailable, path } = remote;
    // A watch goes on for long; what it holds of the server is over when its head has come.
    const opened = (code: number) => {
      if (info.verb === "watch") passage.leave();
      return takeOver(code);
    };
    return await forward(api.apiServices.backends, {
      service,
      isAvailable,
      request,
      body,
      user,
      path,
      takeOver: opened,
    });
  }
  const { takeSocket } = request;
  const { accept, "user-agent": userAgent, "content-type": contentType } = request.headers;
  const { resource } = info;
  if (resource === undefined) {
    return await handlePlain(api, facts, {
      info,
      accept,
      userAgent,
      ifNoneMatch: request.headers["if-none-match"],
    });
  }
  const answer = handleResource(api, {
    info: { ...info, resource },
    user,
    body,
    contentType,
    accept,
    userAgent,
    random,
    turns,
    warn: (text) => warn(exchange.warnings, text),
    annotate: (key, value) => annotate(exchange.annotations, key, value),
    takeOver: () => ({ raw: takeOver(200), headers: commonHeaders(exchange) }),
    connection: {
      method: request.method,
      url: request.url,
      headers: request.headers,
      onGone,
      takeOver,
      ...(takeSocket === undefined ? {} : { takeSocket: () => watched(takeSocket(), exchange) }),
    },
    onFollowing: () => passage.leave(),
    onWritten: (events) => exchange.delivered?.(events),
  });
  return answer === "unknown" ? pageNotFound() : await answer;
}

/** A connection that is the kubelet's now, until it ends. */
function watched<T extends { readonly socket: Duplex }>(taken: T, exchange: Exchange): T {
  exchange.started(101);
  whenClosed(taken.socket, () => exchange.over(101, 0));
  return taken;
}

const NOTHING = Buffer.alloc(0);

function commonHeaders({ auditId, warnings, passage }: Exchange): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {
    "Audit-Id": auditId,
    "Cache-Control": "no-cache, private",
  };
  if (passage !== undefined) Object.assign(headers, passage.headers);
  if (warnings.length > 0) headers["Warning"] = warnings.map(warningHeader);
  return headers;
}

/** Source: api-policy 9.1; as text, not as a Status. */
function tooManyRequests(seconds: number): Answer {
  const page = textAnswer(429, "Too many requests, please try again later.\n");
  return { ...page, headers: { "Retry-After": String(seconds), "X-Content-Type-Options": "nosniff" } };
}

/** The 403 of a request that nobody allows. */
function refusal(attributes: Attributes, { reason }: Decision): Answer {
  const { status } = forbiddenError(attributes, reason);
  return { ...statusAnswer(status, false), headers: { "X-Content-Type-Options": "nosniff" } };
}

/** A malformed `timeout` is refused before anything else is looked at (api-policy 1.1). */
function requireTimeout({ query }: RequestInfo): void {
  const timeout = query.get("timeout");
  if (!timeout || /^[+-]?(0|(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+$/.test(timeout)) return;
  const why = `time: invalid duration ${JSON.stringify(timeout)}`;
  throw new ApiError("BadRequest", `invalid timeout specified in the request URL - ${why}`);
}

/** The first one counts, as in Kubernetes; what is more than an audit entry can hold is dropped. */
function annotate(annotations: Record<string, string>, key: string, value: string): void {
  if (Object.hasOwn(annotations, key) || Object.keys(annotations).length >= MAX_ANNOTATIONS) return;
  setOwn(annotations, key, value);
}

function warn(warnings: string[], text: string): void {
  const bytes = warnings.reduce((sum, one) => sum + one.length, text.length);
  if (!warnings.includes(text) && bytes <= MAX_WARNING_BYTES) warnings.push(text);
}

function warningHeader(text: string): string {
  // Header values are Latin-1 without line breaks; what else there is in a text is shown escaped.
  const escaped = text.replace(/["\\]/g, "\\$&").replace(/[^\x20-\x7e]/g, "?");
  return `299 - "${escaped}"`;
}

function header(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function outgoing(answer: Answer, exchange: Exchange): Outgoing {
  const { code, contentType, body } = answer;
  const headers = commonHeaders(exchange);
  headers["Content-Type"] = contentType;
  if (answer.headers !== undefined) Object.assign(headers, answer.headers);
  return { code, headers, body, over: (bytes) => exchange.over(code, bytes) };
}
