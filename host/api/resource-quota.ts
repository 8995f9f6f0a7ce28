import { ageColumn, column, nameColumn } from "./columns.ts";
import type { V1ResourceQuota } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

/** `cpu: 1/2, memory: 0/4Gi` of the resources whose name begins with `limits`, or of the others. */
function usage({ status }: V1ResourceQuota, ofLimits: boolean): string {
  return Object.keys(status?.hard ?? {})
    .sort()
    .filter((name) => name.startsWith("limits") === ofLimits)
    .map((name) => `${name}: ${status?.used?.[name] ?? "0"}/${status!.hard![name]}`)
    .join(", ");
}

/** Source: api-policy 6.5; api-wire 13. */
export const resourceQuotaRules: KindRules<V1ResourceQuota> = {
  prepareCreate(quota) {
    quota.status = {};
  },
  columns: [
    nameColumn,
    column("Request", (quota) => usage(quota, false)),
    column("Limit", (quota) => usage(quota, true)),
    ageColumn,
  ],
};
