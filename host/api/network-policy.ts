import { ageColumn, column, formatSelector, nameColumn } from "./columns.ts";
import type { V1NetworkPolicy } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { validateNetworkPolicy } from "./network-policy-validation.ts";

/** Source: api-policy 5.4, 6.5; api-wire 13. */
export const networkPolicyRules: KindRules<V1NetworkPolicy> = {
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.podSelector ??= {};
    if (!spec.policyTypes?.length)
      spec.policyTypes = spec.egress?.length ? ["Ingress", "Egress"] : ["Ingress"];
    for (const { ports = [] } of [...(spec.ingress ?? []), ...(spec.egress ?? [])])
      for (const port of ports) port.protocol ??= "TCP";
  },
  validate: validateNetworkPolicy,
  columns: [nameColumn, column("Pod-Selector", ({ spec }) => formatSelector(spec?.podSelector)), ageColumn],
};
