import { generateKeyPairSync, randomUUID } from "node:crypto";
import type { V1Pod, V1ServiceAccount } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { Node, Pod, Secret, ServiceAccount } from "../../api/registry.ts";
import { quoteText } from "../../apimachinery/field-error.ts";
import {
  type Claims,
  isSigned,
  parseTokenKey,
  publicJwk,
  readClaims,
  signToken,
  type TokenKey,
  tokenKey,
} from "../../apimachinery/json-web-token.ts";
import type { ObjectReference } from "../../apimachinery/object.ts";
import type { Api } from "../api.ts";
import { storageKey } from "../storage/keys.ts";
import type { TokenOutcome } from "./token-authenticator.ts";
import { CREDENTIAL_ID, serviceAccountGroups, serviceAccountName, withAuthenticated } from "./users.ts";

export interface ServiceAccountTokenOptions {
  /** PEM of the key that signs; absent: one that lives as long as this process. */
  readonly signingKey?: string;
  /** PEM of keys, private or public, whose tokens are accepted besides. */
  readonly acceptedKeys?: readonly string[];
  /** The first signs; the tokens of all are accepted. */
  readonly issuers?: readonly string[];
  /** Whom the API's own tokens are meant for; absent: the issuers. */
  readonly apiAudiences?: readonly string[];
}

/** What a token is bound to: it ends with that. */
export interface BoundObject {
  readonly kind: "Pod" | "Secret" | "Node";
  readonly name: string;
  readonly uid: string;
}

export interface TokenOrder {
  readonly account: V1ServiceAccount;
  readonly audiences: readonly string[];
  readonly seconds: number;
  readonly bound?: BoundObject;
  /** The node of the pod it is bound to. */
  readonly node?: { readonly name: string; readonly uid: string };
}

const ACCOUNT = ServiceAccount as unknown as Kind;
const SECRET = Secret as unknown as Kind;

export const DEFAULT_ISSUER = "https://kubernetes.default.svc.cluster.local";
const LEGACY_ISSUER = "kubernetes/serviceaccount";
const LEGACY = "kubernetes.io/serviceaccount/";

/** The kubelet asks for just this long; such tokens live a year, so that clients that never read them again go on. */
const KUBELET_SECONDS = 3607;
const EXTENDED_SECONDS = 365 * 24 * 60 * 60;
/** What is being deleted still counts for a minute. */
const DELETION_LEEWAY_MS = 60_000;
const INVALIDATED = "service account token has been invalidated";

interface Named {
  readonly name: string;
  readonly uid: string;
}

/** `kubernetes.io` of a token. */
interface BoundClaims {
  readonly namespace: string;
  readonly serviceaccount: Named;
  readonly pod?: Named;
  readonly secret?: Named;
  readonly node?: Named;
}

/** Makes the tokens of service accounts and knows them again. Source: api-policy 2.3, 2.4. */
export class ServiceAccountTokens {
  readonly issuers: readonly string[];
  readonly apiAudiences: readonly string[];
  readonly #api: Pick<Api, "objects" | "clock">;
  readonly #options: ServiceAccountTokenOptions;
  #keys: readonly [TokenKey, ...TokenKey[]] | undefined;

  constructor(api: Pick<Api, "objects" | "clock">, options: ServiceAccountTokenOptions = {}) {
    this.#api = api;
    this.#options = options;
    this.issuers = options.issuers ?? [DEFAULT_ISSUER];
    this.apiAudiences = options.apiAudiences ?? this.issuers;
  }

  /** The set of public keys, as `/openid/v1/jwks` shows it. */
  jwks(): object {
    return { keys: this.#allKeys().map(publicJwk) };
  }

  /** The algorithms in use, the signing one first. */
  algorithms(): string[] {
    return [...new Set(this.#allKeys().map(({ algorithm }) => algorithm.name))];
  }

  issue({ account, audiences, seconds, bound, node }: TokenOrder): string {
    const { name = "", namespace = "", uid = "" } = account.metadata ?? {};
    const now = Math.floor(this.#api.clock.nowMs() / 1000);
    const forApi = audiences.every((one) => this.apiAudiences.includes(one));
    const extended = bound?.kind === "Pod" && seconds === KUBELET_SECONDS && forApi;
    const named = ({ name, uid }: Named) => ({ name, uid });
    return this.sign({
      aud: audiences,
      exp: now + (extended ? EXTENDED_SECONDS : seconds),
      iat: now,
      iss: this.issuers[0],
      jti: randomUUID(),
      "kubernetes.io": {
        namespace,
        ...(bound?.kind === "Node" ? { node: named(bound) } : node === undefined ? {} : { node }),
        ...(bound?.kind === "Pod" ? { pod: named(bound) } : {}),
        ...(bound?.kind === "Secret" ? { secret: named(bound) } : {}),
        serviceaccount: { name, uid },
        ...(extended ? { warnafter: now + KUBELET_SECONDS } : {}),
      },
      nbf: now,
      sub: serviceAccountName(namespace, name),
    });
  }

  /** Signs what the token controller puts into Secrets. */
  sign(claims: Claims): string {
    return signToken(claims, this.#allKeys()[0]);
  }

  async authenticate(token: string, audiences?: readonly string[]): Promise<TokenOutcome> {
    const claims = readClaims(token);
    if (claims === undefined) return undefined;
    const isLegacy = claims["iss"] === LEGACY_ISSUER;
    if (!isLegacy && !this.issuers.includes(claims["iss"] as string)) return undefined;
    if (!isSigned(token, this.#allKeys())) return undefined;
    const wanted = audiences ?? this.apiAudiences;
    return isLegacy ? this.#legacyUser(claims, token, wanted) : this.#boundUser(claims, wanted);
  }

  async #boundUser(claims: Claims, wanted: readonly string[]): Promise<TokenOutcome> {
    const said = [claims["aud"] ?? []].flat() as string[];
    const meant = said.filter((one) => wanted.includes(one));
    if (meant.length === 0) {
      const list = (all: readonly string[]) => `[${all.map(quoteText).join(" ")}]`;
      return { error: `token audiences ${list(said)} is invalid for the target audiences ${list(wanted)}` };
    }
    const now = this.#api.clock.nowMs() / 1000;
    const seconds = (name: string) => Number(claims[name] ?? Number.NaN);
    if (!(now <= seconds("exp"))) return { error: "service account token has expired" };
    if (!(now >= Math.floor(seconds("nbf")))) return { error: "service account token is not valid yet" };
    const bound = claims["kubernetes.io"] as BoundClaims | undefined;
    const { namespace, serviceaccount: account, pod, secret, node } = bound ?? {};
    if (namespace === undefined || account === undefined) return { error: "token could not be validated" };
    const refused = await this.#accountRefused(namespace, account);
    if (refused !== undefined) return { error: refused };
    const standsOn = [storageKey(ACCOUNT, { namespace, name: account.name })];
    for (const [kind, one] of [
      [SECRET, secret],
      [Pod as unknown as Kind, pod],
      // With a pod, the node only says where that was.
      [Node as unknown as Kind, pod === undefined ? node : undefined],
    ] as const) {
      if (one === undefined) continue;
      const reference = kind.namespaced ? { namespace, name: one.name } : { name: one.name };
      const found = await this.#find(kind, reference);
      if (found?.uid !== one.uid || this.#isGone(found)) return { error: INVALIDATED };
      standsOn.push(storageKey(kind, reference));
    }
    const extra = {
      ...(claims["jti"] === undefined ? {} : { [CREDENTIAL_ID]: [`JTI=${claims["jti"]}`] }),
      ...place("node", node),
      ...place("pod", pod),
    };
    return { user: accountUser(namespace, account, extra), audiences: meant, standsOn };
  }

  /** A legacy token is good as long as its Secret holds it. */
  async #legacyUser(claims: Claims, token: string, wanted: readonly string[]): Promise<TokenOutcome> {
    const said = (name: string) => String(claims[LEGACY + name] ?? "");
    const namespace = said("namespace");
    const account = { name: said("service-account.name"), uid: said("service-account.uid") };
    // It is meant for the API only.
    const meant = wanted.filter((one) => this.apiAudiences.includes(one));
    if (meant.length === 0) return undefined;
    const reference = { namespace, name: said("secret.name") };
    const secret = await this.#api.objects.find(SECRET, reference);
    const data = (secret?.object as { data?: Record<string, string> } | undefined)?.data;
    if (secret?.object.metadata?.deletionTimestamp !== undefined) return { error: INVALIDATED };
    if (Buffer.from(data?.["token"] ?? "", "base64").toString("utf8") !== token)
      return { error: INVALIDATED };
    const refused = await this.#accountRefused(namespace, account);
    if (refused !== undefined) return { error: refused };
    const standsOn = [storageKey(SECRET, reference), storageKey(ACCOUNT, { namespace, name: account.name })];
    return { user: accountUser(namespace, account, {}), audiences: meant, standsOn };
  }

  /** Why an account's tokens are worth nothing; undefined: they are. */
  async #accountRefused(namespace: string, { name, uid }: Named): Promise<string | undefined> {
    const found = await this.#find(ACCOUNT, { namespace, name });
    if (found === undefined) return `serviceaccount ${quoteText(name)} not found`;
    if (this.#isGone(found)) return INVALIDATED;
    if (found.uid === uid) return undefined;
    return `service account UID (${found.uid}) does not match claim (${uid})`;
  }

  async #find(kind: Kind, reference: ObjectReference) {
    return (await this.#api.objects.find(kind, reference))?.object.metadata;
  }

  #isGone({ deletionTimestamp }: { deletionTimestamp?: string }): boolean {
    if (deletionTimestamp === undefined) return false;
    return Date.parse(deletionTimestamp) + DELETION_LEEWAY_MS < this.#api.clock.nowMs();
  }

  /** Made when first needed: most clusters that live in a test's memory never sign anything. */
  #allKeys(): readonly [TokenKey, ...TokenKey[]] {
    if (this.#keys === undefined) {
      const { signingKey, acceptedKeys = [] } = this.#options;
      const signing =
        signingKey === undefined
          ? tokenKey(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey)
          : parseTokenKey(signingKey);
      this.#keys = [signing, ...acceptedKeys.map(parseTokenKey)];
    }
    return this.#keys;
  }
}

function accountUser(namespace: string, { name, uid }: Named, extra: Record<string, string[]>) {
  return withAuthenticated({
    name: serviceAccountName(namespace, name),
    uid,
    groups: serviceAccountGroups(namespace),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  });
}

function place(kind: "pod" | "node", named: Named | undefined): Record<string, string[]> {
  if (named === undefined) return {};
  return {
    [`authentication.kubernetes.io/${kind}-name`]: [named.name],
    ...(named.uid === "" ? {} : { [`authentication.kubernetes.io/${kind}-uid`]: [named.uid] }),
  };
}

/** The node claim of a pod's token: the uid is empty while there is no such Node. */
export async function nodeClaim(api: Api, pod: V1Pod): Promise<Named | undefined> {
  const name = pod.spec?.nodeName;
  if (!name) return undefined;
  const found = await api.objects.find(Node as unknown as Kind, { name });
  return { name, uid: found?.object.metadata?.uid ?? "" };
}
