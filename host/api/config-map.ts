import { ageColumn, column, nameColumn } from "./columns.ts";
import type { V1ConfigMap } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

/** Source: api-policy 6.5; api-wire 13. */
export const configMapRules: KindRules<V1ConfigMap> = {
  columns: [
    nameColumn,
    column(
      "Data",
      ({ data, binaryData }) => Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length,
    ),
    ageColumn,
  ],
};
