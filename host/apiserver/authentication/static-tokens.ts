import type { User } from "../api.ts";
import { type TokenAuthenticator, tokenDigest } from "./token-authenticator.ts";
import { withAuthenticated } from "./users.ts";

/** Tokens given at start. Looked up by digest, so that the time taken says nothing of them. */
export function staticTokens(
  users: ReadonlyMap<string, User>,
  apiAudiences: readonly string[],
): TokenAuthenticator {
  const known = new Map([...users].map(([token, user]) => [tokenDigest(token), withAuthenticated(user)]));
  return (token, audiences) => {
    // Most servers have none, and a digest costs as much as all else here.
    if (known.size === 0) return undefined;
    const user = known.get(tokenDigest(token));
    if (user === undefined) return undefined;
    // They are meant for this server, and for nobody else.
    const meant = audiences?.filter((one) => apiAudiences.includes(one)) ?? apiAudiences;
    return meant.length === 0 ? undefined : { user, audiences: meant };
  };
}

/**
 * `--token-auth-file`: CSV lines `token,user,uid[,"group1,group2"]`. Throws with the line's number when one is not that.
 * Source: api-policy 2.1.
 */
export function parseTokenFile(text: string): ReadonlyMap<string, User> {
  const users = new Map<string, User>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const [token = "", name = "", uid = "", groups = ""] = csvFields(line);
    if (token === "" || name === "" || csvFields(line).length < 3)
      // The line itself is a secret and is not repeated.
      throw new Error(`line ${index + 1} is not token,user,uid[,"group1,group2"]`);
    users.set(token, {
      name,
      ...(uid === "" ? {} : { uid }),
      groups: groups
        .split(",")
        .map((group) => group.trim())
        .filter(Boolean),
    });
  }
  return users;
}

/** Fields between commas; a quoted one may hold commas, and a quote as two. */
function csvFields(line: string): string[] {
  return [...line.matchAll(/(?:^|,)\s*(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain?.trim() ?? "",
  );
}
