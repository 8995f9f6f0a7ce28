import { certificateSigningRequestRules } from "./certificate-signing-request.ts";
import { kindsOf } from "./define-kind.ts";
import type * as t from "./generated/types.ts";
import { bindingRules, roleRules } from "./rbac.ts";

/** Who somebody is and what they may do: reviews, RBAC, certificates. */
const authentication = kindsOf("authentication.k8s.io", "v1");
const authorization = kindsOf("authorization.k8s.io", "v1");
const rbac = kindsOf("rbac.authorization.k8s.io", "v1");
const certificates = kindsOf("certificates.k8s.io", "v1");

// The reviews are questions: answered, and not kept.

export const SelfSubjectReview = authentication<t.V1SelfSubjectReview>({
  kind: "SelfSubjectReview",
  plural: "selfsubjectreviews",
  cluster: true,
  verbs: ["create"],
});

export const TokenReview = authentication<t.V1TokenReview>({
  kind: "TokenReview",
  plural: "tokenreviews",
  cluster: true,
  verbs: ["create"],
});

export const LocalSubjectAccessReview = authorization<t.V1LocalSubjectAccessReview>({
  kind: "LocalSubjectAccessReview",
  plural: "localsubjectaccessreviews",
  verbs: ["create"],
});

export const SelfSubjectAccessReview = authorization<t.V1SelfSubjectAccessReview>({
  kind: "SelfSubjectAccessReview",
  plural: "selfsubjectaccessreviews",
  cluster: true,
  verbs: ["create"],
});

export const SelfSubjectRulesReview = authorization<t.V1SelfSubjectRulesReview>({
  kind: "SelfSubjectRulesReview",
  plural: "selfsubjectrulesreviews",
  cluster: true,
  verbs: ["create"],
});

export const SubjectAccessReview = authorization<t.V1SubjectAccessReview>({
  kind: "SubjectAccessReview",
  plural: "subjectaccessreviews",
  cluster: true,
  verbs: ["create"],
});

export const ClusterRoleBinding = rbac<t.V1ClusterRoleBinding>({
  kind: "ClusterRoleBinding",
  plural: "clusterrolebindings",
  cluster: true,
  createOnUpdate: true,
  ...bindingRules<t.V1ClusterRoleBinding>(),
});

export const ClusterRole = rbac<t.V1ClusterRole>({
  kind: "ClusterRole",
  plural: "clusterroles",
  cluster: true,
  createOnUpdate: true,
  ...roleRules,
});

export const RoleBinding = rbac<t.V1RoleBinding>({
  kind: "RoleBinding",
  plural: "rolebindings",
  createOnUpdate: true,
  ...bindingRules<t.V1RoleBinding>(),
});

export const Role = rbac<t.V1Role>({ kind: "Role", plural: "roles", createOnUpdate: true, ...roleRules });

export const CertificateSigningRequest = certificates<t.V1CertificateSigningRequest>({
  kind: "CertificateSigningRequest",
  plural: "certificatesigningrequests",
  cluster: true,
  shortNames: ["csr"],
  subresources: ["approval", "status"],
  ...certificateSigningRequestRules,
});
