import type { User } from "../api.ts";
import { isIssuedBy, parseAuthorities, type ShownCertificate } from "./client-certificate.ts";
import { extraHeaders, headerValues, type RequestHeaders } from "./headers.ts";
import { withAuthenticated } from "./users.ts";

export interface FrontProxyOptions {
  /** PEM: who signs the certificates of proxies (`--requestheader-client-ca-file`). */
  readonly caCert: string;
  /** Common names that may speak for others; empty: any that the authority signed. */
  readonly allowedNames?: readonly string[];
  readonly usernameHeaders?: readonly string[];
  readonly uidHeaders?: readonly string[];
  readonly groupHeaders?: readonly string[];
  readonly extraPrefixes?: readonly string[];
}

/** What is published in ConfigMap kube-system/extension-apiserver-authentication, and used here when nothing is said. */
export const FRONT_PROXY_DEFAULTS = {
  allowedNames: [],
  usernameHeaders: ["X-Remote-User"],
  uidHeaders: ["X-Remote-Uid"],
  groupHeaders: ["X-Remote-Group"],
  extraPrefixes: ["X-Remote-Extra-"],
} satisfies Partial<FrontProxyOptions>;

/**
 * Whom a proxy in front of this server speaks for. Its headers count only from a connection whose certificate the
 * proxies' authority signed; undefined: it says nothing, or may not. Source: api-policy 2.9.
 */
export function frontProxy(
  options: FrontProxyOptions,
): (certificate: ShownCertificate, request: RequestHeaders) => User | undefined {
  const authorities = parseAuthorities(options.caCert);
  const { allowedNames, usernameHeaders, uidHeaders, groupHeaders, extraPrefixes } = {
    ...FRONT_PROXY_DEFAULTS,
    ...options,
  };
  const lower = (names: readonly string[]) => names.map((name) => name.toLowerCase());
  const named = lower(usernameHeaders);
  return (certificate, request) => {
    const first = (names: readonly string[]) => names.flatMap((name) => headerValues(request, name))[0];
    const name = first(named);
    if (!name) return undefined;
    if (allowedNames.length > 0 && !allowedNames.includes(certificate.commonName)) return undefined;
    if (!isIssuedBy(certificate, authorities)) return undefined;
    const uid = first(lower(uidHeaders));
    const extra = Object.assign({}, ...lower(extraPrefixes).map((prefix) => extraHeaders(request, prefix)));
    return withAuthenticated({
      name,
      ...(uid ? { uid } : {}),
      groups: lower(groupHeaders).flatMap((header) => headerValues(request, header)),
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
    });
  };
}
