import { defineKind } from "../../api/define-kind.ts";
import type { AuthenticationV1TokenRequest, V1Pod, V1ServiceAccount } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { Node, Pod, Secret, ServiceAccount } from "../../api/registry.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { badRequest, conflict } from "../../apimachinery/errors.ts";
import { type FieldError, invalid, invalidObject } from "../../apimachinery/field-error.ts";
import { admit, approve } from "../admission/chain.ts";
import type { Api, Target, WriteContext } from "../api.ts";
import { type BoundObject, nodeClaim } from "../authentication/service-account-tokens.ts";
import { type Body, decodeBody } from "../decode-body.ts";
import type { AnyObject } from "../storage/view.ts";

/** The body; no resource of its own serves it. */
export const TOKEN_REQUEST = defineKind<AuthenticationV1TokenRequest>("authentication.k8s.io", "v1", {
  kind: "TokenRequest",
  plural: "tokenrequests",
}) as unknown as Kind;

const DEFAULT_SECONDS = 3600;
const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;

/** POST to `serviceaccounts/NAME/token`: a token, for a time, for some audiences, bound to something. Source: api-policy 2.4. */
export async function requestToken(
  api: Api,
  { namespace = "", name }: Target,
  body: Body,
  context: WriteContext,
): Promise<AnyObject> {
  const request = decodeBody(api, TOKEN_REQUEST, body, context) as AuthenticationV1TokenRequest & AnyObject;
  const kind = ServiceAccount as unknown as Kind;
  const account = (await api.objects.get(kind, { namespace, name })).object as V1ServiceAccount;
  const { metadata } = request;
  const { audiences = [], expirationSeconds: seconds = DEFAULT_SECONDS, boundObjectRef } = request.spec ?? {};
  refuse([
    ...mustMatch("metadata.name", metadata?.name, name, "must match the service account name if specified"),
    ...mustMatch(
      "metadata.namespace",
      metadata?.namespace,
      namespace,
      "must match the service account namespace if specified",
    ),
    ...durationErrors(seconds),
  ]);
  const { uid } = account.metadata ?? {};
  if (metadata?.uid && metadata.uid !== uid) {
    const why = `the UID in the token request (${metadata.uid}) does not match the UID of the service account (${uid})`;
    throw conflict({ ...TOKEN_REQUEST, plural: "TokenRequest" }, name, why);
  }
  const spec = {
    audiences: audiences.length > 0 ? audiences : [...api.serviceAccountTokens.apiAudiences],
    expirationSeconds: seconds,
    boundObjectRef: boundObjectRef ?? null,
  };
  const made: AnyObject = {
    kind: "TokenRequest",
    apiVersion: "authentication.k8s.io/v1",
    metadata: { name, namespace, uid, creationTimestamp: formatTime(api.clock.nowMs()) },
    spec,
  };
  const about = { verb: "create", kind, namespace, name, subresource: "token", targetName: name } as const;
  await admit(api, { ...about, object: made }, context);
  await approve(api, { ...about, object: made }, context);
  const bound = boundObjectRef && (await findBound(api, namespace, account, boundObjectRef));
  const token = api.serviceAccountTokens.issue({ account, audiences: spec.audiences, seconds, ...bound });
  const expirationTimestamp = formatTime(api.clock.nowMs() + seconds * 1000);
  return { ...made, status: { token, expirationTimestamp } };
}

function mustMatch(field: string, said: string | undefined, is: string, why: string): FieldError[] {
  return said && said !== is ? [invalid(field, said, why)] : [];
}

function durationErrors(seconds: number): FieldError[] {
  const field = "spec.expirationSeconds";
  if (seconds < MIN_SECONDS)
    return [invalid(field, seconds, "may not specify a duration less than 10 minutes")];
  if (seconds > MAX_SECONDS)
    return [invalid(field, seconds, "may not specify a duration larger than 2^32 seconds")];
  return [];
}

function refuse(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidObject(TOKEN_REQUEST, "", errors);
}

type Reference = NonNullable<NonNullable<AuthenticationV1TokenRequest["spec"]>["boundObjectRef"]>;

const BINDABLE: Readonly<Record<BoundObject["kind"], Kind>> = {
  Pod: Pod as unknown as Kind,
  Secret: Secret as unknown as Kind,
  Node: Node as unknown as Kind,
};

async function findBound(
  api: Api,
  namespace: string,
  account: V1ServiceAccount,
  { kind: said = "", apiVersion = "", name = "", uid: wanted }: Reference,
): Promise<{ bound: BoundObject; node?: { name: string; uid: string } }> {
  const kind = apiVersion === "v1" || apiVersion === "" ? BINDABLE[said as BoundObject["kind"]] : undefined;
  if (kind === undefined) {
    const [version = "", group = ""] = apiVersion.split("/").reverse();
    throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${said}`);
  }
  const { object } = await api.objects.get(kind, kind.namespaced ? { namespace, name } : { name });
  const uid = object.metadata?.uid ?? "";
  if (wanted && wanted !== uid) {
    const why = `the UID in the bound object reference (${wanted}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw conflict({ group: "", plural: said, kind: said }, name, why);
  }
  const bound: BoundObject = { kind: said as BoundObject["kind"], name, uid };
  if (said !== "Pod") return { bound };
  const pod = object as V1Pod;
  const accountName = account.metadata?.name ?? "";
  if (pod.spec?.serviceAccountName !== accountName) {
    const why = `cannot bind token for serviceaccount ${JSON.stringify(accountName)} to pod running with different serviceaccount name.`;
    throw badRequest(why);
  }
  const node = await nodeClaim(api, pod);
  return node === undefined ? { bound } : { bound, node };
}
