import { hash } from "node:crypto";
import type { User } from "../api.ts";

/** Whom a token stands for. `audiences`: which of those asked for it is meant for. */
export interface TokenUser {
  readonly user: User;
  readonly audiences: readonly string[];
  /** Store keys of what the token ends with. */
  readonly standsOn?: readonly string[];
}

/** Undefined: not a token of this sort. An error: of this sort, and not valid. */
export type TokenOutcome = TokenUser | { readonly error: string } | undefined;

/** @param audiences  whom the token must be meant for; absent: this API server */
export type TokenAuthenticator = (
  token: string,
  audiences?: readonly string[],
) => TokenOutcome | Promise<TokenOutcome>;

/** The first that knows the token wins; an error does not stop the others (api-policy 2.1). */
export function firstOf(authenticators: readonly TokenAuthenticator[]): TokenAuthenticator {
  return async (token, audiences) => {
    const errors: string[] = [];
    for (const authenticate of authenticators) {
      const outcome = await authenticate(token, audiences);
      if (outcome === undefined) continue;
      if ("user" in outcome) return outcome;
      errors.push(outcome.error);
    }
    return errors.length === 0 ? undefined : { error: errors.join(", ") };
  };
}

export function tokenDigest(text: string): string {
  return hash("sha256", text, "base64");
}
