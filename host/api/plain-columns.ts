import { required } from "../apimachinery/field-error.ts";
import { isDns1123Label } from "../apimachinery/names.ts";
import { controllerOf, type KubernetesObject } from "../apimachinery/object.ts";
import { ageColumn, column, NONE, nameColumn } from "./columns.ts";
import { formatDuration } from "./duration.ts";
import { immutable, named, nonNegative } from "./field-checks.ts";
import type * as t from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { validateLabels } from "./metadata.ts";
import { validateAmount } from "./pod-spec/resources.ts";
import { validateTolerations } from "./pod-spec/scheduling.ts";

/** Kinds of which only the columns are particular. Source: api-wire 13. */
export const nameAndAge: KindRules<KubernetesObject> = { columns: [nameColumn, ageColumn] };

export const controllerRevisionRules: KindRules<t.V1ControllerRevision> = {
  validate: ({ data, revision }) => [
    ...nonNegative("revision", revision),
    ...(data === undefined ? [required("data", "data is mandatory")] : []),
  ],
  validateUpdate: (next, old) => immutable("data", next.data, old.data),
  columns: [
    nameColumn,
    column("Controller", (revision) => {
      const owner = controllerOf(revision);
      if (owner === undefined) return NONE;
      const [version, group] = owner.apiVersion.split("/").reverse();
      const kind = owner.kind.toLowerCase();
      return version && group ? `${kind}.${group}/${owner.name}` : `${kind}/${owner.name}`;
    }),
    column("Revision", ({ revision }) => revision),
    ageColumn,
  ],
};

export const runtimeClassRules: KindRules<t.V1RuntimeClass> = {
  validate: ({ handler, overhead, scheduling }) => [
    ...named("handler", handler, isDns1123Label),
    ...Object.entries(overhead?.podFixed ?? {}).flatMap(([name, amount]) =>
      validateAmount(`overhead.podFixed[${name}]`, name, amount),
    ),
    ...validateLabels("scheduling.nodeSelector", scheduling?.nodeSelector),
    ...validateTolerations("scheduling.tolerations", scheduling?.tolerations ?? []),
  ],
  validateUpdate: (next, old) => immutable("handler", next.handler, old.handler),
  columns: [nameColumn, column("Handler", ({ handler }) => handler), ageColumn],
};

export const certificateSigningRequestColumns: KindRules<t.V1CertificateSigningRequest> = {
  columns: [
    nameColumn,
    ageColumn,
    column("SignerName", ({ spec }) => spec.signerName),
    column("Requestor", ({ spec }) => spec.username ?? ""),
    column("RequestedDuration", ({ spec }) =>
      spec.expirationSeconds === undefined ? NONE : formatDuration(spec.expirationSeconds * 1000),
    ),
    column("Condition", ({ status }) => {
      const types = (status?.conditions ?? []).map(({ type }) => type);
      const decided = types.filter((type) => type === "Approved" || type === "Denied");
      const said = [
        ...(decided.length > 0 ? decided : ["Pending"]),
        ...types.filter((one) => one === "Failed"),
      ];
      return [...said, ...(status?.certificate ? ["Issued"] : [])].join(",");
    }),
  ],
  selectableFieldNames: ["spec.signerName"],
  selectableFields: ({ spec }) => ({ "spec.signerName": spec.signerName }),
};

export const componentStatusRules: KindRules<t.V1ComponentStatus> = {
  columns: [
    nameColumn,
    column("Status", ({ conditions }) => {
      const healthy = conditions?.find((one) => one.type === "Healthy")?.status;
      return healthy === "True" ? "Healthy" : healthy === "False" ? "Unhealthy" : "Unknown";
    }),
    column("Message", ({ conditions }) => conditions?.find((one) => one.type === "Healthy")?.message ?? ""),
    column("Error", ({ conditions }) => conditions?.find((one) => one.type === "Healthy")?.error ?? ""),
  ],
};
