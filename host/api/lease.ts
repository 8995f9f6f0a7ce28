import { ageColumn, column, nameColumn } from "./columns.ts";
import type { V1Lease } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

/** Source: api-policy 6.5; api-wire 13. */
export const leaseRules: KindRules<V1Lease> = {
  columns: [nameColumn, column("Holder", ({ spec }) => spec?.holderIdentity ?? ""), ageColumn],
};
