import { timingSafeEqual } from "node:crypto";
import type { V1Secret } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { Secret } from "../../api/registry.ts";
import type { Api } from "../api.ts";
import { storageKey } from "../storage/keys.ts";
import type { TokenAuthenticator } from "./token-authenticator.ts";
import { tokenDigest } from "./token-authenticator.ts";
import { withAuthenticated } from "./users.ts";

const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/**
 * Tokens that new nodes join with: a Secret of type `bootstrap.kubernetes.io/token` in kube-system. One that does not
 * fit in any way is not known at all. Source: api-policy 2.6.
 */
export function bootstrapTokens(
  api: Pick<Api, "objects" | "clock">,
  apiAudiences: readonly string[],
): TokenAuthenticator {
  return async (token, audiences) => {
    const [, id = "", secret = ""] = TOKEN.exec(token) ?? [];
    if (id === "") return undefined;
    const meant = audiences?.filter((one) => apiAudiences.includes(one)) ?? apiAudiences;
    if (meant.length === 0) return undefined;
    const reference = { namespace: "kube-system", name: `bootstrap-token-${id}` };
    const kind = Secret as unknown as Kind;
    const found = (await api.objects.find(kind, reference))?.object as V1Secret | undefined;
    if (found === undefined || found.metadata?.deletionTimestamp !== undefined) return undefined;
    if (found.type !== "bootstrap.kubernetes.io/token") return undefined;
    const said = (key: string) => Buffer.from(found.data?.[key] ?? "", "base64").toString("utf8");
    if (said("token-id") !== id || !sameText(said("token-secret"), secret)) return undefined;
    const expiration = said("expiration");
    if (expiration !== "" && !(Date.parse(expiration) > api.clock.nowMs())) return undefined;
    if (said("usage-bootstrap-authentication") !== "true") return undefined;
    const groups = said("auth-extra-groups").split(",").filter(Boolean);
    if (!groups.every((group) => GROUP.test(group))) return undefined;
    const user = { name: `system:bootstrap:${id}`, groups: ["system:bootstrappers", ...groups] };
    const standsOn = [storageKey(kind, reference)];
    return { user: withAuthenticated(user), audiences: meant, standsOn };
  };
}

function sameText(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(tokenDigest(a)), Buffer.from(tokenDigest(b)));
}
