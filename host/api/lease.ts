import { type FieldError, invalid } from "../apimachinery/field-error.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import type { V1Lease } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

/** Source: api-policy 6.5; api-wire 13. */
export const leaseRules: KindRules<V1Lease> = {
  validate({ spec }) {
    const { leaseDurationSeconds, leaseTransitions } = spec ?? {};
    const errors: FieldError[] = [];
    if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0)
      errors.push(invalid("spec.leaseDurationSeconds", leaseDurationSeconds, "must be greater than 0"));
    if (leaseTransitions !== undefined && leaseTransitions < 0)
      errors.push(invalid("spec.leaseTransitions", leaseTransitions, "must be greater than or equal to 0"));
    return errors;
  },
  columns: [nameColumn, column("Holder", ({ spec }) => spec?.holderIdentity ?? ""), ageColumn],
};
