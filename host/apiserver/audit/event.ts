import { formatMicroTime } from "../../apimachinery/clock.ts";
import type { User } from "../api.ts";
import type { Exchange } from "../http/exchange.ts";
import type { IncomingRequest } from "../http/request-handler.ts";
import type { ResourcePath } from "../http/request-info.ts";

export type Stage = "RequestReceived" | "ResponseStarted" | "ResponseComplete";

/**
 * One line of the audit log: who did what, when, and what came of it. Never what was sent or answered, and no header:
 * tokens and Secrets cannot get in. Source: audit.k8s.io/v1 Event at level Metadata (api-policy 9.3).
 *
 * @param code  of the answer; absent: there is none yet
 */
export function auditEvent(
  exchange: Exchange,
  stage: Stage,
  times: { readonly receivedMs: number; readonly nowMs: number },
  code?: number,
): object {
  const { request, auditId, info, sender, user, decision } = exchange;
  const { resource } = info ?? {};
  const userAgent = request.headers["user-agent"];
  return {
    kind: "Event",
    apiVersion: "audit.k8s.io/v1",
    level: "Metadata",
    auditID: auditId,
    stage,
    requestURI: request.url,
    verb: info?.verb ?? request.method.toLowerCase(),
    user: sender === undefined ? {} : userInfo(sender),
    ...(user === undefined || user === sender ? {} : { impersonatedUser: userInfo(user) }),
    sourceIPs: sourceAddresses(request),
    ...(userAgent ? { userAgent } : {}),
    ...(resource === undefined ? {} : { objectRef: objectReference(resource) }),
    ...(code === undefined ? {} : { responseStatus: responseStatus(exchange, code) }),
    requestReceivedTimestamp: formatMicroTime(times.receivedMs),
    stageTimestamp: formatMicroTime(times.nowMs),
    ...(decision === undefined
      ? {}
      : {
          annotations: {
            "authorization.k8s.io/decision": decision.allowed ? "allow" : "forbid",
            "authorization.k8s.io/reason": decision.reason,
            ...exchange.annotations,
          },
        }),
  };
}

function userInfo({ name, uid, groups, extra }: User): object {
  return {
    username: name,
    ...(uid === undefined ? {} : { uid }),
    groups,
    ...(extra === undefined ? {} : { extra }),
  };
}

function objectReference({ group, version, plural, namespace, name, subresource }: ResourcePath): object {
  return {
    resource: plural,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(group === "" ? {} : { apiGroup: group }),
    apiVersion: version,
    ...(subresource === undefined ? {} : { subresource }),
  };
}

function responseStatus({ sender }: Exchange, code: number): object {
  if (code < 400) return { metadata: {}, code };
  const message = sender === undefined && code === 401 ? { message: "Authentication failed" } : {};
  return { metadata: {}, status: "Failure", ...message, code };
}

/** Proxies in front name those before them; the last is who is connected. */
function sourceAddresses({ headers, socket }: IncomingRequest): string[] {
  const named = headers["x-forwarded-for"];
  const forwarded = (Array.isArray(named) ? named.join(",") : (named ?? ""))
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
  const { remoteAddress } = (socket ?? {}) as { readonly remoteAddress?: string };
  return remoteAddress === undefined ? forwarded : [...forwarded, remoteAddress.replace(/^::ffff:/, "")];
}
