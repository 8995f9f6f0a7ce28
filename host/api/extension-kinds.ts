import {
  mutatingBindingRules,
  mutatingPolicyRules,
  mutatingWebhookRules,
  validatingBindingRules,
  validatingPolicyRules,
  validatingWebhookRules,
} from "./admission-rules.ts";
import { apiServiceRules } from "./api-service.ts";
import { definitionRules } from "./custom-resources/definition-rules.ts";
import { kindsOf } from "./define-kind.ts";
import { flowSchemaRules } from "./flow-control/flow-schema.ts";
import { priorityLevelRules } from "./flow-control/priority-level.ts";
import type * as t from "./generated/types.ts";

/** What extends or tunes the API server itself: admission, custom resources, aggregation, flow control. */
const admission = kindsOf("admissionregistration.k8s.io", "v1");
const apiextensions = kindsOf("apiextensions.k8s.io", "v1");
const apiregistration = kindsOf("apiregistration.k8s.io", "v1");
const flowcontrol = kindsOf("flowcontrol.apiserver.k8s.io", "v1");

export const MutatingAdmissionPolicy = admission<t.V1MutatingAdmissionPolicy>({
  kind: "MutatingAdmissionPolicy",
  plural: "mutatingadmissionpolicies",
  cluster: true,
  categories: ["api-extensions"],
  requiresResourceVersion: true,
  generation: true,
  ...mutatingPolicyRules,
});

export const MutatingAdmissionPolicyBinding = admission<t.V1MutatingAdmissionPolicyBinding>({
  kind: "MutatingAdmissionPolicyBinding",
  plural: "mutatingadmissionpolicybindings",
  cluster: true,
  categories: ["api-extensions"],
  requiresResourceVersion: true,
  generation: true,
  ...mutatingBindingRules,
});

export const MutatingWebhookConfiguration = admission<t.V1MutatingWebhookConfiguration>({
  kind: "MutatingWebhookConfiguration",
  plural: "mutatingwebhookconfigurations",
  cluster: true,
  categories: ["api-extensions"],
  requiresResourceVersion: true,
  generation: true,
  ...mutatingWebhookRules,
});

export const ValidatingAdmissionPolicy = admission<t.V1ValidatingAdmissionPolicy>({
  kind: "ValidatingAdmissionPolicy",
  plural: "validatingadmissionpolicies",
  cluster: true,
  categories: ["api-extensions"],
  subresources: ["status"],
  requiresResourceVersion: true,
  generation: true,
  ...validatingPolicyRules,
});

export const ValidatingAdmissionPolicyBinding = admission<t.V1ValidatingAdmissionPolicyBinding>({
  kind: "ValidatingAdmissionPolicyBinding",
  plural: "validatingadmissionpolicybindings",
  cluster: true,
  categories: ["api-extensions"],
  requiresResourceVersion: true,
  generation: true,
  ...validatingBindingRules,
});

export const ValidatingWebhookConfiguration = admission<t.V1ValidatingWebhookConfiguration>({
  kind: "ValidatingWebhookConfiguration",
  plural: "validatingwebhookconfigurations",
  cluster: true,
  categories: ["api-extensions"],
  requiresResourceVersion: true,
  generation: true,
  ...validatingWebhookRules,
});

export const CustomResourceDefinition = apiextensions<t.V1CustomResourceDefinition>({
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  cluster: true,
  shortNames: ["crd", "crds"],
  categories: ["api-extensions"],
  subresources: ["status"],
  requiresResourceVersion: true,
  deletionFinalizer: "customresourcecleanup.apiextensions.k8s.io",
  generation: true,
  ...definitionRules,
});

export const APIService = apiregistration<t.V1APIService>({
  kind: "APIService",
  plural: "apiservices",
  cluster: true,
  categories: ["api-extensions"],
  subresources: ["status"],
  requiresResourceVersion: true,
  ...apiServiceRules,
});

export const FlowSchema = flowcontrol<t.V1FlowSchema>({
  kind: "FlowSchema",
  plural: "flowschemas",
  cluster: true,
  subresources: ["status"],
  generation: true,
  ...flowSchemaRules,
});

export const PriorityLevelConfiguration = flowcontrol<t.V1PriorityLevelConfiguration>({
  kind: "PriorityLevelConfiguration",
  plural: "prioritylevelconfigurations",
  cluster: true,
  subresources: ["status"],
  generation: true,
  ...priorityLevelRules,
});
