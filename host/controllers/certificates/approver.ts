import { decodedText, SIGNERS } from "../../api/certificate-signing-request.ts";
import type { V1CertificateSigningRequest } from "../../api/generated/types.ts";
import { CertificateSigningRequest, SubjectAccessReview } from "../../api/registry.ts";
import { parseCertificateRequest } from "../../apimachinery/certificate-request.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { type Change, update } from "../change.ts";
import { controller, type Look } from "../runtime.ts";
import { self } from "../watches.ts";
import { kubeletClient } from "./kubelet-requests.ts";

export interface ObservedRequest {
  readonly request: V1CertificateSigningRequest;
  /** What may be said when it is approved; undefined: the requester may not have it by itself. */
  readonly allowed: string | undefined;
}

/** Approves the client certificates of kubelets that may have them. Source: controllers.md 14.6, Approve. */
export const certificateApprover = controller<ObservedRequest>({
  name: "csrapproving",
  watches: [self(CertificateSigningRequest)],
  firstDelayMs: 200,
  observe: async (key, look) => {
    const request = look.informers.get(CertificateSigningRequest).lister.get(key);
    if (request === undefined || isDecided(request) || request.status?.certificate) return undefined;
    if (request.spec.signerName !== SIGNERS.kubeletClient) return undefined;
    const facts = parseCertificateRequest(decodedText(request.spec.request));
    if (kubeletClient(facts, request.spec.usages ?? []) !== undefined) return undefined;
    return { request, allowed: await allowance(request, facts.commonName, look) };
  },
  reconcile: reconcileApproval,
});

export function reconcileApproval({ request, allowed }: ObservedRequest, nowMs: number): readonly Change[] {
  if (allowed === undefined) {
    const why = "recognized kubelet client request but subject access review was not approved";
    return [{ do: "retry", why }];
  }
  const condition = {
    type: "Approved",
    status: "True",
    reason: "AutoApproved",
    message: allowed,
    lastUpdateTime: formatTime(nowMs),
  };
  const conditions = [...(request.status?.conditions ?? []), condition];
  const approved = { ...request, status: { ...request.status, conditions } };
  return [update(CertificateSigningRequest, approved, { subresource: "approval" })];
}

function isDecided({ status }: V1CertificateSigningRequest): boolean {
  return (status?.conditions ?? []).some(({ type }) => type === "Approved" || type === "Denied");
}

/** A node may renew its own certificate, and others may be allowed to ask for any node's first one. */
async function allowance(
  { spec }: V1CertificateSigningRequest,
  commonName: string,
  { client }: Look,
): Promise<string | undefined> {
  const may = async (subresource: string) => {
    const { username, uid, groups, extra } = spec;
    const resourceAttributes = {
      verb: "create",
      group: "certificates.k8s.io",
      version: "*",
      resource: "certificatesigningrequests",
      subresource,
    };
    const asked = { user: username, uid, groups, extra: extra && mutable(extra), resourceAttributes };
    const review = await client.create(SubjectAccessReview, { spec: asked });
    return review.status?.allowed === true;
  };
  if (spec.username === commonName && (await may("selfnodeclient")))
    return "Auto approving self kubelet client certificate after SubjectAccessReview.";
  if (await may("nodeclient")) return "Auto approving kubelet client certificate after SubjectAccessReview.";
  return undefined;
}

function mutable(extra: Readonly<Record<string, readonly string[]>>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]]));
}
