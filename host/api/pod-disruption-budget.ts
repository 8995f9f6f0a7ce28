import { ageColumn, column, integerColumn, nameColumn } from "./columns.ts";
import type { V1PodDisruptionBudget } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

/** Source: api-policy 6.5; api-wire 13. */
export const podDisruptionBudgetRules: KindRules<V1PodDisruptionBudget> = {
  prepareCreate(budget) {
    budget.status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  },
  columns: [
    nameColumn,
    column("Min Available", ({ spec }) => String(spec?.minAvailable ?? "N/A")),
    column("Max Unavailable", ({ spec }) => String(spec?.maxUnavailable ?? "N/A")),
    integerColumn("Allowed Disruptions", ({ status }) => status?.disruptionsAllowed),
    ageColumn,
  ],
};
