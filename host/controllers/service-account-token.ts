import { Secret, ServiceAccount } from "../api/core-kinds.ts";
import type { V1Secret, V1ServiceAccount } from "../api/generated/types.ts";
import { deepEqual } from "../apimachinery/copy.ts";
import { isReason } from "../apimachinery/errors.ts";
import type { Claims } from "../apimachinery/json-web-token.ts";
import { objectKey, parseKey } from "../apimachinery/object.ts";
import type { Client } from "../client/client.ts";
import type { SharedInformers } from "../client/informer.ts";
import { byNamespace } from "../client/lister.ts";
import { type Change, remove, update } from "./change.ts";
import { controller } from "./runtime.ts";
import type { Watch } from "./watches.ts";

/** A Secret that asks for a token, or one that is gone, and the account it is about. */
export interface ObservedTokenSecret {
  readonly secret: V1Secret | undefined;
  readonly account: V1ServiceAccount | undefined;
  /** Accounts that listed the Secret, which is gone, as they should be. */
  readonly listing: readonly V1ServiceAccount[];
}

export interface TokenSigning {
  /** PEM, for `ca.crt`. */
  readonly rootCa: string;
  readonly sign: (claims: Claims) => string;
}

const TYPE = "kubernetes.io/service-account-token";
const NAME = "kubernetes.io/service-account.name";
const UID = "kubernetes.io/service-account.uid";
const CLAIM = "kubernetes.io/serviceaccount/";
const SELECTION = { fieldSelector: `type=${TYPE}` };

/** Only these Secrets are watched: the others are nobody's business here. */
const secrets = (informers: SharedInformers) => informers.get(Secret, SELECTION);

const tokenSecrets: Watch = {
  attach: (informers, enqueue) => {
    const tell = (secret: V1Secret) => enqueue(objectKey(secret));
    secrets(informers).addHandler({ onAdd: tell, onUpdate: (_, secret) => tell(secret), onDelete: tell });
  },
};

/** The Secrets of an account that goes, go with it. */
const accountsThatGo: Watch = {
  attach: (informers, enqueue) => {
    const { lister } = secrets(informers);
    informers.get(ServiceAccount).addHandler({
      onDelete: ({ metadata }) => {
        for (const secret of lister.by(byNamespace, metadata?.namespace ?? ""))
          if (secret.metadata?.annotations?.[NAME] === metadata?.name) enqueue(objectKey(secret));
      },
    });
  },
};

/** Fills Secrets of type `kubernetes.io/service-account-token` with a token that has no end (controllers.md 14.2). */
export const serviceAccountTokenController = (signing: TokenSigning) =>
  controller<ObservedTokenSecret>({
    name: "serviceaccount-token-controller",
    watches: [tokenSecrets, accountsThatGo],
    tries: 10,
    observe: async (key, { informers, client }) => {
      const { namespace = "", name } = parseKey(key);
      const secret = secrets(informers).lister.get(key);
      if (secret !== undefined) return { secret, account: await findAccount(client, secret), listing: [] };
      const accounts = informers.get(ServiceAccount).lister.by(byNamespace, namespace);
      const listing = accounts.filter((account) => account.secrets?.some((one) => one.name === name));
      return { secret, account: undefined, listing: listing.map((one) => without(one, name)) };
    },
    reconcile: (observed) => reconcileTokenSecret(observed, signing),
  });

/** Asked of the server itself: a cache that lags behind would cost somebody a Secret. */
async function findAccount(client: Client, { metadata }: V1Secret): Promise<V1ServiceAccount | undefined> {
  const name = metadata?.annotations?.[NAME] ?? "";
  try {
    return await client.get(ServiceAccount, { namespace: metadata?.namespace, name });
  } catch (error) {
    if (isReason(error, "NotFound")) return undefined;
    throw error;
  }
}

function without(account: V1ServiceAccount, secret: string): V1ServiceAccount {
  return { ...account, secrets: account.secrets?.filter((one) => one.name !== secret) };
}

export function reconcileTokenSecret(
  { secret, account, listing }: ObservedTokenSecret,
  { rootCa, sign }: TokenSigning,
): readonly Change[] {
  if (secret === undefined) return listing.map((one) => update(ServiceAccount, one));
  const { name = "", namespace = "", uid, annotations = {}, deletionTimestamp } = secret.metadata ?? {};
  if (deletionTimestamp !== undefined) return [];
  const accountUid = account?.metadata?.uid;
  if (accountUid === undefined || (annotations[UID] && annotations[UID] !== accountUid))
    return [remove(Secret, secret, { preconditions: { uid } })];
  const claims = {
    iss: "kubernetes/serviceaccount",
    [`${CLAIM}namespace`]: namespace,
    [`${CLAIM}secret.name`]: name,
    [`${CLAIM}service-account.name`]: annotations[NAME],
    [`${CLAIM}service-account.uid`]: accountUid,
    sub: `system:serviceaccount:${namespace}:${annotations[NAME]}`,
  };
  const data = {
    ...secret.data,
    "ca.crt": base64(rootCa),
    namespace: secret.data?.["namespace"] || base64(namespace),
    token: secret.data?.["token"] || base64(sign(claims)),
  };
  if (deepEqual(data, secret.data ?? {}) && annotations[UID] === accountUid) return [];
  const metadata = { ...secret.metadata, annotations: { ...annotations, [UID]: accountUid } };
  return [update(Secret, { ...secret, metadata, data })];
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
