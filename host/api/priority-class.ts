import { ageColumn, column, integerColumn, nameColumn } from "./columns.ts";
import type { V1PriorityClass } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

/** Source: api-policy 5.5, 6.5; api-wire 13. */
export const priorityClassRules: KindRules<V1PriorityClass> = {
  defaults(priorityClass) {
    priorityClass.preemptionPolicy ??= "PreemptLowerPriority";
  },
  columns: [
    nameColumn,
    integerColumn("Value", ({ value }) => value),
    column("Global-Default", ({ globalDefault }) => globalDefault ?? false, { type: "boolean" }),
    ageColumn,
    column("PreemptionPolicy", ({ preemptionPolicy }) => preemptionPolicy ?? ""),
  ],
};
