import type { User } from "../api.ts";

export const AUTHENTICATED = "system:authenticated";
export const UNAUTHENTICATED = "system:unauthenticated";
export const ANONYMOUS: User = { name: "system:anonymous", groups: [UNAUTHENTICATED] };
export const CREDENTIAL_ID = "authentication.kubernetes.io/credential-id";

const ACCOUNT = "system:serviceaccount:";

/** Everybody who proved to be somebody is in this group. */
export function withAuthenticated(user: User): User {
  if (user.groups.includes(AUTHENTICATED) || user.groups.includes(UNAUTHENTICATED)) return user;
  return { ...user, groups: [...user.groups, AUTHENTICATED] };
}

export function serviceAccountName(namespace: string, name: string): string {
  return `${ACCOUNT}${namespace}:${name}`;
}

export function serviceAccountGroups(namespace: string): string[] {
  return ["system:serviceaccounts", `system:serviceaccounts:${namespace}`];
}

/** Undefined: the user is no service account. */
export function parseServiceAccount(userName: string): { namespace: string; name: string } | undefined {
  if (!userName.startsWith(ACCOUNT)) return undefined;
  const [namespace = "", name = "", ...more] = userName.slice(ACCOUNT.length).split(":");
  return namespace !== "" && name !== "" && more.length === 0 ? { namespace, name } : undefined;
}
