import { forbiddenField } from "../apimachinery/field-error.ts";
import { ageColumn, column, integerColumn, nameColumn } from "./columns.ts";
import { immutable, oneOf } from "./field-checks.ts";
import type { V1PriorityClass } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

const HIGHEST_USER_PRIORITY = 1_000_000_000;
const SYSTEM_CLASSES: Readonly<Record<string, number>> = {
  "system-cluster-critical": 2_000_000_000,
  "system-node-critical": 2_000_001_000,
};

/** Source: api-policy 5.5, 6.5; api-wire 13. */
export const priorityClassRules: KindRules<V1PriorityClass> = {
  defaults(priorityClass) {
    priorityClass.preemptionPolicy ??= "PreemptLowerPriority";
  },
  validate({ metadata, value, preemptionPolicy }) {
    const name = metadata?.name ?? "";
    if (name.startsWith("system-")) {
      if (SYSTEM_CLASSES[name] === value) return [];
      const known = name in SYSTEM_CLASSES;
      const why = known
        ? `value of ${name} must be ${SYSTEM_CLASSES[name]}`
        : `${name} is not a known system priority class`;
      const text = `priority class names with 'system-' prefix are reserved for system use only. error: ${why}`;
      return [forbiddenField("metadata.name", text)];
    }
    const why = `maximum allowed value of a user defined priority is ${HIGHEST_USER_PRIORITY}`;
    return [
      ...((value ?? 0) > HIGHEST_USER_PRIORITY ? [forbiddenField("value", why)] : []),
      ...oneOf("preemptionPolicy", preemptionPolicy, ["PreemptLowerPriority", "Never"]),
    ];
  },
  validateUpdate: (next, old) => [
    ...(next.value === old.value ? [] : [forbiddenField("value", "may not be changed in an update.")]),
    ...immutable("preemptionPolicy", next.preemptionPolicy, old.preemptionPolicy),
  ],
  columns: [
    nameColumn,
    integerColumn("Value", ({ value }) => value),
    column("Global-Default", ({ globalDefault }) => globalDefault ?? false, { type: "boolean" }),
    ageColumn,
    column("PreemptionPolicy", ({ preemptionPolicy }) => preemptionPolicy ?? ""),
  ],
};
