import { ageColumn, column, nameColumn } from "./columns.ts";
import type { V1Secret } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

/** Source: api-policy 5.5, 6.5; api-wire 13, 20. */
export const secretRules: KindRules<V1Secret> = {
  defaults(secret) {
    secret.type ||= "Opaque";
    // Plain text for writing only: it wins over data, and is never kept.
    if (secret.stringData !== undefined) {
      for (const [key, text] of Object.entries(secret.stringData))
        secret.data = { ...secret.data, [key]: Buffer.from(text, "utf8").toString("base64") };
      delete secret.stringData;
    }
  },
  columns: [
    nameColumn,
    column("Type", ({ type }) => type ?? ""),
    column("Data", ({ data }) => Object.keys(data ?? {}).length),
    ageColumn,
  ],
  selectableFieldNames: ["type"],
  selectableFields: ({ type }) => ({ type: type ?? "" }),
};
