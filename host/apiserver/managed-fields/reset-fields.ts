import type { Kind } from "../../api/kind.ts";
import type { FieldSet } from "../../apimachinery/managed-fields/field-set.ts";

const STATUS: FieldSet = { "f:status": {} };
const SPEC: FieldSet = { "f:spec": {} };
const NOTHING: FieldSet = {};

/** What `/status` cannot set besides the spec. */
const ON_STATUS: Readonly<Record<string, FieldSet>> = {
  "apps/Deployment": { "f:spec": {}, "f:metadata": { "f:labels": {} } },
  "/Pod": { "f:spec": {}, "f:metadata": { "f:deletionTimestamp": {}, "f:ownerReferences": {} } },
  "certificates.k8s.io/CertificateSigningRequest": { "f:spec": {}, "f:status": { "f:conditions": {} } },
};

/** Kinds whose `/status` sets nothing of the metadata. */
const STATUS_ONLY = new Set([
  "FlowSchema",
  "PriorityLevelConfiguration",
  "ValidatingAdmissionPolicy",
  "ServiceCIDR",
  "ResourceClaim",
  "VolumeAttachment",
]);

/** The fields that a write to an endpoint cannot set, so that nobody owns them through it. Source: api-policy 8.4. */
export function resetFields(kind: Kind, subresource: string | undefined): FieldSet {
  const name = `${kind.group}/${kind.kind}`;
  const isRequest = kind.kind === "CertificateSigningRequest";
  switch (subresource) {
    case "status":
      if (STATUS_ONLY.has(kind.kind)) return { "f:spec": {}, "f:metadata": {} };
      return ON_STATUS[name] ?? SPEC;
    case "approval":
      return { "f:spec": {}, "f:status": { "f:certificate": {} } };
    case "finalize":
      return STATUS;
    case undefined:
      if (isRequest) return { "f:spec": {}, "f:status": {} };
      return kind.subresources.some((one) => one.name === "status") ? STATUS : NOTHING;
    default:
      return NOTHING;
  }
}
