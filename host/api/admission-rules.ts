import type { KubernetesObject } from "../apimachinery/object.ts";
import { ageColumn, column, formatSelector, integerColumn, nameColumn, UNSET } from "./columns.ts";
import type * as t from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import {
  bindingErrors,
  mutatingPolicyErrors,
  validatingBindingErrors,
  validatingPolicyErrors,
} from "./policy-validation.ts";
import { webhookErrors } from "./webhook-validation.ts";

type Matching = t.V1MatchResources | undefined;
type Policy = t.V1ValidatingAdmissionPolicy | t.V1MutatingAdmissionPolicy;
type PolicyBinding = t.V1ValidatingAdmissionPolicyBinding | t.V1MutatingAdmissionPolicyBinding;

/** What a webhook or a policy leaves unsaid of the objects it is for. Source: api-policy 5.5. */
function defaultMatching(matching: Matching): void {
  if (matching === undefined) return;
  matching.matchPolicy ??= "Equivalent";
  matching.namespaceSelector ??= {};
  matching.objectSelector ??= {};
  for (const rule of [...(matching.resourceRules ?? []), ...(matching.excludeResourceRules ?? [])])
    rule.scope ??= "*";
}

function defaultWebhook(webhook: t.V1ValidatingWebhook | t.V1MutatingWebhook): void {
  webhook.failurePolicy ??= "Fail";
  webhook.timeoutSeconds ??= 10;
  webhook.matchPolicy ??= "Equivalent";
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  for (const rule of webhook.rules ?? []) rule.scope ??= "*";
  if (webhook.clientConfig?.service) webhook.clientConfig.service.port ??= 443;
}

function webhookRules<T extends KubernetesObject & { webhooks?: unknown[] }>(): Pick<
  KindRules<T>,
  "columns"
> {
  return { columns: [nameColumn, integerColumn("Webhooks", ({ webhooks }) => webhooks?.length), ageColumn] };
}

/** Source: api-policy 5.5; api-wire 13. */
export const validatingWebhookRules: KindRules<t.V1ValidatingWebhookConfiguration> = {
  ...webhookRules(),
  defaults: ({ webhooks = [] }) => webhooks.forEach(defaultWebhook),
  validate: ({ webhooks }) => webhookErrors(webhooks),
};

export const mutatingWebhookRules: KindRules<t.V1MutatingWebhookConfiguration> = {
  ...webhookRules(),
  defaults({ webhooks = [] }) {
    webhooks.forEach(defaultWebhook);
    for (const webhook of webhooks) webhook.reinvocationPolicy ??= "Never";
  },
  validate: ({ webhooks }) => webhookErrors(webhooks),
};

function policyRules<T extends Policy>(name: string, count: (policy: T) => number | undefined): KindRules<T> {
  return {
    defaults({ spec }) {
      if (spec === undefined) return;
      spec.failurePolicy ??= "Fail";
      defaultMatching(spec.matchConstraints);
    },
    columns: [
      nameColumn,
      integerColumn(name, count),
      column("ParamKind", ({ spec }) =>
        spec?.paramKind ? `${spec.paramKind.apiVersion}/${spec.paramKind.kind}` : UNSET,
      ),
      ageColumn,
    ],
  };
}

export const validatingPolicyRules: KindRules<t.V1ValidatingAdmissionPolicy> = {
  ...policyRules("Validations", ({ spec }) => spec?.validations?.length),
  validate: validatingPolicyErrors,
};

export const mutatingPolicyRules: KindRules<t.V1MutatingAdmissionPolicy> = {
  ...policyRules("Mutations", ({ spec }) => spec?.mutations?.length),
  validate: mutatingPolicyErrors,
};

const policyBindingRules: KindRules<PolicyBinding> = {
  defaults: ({ spec }) => defaultMatching(spec?.matchResources),
  columns: [
    nameColumn,
    column("PolicyName", ({ spec }) => spec?.policyName ?? ""),
    column("ParamRef", ({ spec }) => {
      const { name, namespace, selector } = spec?.paramRef ?? {};
      if (name) return namespace ? `${namespace}/${name}` : name;
      return selector ? formatSelector(selector) : UNSET;
    }),
    ageColumn,
  ],
};

export const validatingBindingRules: KindRules<t.V1ValidatingAdmissionPolicyBinding> = {
  ...policyBindingRules,
  validate: validatingBindingErrors,
};

export const mutatingBindingRules: KindRules<t.V1MutatingAdmissionPolicyBinding> = {
  ...policyBindingRules,
  validate: ({ spec }) => bindingErrors(spec),
};
