import { ageColumn, column, nameColumn } from "./columns.ts";
import { validateClaimSpec, validateSlice } from "./device-validation.ts";
import { immutable } from "./field-checks.ts";
import type { ResourceV1ResourceClaim, V1ResourceClaimTemplate, V1ResourceSlice } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

/** Dynamic resource allocation. Source: api-wire 13, 20, 21.3. */
function defaultRequests(devices: ResourceV1ResourceClaim["spec"]["devices"]): void {
  for (const { exactly, firstAvailable = [] } of devices?.requests ?? []) {
    for (const request of [...(exactly ? [exactly] : []), ...firstAvailable]) {
      request.allocationMode ||= "ExactCount";
      if (request.allocationMode === "ExactCount") request.count ||= 1;
      for (const toleration of request.tolerations ?? []) toleration.operator ||= "Equal";
    }
  }
}

function state({ metadata, status }: ResourceV1ResourceClaim): string {
  const states = metadata?.deletionTimestamp ? ["deleted"] : [];
  if (status?.allocation) states.push("allocated");
  if (status?.reservedFor?.length) states.push("reserved");
  return states.join(",") || "pending";
}

export const resourceClaimRules: KindRules<ResourceV1ResourceClaim> = {
  defaults: ({ spec }) => defaultRequests(spec?.devices),
  validate: ({ spec }) => validateClaimSpec("spec", spec ?? {}),
  validateUpdate: (next, old) => immutable("spec", next.spec, old.spec),
  columns: [nameColumn, column("State", state), ageColumn],
};

export const resourceClaimTemplateRules: KindRules<V1ResourceClaimTemplate> = {
  defaults: ({ spec }) => defaultRequests(spec?.spec?.devices),
  validate: ({ spec }) => validateClaimSpec("spec.spec", spec?.spec ?? {}),
  validateUpdate: (next, old) => immutable("spec", next.spec, old.spec),
  columns: [nameColumn, ageColumn],
};

export const resourceSliceRules: KindRules<V1ResourceSlice> = {
  validate: validateSlice,
  validateUpdate: (next, old) => [
    ...immutable("spec.driver", next.spec.driver, old.spec.driver),
    ...immutable("spec.pool.name", next.spec.pool.name, old.spec.pool.name),
    ...immutable("spec.nodeName", next.spec.nodeName, old.spec.nodeName),
  ],
  columns: [
    nameColumn,
    column("Node", ({ spec }) => spec.nodeName ?? ""),
    column("Driver", ({ spec }) => spec.driver),
    column("Pool", ({ spec }) => spec.pool.name),
    ageColumn,
  ],
  selectableFieldNames: ["spec.nodeName", "spec.driver"],
  selectableFields: ({ spec }) => ({
    "spec.nodeName": spec?.nodeName ?? "",
    "spec.driver": spec?.driver ?? "",
  }),
};
