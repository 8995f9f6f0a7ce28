import { type FieldError, invalid, required } from "../apimachinery/field-error.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import type { V1APIService } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

const DEFAULT_PORT = 443;

/** Source: api-policy 5, 6.3, 7.5. */
export const apiServiceRules: KindRules<V1APIService> = {
  defaults({ spec }) {
    if (spec?.service) spec.service.port ??= DEFAULT_PORT;
  },
  validate({ metadata, spec }) {
    if (spec === undefined) return [required("spec")];
    const { group = "", version = "", groupPriorityMinimum: minimum, versionPriority, service } = spec;
    const errors: FieldError[] = [];
    const expected = `${version}.${group}`;
    if (metadata?.name !== expected)
      errors.push(
        invalid(
          "metadata.name",
          metadata?.name,
          `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(expected)}`,
        ),
      );
    if (!(minimum > 0 && minimum <= 20_000))
      errors.push(invalid("spec.groupPriorityMinimum", minimum, "must be positive and less than 20000"));
    if (!(versionPriority > 0 && versionPriority <= 1_000))
      errors.push(invalid("spec.versionPriority", versionPriority, "must be positive and less than 1000"));
    if (service && !service.namespace) errors.push(required("spec.service.namespace"));
    if (service && !service.name) errors.push(required("spec.service.name"));
    if (spec.insecureSkipTLSVerify && spec.caBundle)
      errors.push(invalid("spec.insecureSkipTLSVerify", true, "may not be true if caBundle is present"));
    return errors;
  },
  columns: [
    nameColumn,
    column("Service", ({ spec }) =>
      spec?.service ? `${spec.service.namespace}/${spec.service.name}` : "Local",
    ),
    column("Available", ({ status }) => {
      const available = status?.conditions?.find((one) => one.type === "Available");
      if (available === undefined) return "Unknown";
      return available.status === "True" ? "True" : `${available.status} (${available.reason ?? ""})`;
    }),
    ageColumn,
  ],
};
