import { decodedText, SIGNERS } from "../../api/certificate-signing-request.ts";
import type {
  V1CertificateSigningRequest,
  V1CertificateSigningRequestCondition,
} from "../../api/generated/types.ts";
import { CertificateSigningRequest } from "../../api/registry.ts";
import { CertificateRequestError, parseCertificateRequest } from "../../apimachinery/certificate-request.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import { forbidden } from "../../apimachinery/errors.ts";
import type { Api, User, WriteContext } from "../api.ts";
import { SUPERUSERS } from "../authorization/authorizer.ts";
import type { Admission, Attributes } from "./chain.ts";

/**
 * Who asks is written down, whatever the request says of it; and of its conditions each endpoint changes its own: `approval`
 * all but the certificate, `status` all but what was decided. Not a plugin in Kubernetes, but what its storage does first.
 */
export const requestStrategy: Admission = (api, attributes, { user }) => {
  if (!isRequest(attributes)) return;
  const { verb, subresource, object, old } = attributes;
  const next = object as unknown as V1CertificateSigningRequest;
  const before = old as unknown as V1CertificateSigningRequest | undefined;
  if (verb === "create") next.spec = { ...next.spec, ...requesterOf(user) };
  if (verb !== "update" || before === undefined) return;
  const said = next.status?.conditions ?? [];
  if (subresource === "approval") {
    next.status = { ...before.status, conditions: timed(said, before, formatTime(api.clock.nowMs())) };
  } else if (subresource === "status") {
    const conditions = [
      ...said.filter(isNotDecision),
      ...(before.status?.conditions ?? []).filter((one) => !isNotDecision(one)),
    ];
    next.status = {
      ...next.status,
      conditions: timed(inOrder(conditions, before), before, formatTime(api.clock.nowMs())),
    };
  }
  if (next.status?.conditions?.length === 0) delete next.status.conditions;
};

function requesterOf({ name, uid, groups, extra }: User): Partial<V1CertificateSigningRequest["spec"]> {
  return {
    username: name,
    uid,
    groups: [...groups],
    ...(extra === undefined ? { extra: undefined } : { extra: { ...extra } }),
  };
}

function isNotDecision({ type }: V1CertificateSigningRequestCondition): boolean {
  return type !== "Approved" && type !== "Denied";
}

/** Conditions that were there stay where they were. */
function inOrder(
  conditions: readonly V1CertificateSigningRequestCondition[],
  { status }: V1CertificateSigningRequest,
): V1CertificateSigningRequestCondition[] {
  const order = (status?.conditions ?? []).map(({ type }) => type);
  const place = (type: string) => (order.includes(type) ? order.indexOf(type) : order.length);
  return [...conditions].sort((a, b) => place(a.type) - place(b.type));
}

function timed(
  conditions: readonly V1CertificateSigningRequestCondition[],
  { status }: V1CertificateSigningRequest,
  now: string,
): V1CertificateSigningRequestCondition[] {
  return conditions.map((one) => {
    const known = status?.conditions?.find(
      ({ type, status: value }) => type === one.type && value === one.status,
    );
    return {
      ...one,
      lastUpdateTime: one.lastUpdateTime ?? now,
      lastTransitionTime: one.lastTransitionTime ?? known?.lastTransitionTime ?? now,
    };
  });
}

/** Who decides about a request needs `approve` on its signer (CertificateApproval). */
export const certificateApproval: Admission = (api, attributes, context) => {
  if (!isRequest(attributes) || attributes.verb !== "update" || attributes.subresource !== "approval") return;
  return requireSigner(api, attributes, context, "approve");
};

/** Who hands out a certificate, or says that there is none, needs `sign` on the signer (CertificateSigning). */
export const certificateSigning: Admission = (api, attributes, context) => {
  if (!isRequest(attributes) || attributes.verb !== "update" || attributes.subresource !== "status") return;
  const [next, old] = [attributes.object, attributes.old] as unknown as V1CertificateSigningRequest[];
  const isSame =
    next?.status?.certificate === old?.status?.certificate &&
    deepEqual(next?.status?.conditions ?? [], old?.status?.conditions ?? []);
  return isSame ? undefined : requireSigner(api, attributes, context, "sign");
};

async function requireSigner(
  api: Api,
  { kind, name, old }: Attributes,
  { user }: WriteContext,
  verb: "approve" | "sign",
): Promise<void> {
  const { signerName } = (old as unknown as V1CertificateSigningRequest).spec;
  for (const signer of [signerName, `${signerName.split("/")[0]}/*`]) {
    const resource = { group: kind.group, version: "*", plural: "signers", name: signer };
    if ((await api.authorizer.authorize({ user, verb, resource })).allowed) return;
  }
  const why = `user not permitted to ${verb} requests with signerName ${JSON.stringify(signerName)}`;
  throw forbidden(kind, name, why);
}

/** Nobody becomes an unbounded administrator by a request (CertificateSubjectRestriction). */
export const certificateSubjectRestriction: Admission = (_api, attributes) => {
  if (!isRequest(attributes) || attributes.verb !== "create" || attributes.subresource !== undefined) return;
  const { spec } = attributes.object as unknown as V1CertificateSigningRequest;
  if (spec.signerName !== SIGNERS.apiServerClient) return;
  const { kind, name } = attributes;
  const organizations = organizationsOf(spec.request, (why) =>
    forbidden(kind, name, `unable to parse CSR: ${why}`),
  );
  if (!organizations.includes(SUPERUSERS)) return;
  throw forbidden(kind, name, `use of ${spec.signerName} signer with ${SUPERUSERS} group is not allowed`);
};

function organizationsOf(request: string, refusal: (why: string) => Error): readonly string[] {
  try {
    return parseCertificateRequest(decodedText(request)).organizations;
  } catch (error) {
    if (error instanceof CertificateRequestError) throw refusal(error.message);
    throw error;
  }
}

function isRequest({ kind }: Attributes): boolean {
  return kind.group === CertificateSigningRequest.group && kind.plural === CertificateSigningRequest.plural;
}
