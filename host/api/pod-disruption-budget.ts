import { type FieldError, invalid } from "../apimachinery/field-error.ts";
import { ageColumn, column, integerColumn, nameColumn } from "./columns.ts";
import { atMostAll, countOrPercent } from "./count-or-percent.ts";
import { oneOf, validateLabelSelector } from "./field-checks.ts";
import type { V1PodDisruptionBudget } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

/** Source: api-policy 6.5; api-wire 13. */
export const podDisruptionBudgetRules: KindRules<V1PodDisruptionBudget> = {
  prepareCreate(budget) {
    budget.status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  },
  validate({ spec }) {
    const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy } = spec ?? {};
    const errors: FieldError[] = [];
    if (minAvailable !== undefined && maxUnavailable !== undefined) {
      const shown = {
        MinAvailable: minAvailable,
        Selector: selector ?? null,
        MaxUnavailable: maxUnavailable,
        UnhealthyPodEvictionPolicy: unhealthyPodEvictionPolicy ?? null,
      };
      errors.push(invalid("spec", shown, "minAvailable and maxUnavailable cannot be both set"));
    }
    return [
      ...errors,
      ...countOrPercent("spec.minAvailable", minAvailable),
      ...atMostAll("spec.minAvailable", minAvailable),
      ...countOrPercent("spec.maxUnavailable", maxUnavailable),
      ...atMostAll("spec.maxUnavailable", maxUnavailable),
      ...oneOf("spec.unhealthyPodEvictionPolicy", unhealthyPodEvictionPolicy, [
        "AlwaysAllow",
        "IfHealthyBudget",
      ]),
      ...validateLabelSelector("spec.selector", selector),
    ];
  },
  columns: [
    nameColumn,
    column("Min Available", ({ spec }) => String(spec?.minAvailable ?? "N/A")),
    column("Max Unavailable", ({ spec }) => String(spec?.maxUnavailable ?? "N/A")),
    integerColumn("Allowed Disruptions", ({ status }) => status?.disruptionsAllowed),
    ageColumn,
  ],
};
