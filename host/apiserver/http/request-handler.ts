import type { IncomingHttpHeaders } from "node:http";
import { ApiError, badRequest } from "../../apimachinery/errors.ts";
import { type Random, randomUuid } from "../../apimachinery/random.ts";
import type { Api, User } from "../api.ts";
import { impersonate, isImpersonating } from "../authentication/impersonation.ts";
import type { createAuthenticator } from "../authentication/request-authenticator.ts";
import { attributesOf } from "../authorization/attributes.ts";
import { SUPERUSERS } from "../authorization/authorizer.ts";
import { forbiddenError } from "../authorization/forbidden.ts";
import type { Turns } from "../verbs/turns.ts";
import { type Answer, errorAnswer, statusAnswer } from "./answer.ts";
import { wantsPretty } from "./negotiation.ts";
import { handlePlain, pageNotFound, type ServerFacts } from "./plain-handler.ts";
import { parseRequest, type RequestInfo } from "./request-info.ts";
import { handleResource } from "./resource-handler.ts";
import type { RawResponse } from "./watch-stream.ts";

export interface RequestHandlerOptions {
  readonly api: Api;
  /** For audit ids and watch timeouts. */
  readonly random: Random;
  readonly authenticate: ReturnType<typeof createAuthenticator>;
  readonly facts: ServerFacts;
  /** Taken by long work, so that short requests are not kept waiting. */
  readonly turns: Turns;
}

/** A request as any HTTP layer can give it. */
export interface IncomingRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders?: readonly string[];
  readonly socket: unknown;
  readonly body: Buffer;
  /** Why the body could not be read, if it could not. */
  readonly failure?: unknown;
  readonly takeOver: () => RawResponse;
}

export interface Outgoing {
  readonly code: number;
  readonly headers: Record<string, string | string[]>;
  readonly body: Answer["body"];
}

const MAX_WARNING_BYTES = 4096;

/** One request's life, in order: who, what about, may they, do it, answer. Source: api-policy 1.1. */
export function createRequestHandler(options: RequestHandlerOptions) {
  return async (request: IncomingRequest): Promise<Outgoing | undefined> => {
    const warnings: string[] = [];
    const auditId = header(request.headers["audit-id"]) ?? randomUuid(options.random);
    const common = () => ({
      "Audit-Id": auditId,
      "Cache-Control": "no-cache, private",
      ...(warnings.length > 0 ? { Warning: warnings.map(warningHeader) } : {}),
    });
    try {
      const answer = await serve(options, request, warnings, common);
      return answer && outgoing(answer, common());
    } catch (error) {
      const query = new URLSearchParams(request.url.split("?")[1] ?? "");
      const pretty = wantsPretty(query, request.headers["user-agent"]);
      return outgoing(errorAnswer(error, options.api.log, pretty), common());
    }
  };
}

async function serve(
  { api, random, authenticate, facts, turns }: RequestHandlerOptions,
  request: IncomingRequest,
  warnings: string[],
  common: () => Record<string, string | string[]>,
): Promise<Answer | undefined> {
  const info = parseRequest(request.method, request.url);
  if (info === undefined) throw badRequest(`invalid URL escape in ${JSON.stringify(request.url)}`);
  requireTimeout(info);
  const known = authenticate(request, info.path);
  // A connection's user is known at once: a request of a superuser waits for nothing here.
  const sender = known instanceof Promise ? await known : known;
  const user = isImpersonating(request)
    ? await impersonate(sender, request, (one) => attributesOf(one, info), api.authorizer)
    : sender;
  const refused = user.groups.includes(SUPERUSERS) ? undefined : await refusal(api, user, info);
  if (refused !== undefined) return refused;
  if (request.failure !== undefined) throw request.failure;
  const { accept, "user-agent": userAgent, "content-type": contentType } = request.headers;
  const { resource } = info;
  if (resource === undefined) {
    return handlePlain(api, facts, {
      info,
      accept,
      userAgent,
      ifNoneMatch: request.headers["if-none-match"],
    });
  }
  const answer = await handleResource(api, {
    info: { ...info, resource },
    user,
    body: request.body,
    contentType,
    accept,
    userAgent,
    random,
    turns,
    warn: (text) => warn(warnings, text),
    takeOver: () => ({ raw: request.takeOver(), headers: common() }),
  });
  return answer === "unknown" ? pageNotFound() : answer;
}

/** The 403 of a request that nobody allows; undefined: it is allowed. */
async function refusal(api: Api, user: User, info: RequestInfo): Promise<Answer | undefined> {
  const attributes = attributesOf(user, info);
  const { allowed, reason } = await api.authorizer.authorize(attributes);
  if (allowed) return undefined;
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

function outgoing(answer: Answer, common: Record<string, string | string[]>): Outgoing {
  const headers = { ...common, "Content-Type": answer.contentType, ...answer.headers };
  return { code: answer.code, headers, body: answer.body };
}
