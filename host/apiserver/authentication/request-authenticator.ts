import type { TLSSocket } from "node:tls";
import { type Clock, SystemClock } from "../../apimachinery/clock.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import type { User } from "../api.ts";
import {
  isIssuedBy,
  parseAuthorities,
  type ShownCertificate,
  shownCertificate,
} from "./client-certificate.ts";
import { type FrontProxyOptions, frontProxy } from "./front-proxy.ts";
import type { RequestHeaders } from "./headers.ts";
import type { TokenAuthenticator } from "./token-authenticator.ts";
import { ANONYMOUS } from "./users.ts";

/** Requests without any credential: none, all, or those for exactly these paths. */
export type AnonymousAccess = boolean | readonly string[];

export interface AuthenticationOptions {
  readonly tokens: TokenAuthenticator;
  /** PEM of the authority that signs clients' certificates. */
  readonly clientCa: string;
  readonly frontProxy?: FrontProxyOptions;
  /** The paths that role `system:public-info-viewer` opens, unless told otherwise (docs/access.md). */
  readonly anonymous?: AnonymousAccess;
}

export interface AuthenticatedRequest extends RequestHeaders {
  readonly socket: unknown;
}

export const PUBLIC_PATHS: readonly string[] = ["/healthz", "/livez", "/readyz", "/version", "/version/"];

/** What is known of a connection's certificate; it does not change, so it is read once. */
interface Connection {
  readonly certificate: ShownCertificate | undefined;
  /** Whom the certificate itself stands for. */
  readonly user: User | undefined;
}

/**
 * Who sent a request: a front proxy's word, else the client certificate, else the bearer token, else nobody in
 * particular. A credential that is wrong is 401, never anonymous. Source: api-policy 2.1.
 */
export function createAuthenticator(options: AuthenticationOptions) {
  const { tokens, anonymous = PUBLIC_PATHS } = options;
  const connections = new WeakMap<object, Connection>();
  // Peers judge certificates by real time, also when the cluster's own clock is another.
  const clock: Clock = new SystemClock();
  const proxied = options.frontProxy && frontProxy(options.frontProxy);
  const clientAuthorities = proxied && parseAuthorities(options.clientCa);

  const connectionOf = (socket: object): Connection => {
    let known = connections.get(socket);
    if (known === undefined) {
      const certificate = shownCertificate(socket as TLSSocket);
      // With one authority, trusted means signed by it.
      const ours =
        certificate?.isTrusted === true &&
        (clientAuthorities === undefined || isIssuedBy(certificate, clientAuthorities));
      known = { certificate, user: ours ? certificate.user : undefined };
      connections.set(socket, known);
    }
    return known;
  };

  /** A promise only when a token must be looked at. */
  return (request: AuthenticatedRequest, path: string): User | Promise<User> => {
    const { certificate, user } = connectionOf(request.socket as object);
    if (certificate !== undefined) {
      const inForce = clock.nowMs() <= certificate.notAfterMs;
      if (inForce && proxied !== undefined) {
        const named = proxied(certificate, request);
        if (named !== undefined) return named;
      }
      if (inForce && user !== undefined) return user;
    }
    const token = bearerToken(request);
    if (token !== undefined) return authenticateToken(tokens, token);
    const isWrong =
      certificate !== undefined && (!certificate.isTrusted || clock.nowMs() > certificate.notAfterMs);
    if (isWrong) throw unauthorized();
    if (anonymous === true || (anonymous !== false && anonymous.includes(path))) return ANONYMOUS;
    throw unauthorized();
  };
}

export function unauthorized(): ApiError {
  return new ApiError("Unauthorized", "Unauthorized");
}

async function authenticateToken(tokens: TokenAuthenticator, token: string): Promise<User> {
  const outcome = await tokens(token);
  if (outcome === undefined || "error" in outcome) throw unauthorized();
  return outcome.user;
}

const PROTOCOL = "base64url.bearer.authorization.k8s.io.";

/** From the Authorization header, or of a WebSocket from the protocols it offers: browsers can set no other header. */
function bearerToken({ headers }: RequestHeaders): string | undefined {
  const { authorization } = headers;
  if (authorization !== undefined) {
    const [scheme = "", token = ""] = authorization.trim().split(" ");
    if (scheme.toLowerCase() === "bearer" && token !== "") return token;
  }
  if (headers.upgrade?.toLowerCase() !== "websocket") return undefined;
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((one) => one.trim());
  const encoded = offered.find((one) => one.startsWith(PROTOCOL))?.slice(PROTOCOL.length);
  return encoded ? Buffer.from(encoded, "base64url").toString("utf8") : undefined;
}
