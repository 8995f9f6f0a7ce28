import { ApiError, type StatusCause } from "../../apimachinery/errors.ts";
import { formatPath, inOrder, pathsOf } from "../../apimachinery/managed-fields/field-set.ts";
import type { Manager } from "../../apimachinery/managed-fields/owners.ts";
import type { Conflict } from "../../apimachinery/managed-fields/track.ts";

/** 409 with every field that somebody else owns. Source: managedfields NewConflictError, merge.Conflicts.Error. */
export function conflictError(conflicts: readonly Conflict[]): ApiError {
  const fields = conflicts.flatMap(({ owner, fields: taken }) => {
    const manager = describeManager(owner);
    return pathsOf(inOrder(taken)).map((path) => ({ manager, field: formatPath(path) }));
  });
  const causes: StatusCause[] = fields.map(({ manager, field }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${manager}`,
    field,
  }));
  const count = fields.length === 1 ? "1 conflict" : `${fields.length} conflicts`;
  return new ApiError("Conflict", `Apply failed with ${count}: ${listFields(fields)}`, { causes });
}

function listFields(fields: readonly { manager: string; field: string }[]): string {
  const [first] = fields;
  if (fields.length === 1) return `conflict with ${first!.manager}: ${first!.field}`;
  return [...new Set(fields.map(({ manager }) => manager))]
    .sort()
    .flatMap((manager) => [
      `conflicts with ${manager}:`,
      ...fields.filter((one) => one.manager === manager).map(({ field }) => `- ${field}`),
    ])
    .join("\n");
}

/** `"m1"`, `"editor" using v1`, `"hpa" with subresource "scale" using apps/v1` */
function describeManager({ name, subresource, operation, apiVersion }: Manager): string {
  const where = subresource === undefined ? "" : ` with subresource ${JSON.stringify(subresource)}`;
  return `${JSON.stringify(name)}${where}${operation === "Update" ? ` using ${apiVersion}` : ""}`;
}
