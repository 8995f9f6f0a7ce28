import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { ApiError } from "../../apimachinery/errors.ts";
import type { User } from "../api.ts";

/** Turns a bearer token into a user; undefined: not one of mine. The seam for service account tokens. */
export type TokenAuthenticator = (token: string) => User | undefined | Promise<User | undefined>;

const ANONYMOUS: User = { name: "system:anonymous", groups: ["system:unauthenticated"] };
const AUTHENTICATED = "system:authenticated";

/**
 * Who sent the request: by client certificate (CN the user, O the groups), else by bearer token, else anonymous. A
 * credential that is present and wrong is 401, never anonymous. Source: api-policy 2.1.
 */
export async function authenticate(
  request: { readonly headers: IncomingMessage["headers"]; readonly socket: unknown },
  tokens: TokenAuthenticator,
): Promise<User> {
  const certified = certificateUser(request.socket as TLSSocket);
  if (certified !== undefined) return certified;
  const [scheme = "", token = ""] = (request.headers.authorization ?? "").split(" ");
  if (scheme.toLowerCase() !== "bearer" || token === "") return ANONYMOUS;
  const user = await tokens(token);
  if (user === undefined) throw unauthorized();
  return { ...user, groups: withAuthenticated(user.groups) };
}

export function isAnonymous(user: User): boolean {
  return user.name === ANONYMOUS.name;
}

export function unauthorized(): ApiError {
  return new ApiError("Unauthorized", "Unauthorized");
}

/** @returns undefined without a certificate; throws for one that our authority did not sign or that has expired */
function certificateUser(socket: TLSSocket): User | undefined {
  const certificate = socket.getPeerCertificate?.();
  if (!certificate || Object.keys(certificate).length === 0) return undefined;
  if (!socket.authorized) throw unauthorized();
  const { CN, O } = certificate.subject as { CN?: string | string[]; O?: string | string[] };
  const name = [CN ?? []].flat()[0];
  if (!name) return undefined;
  return { name, groups: withAuthenticated([O ?? []].flat()) };
}

function withAuthenticated(groups: readonly string[]): string[] {
  return groups.includes(AUTHENTICATED) ? [...groups] : [...groups, AUTHENTICATED];
}

/** Tokens given at start, compared by digest so that the time taken says nothing of them. */
export function staticTokens(users: ReadonlyMap<string, User>): TokenAuthenticator {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const known = [...users].map(([token, user]) => ({ digest: digest(token), user }));
  return (token) => {
    const given = digest(token);
    return known.find((one) => timingSafeEqual(one.digest, given))?.user;
  };
}
