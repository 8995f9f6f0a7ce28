import { deepEqual } from "../apimachinery/copy.ts";
import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  required,
} from "../apimachinery/field-error.ts";
import { isLabelValue, isQualifiedName } from "../apimachinery/names.ts";
import { parseRange, validateRange } from "./addresses.ts";
import { ageColumn, column, NONE, nameColumn, wideColumn } from "./columns.ts";
import { checked, oneOf } from "./field-checks.ts";
import type { V1Node, V1Taint } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { validateAmount } from "./pod-spec/resources.ts";
import { TAINT_EFFECTS } from "./pod-spec/scheduling.ts";

/** Marks the nodes whose pods the simulated kubelet runs, whoever created them. */
export const SIMULATED_ANNOTATION = "pintle.io/simulated";

const ROLE_PREFIX = "node-role.kubernetes.io/";
const UNKNOWN = "<unknown>";

function roles(node: V1Node): string {
  const found = new Set<string>();
  for (const [key, value] of Object.entries(node.metadata?.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length)
      found.add(key.slice(ROLE_PREFIX.length));
    else if (key === "kubernetes.io/role" && value !== "") found.add(value);
  }
  return found.size > 0 ? [...found].sort().join(",") : NONE;
}

function readiness({ spec, status }: V1Node): string {
  const ready = status?.conditions?.find((one) => one.type === "Ready");
  const said = ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady";
  return spec?.unschedulable ? `${said},SchedulingDisabled` : said;
}

function address(node: V1Node, type: string): string {
  return node.status?.addresses?.find((one) => one.type === type)?.address ?? NONE;
}

function kernel({ status }: V1Node): string {
  const { kernelVersion, architecture } = status?.nodeInfo ?? {};
  if (!kernelVersion) return UNKNOWN;
  return architecture ? `${kernelVersion} (${architecture})` : kernelVersion;
}

/** Kubernetes reports taints as if they were metadata. */
function validateTaints(taints: readonly V1Taint[]): FieldError[] {
  const seen = new Set<string>();
  return taints.flatMap((taint, index) => {
    const { key = "", value = "", effect, timeAdded } = taint;
    const field = `metadata.taints[${index}]`;
    const errors = [
      ...checked(`${field}.key`, key, isQualifiedName(key)),
      ...checked(`${field}.value`, value, isLabelValue(value)),
      ...(effect ? oneOf(`${field}.effect`, effect, TAINT_EFFECTS) : [required(`${field}.effect`)]),
    ];
    if (seen.has(`${key}:${effect}`)) {
      const shown = { Key: key, Value: value, Effect: effect, TimeAdded: timeAdded ?? null };
      const { message, ...rest } = duplicate(field, shown);
      errors.push({ ...rest, message: `${message}: taints must be unique by key and effect pair` });
    }
    seen.add(`${key}:${effect}`);
    return errors;
  });
}

/** Source: api-policy 5.5, 6.5; api-wire 13, 20. */
export const nodeRules: KindRules<V1Node> = {
  keepsStatusOnCreate: true,
  defaults(node) {
    const { spec } = node;
    // Two spellings of one fact, as for pods' addresses.
    if (spec?.podCIDR && !spec.podCIDRs?.length) spec.podCIDRs = [spec.podCIDR];
    else if (spec?.podCIDRs?.length && !spec.podCIDR) spec.podCIDR = spec.podCIDRs[0];
    if (node.status?.capacity && !node.status.allocatable)
      node.status.allocatable = { ...node.status.capacity };
  },
  validate({ spec, status }) {
    const amounts = (name: "capacity" | "allocatable") =>
      Object.entries(status?.[name] ?? {}).flatMap(([resource, amount]) =>
        validateAmount(`status.${name}.${resource}`, resource, amount),
      );
    const families = (spec?.podCIDRs ?? []).map((range) => parseRange(range)?.family);
    const why = "may specify no more than one CIDR for each IP family";
    return [
      ...validateTaints(spec?.taints ?? []),
      ...(spec?.podCIDRs ?? []).flatMap((range, index) => validateRange(`spec.podCIDRs[${index}]`, range)),
      ...(new Set(families).size < families.length ? [invalid("spec.podCIDRs", spec?.podCIDRs, why)] : []),
      ...amounts("capacity"),
      ...amounts("allocatable"),
    ];
  },
  validateUpdate(next, old) {
    const errors: FieldError[] = [];
    const only = (name: string) => `node updates may not change ${name} except from "" to valid`;
    if (old.spec?.podCIDRs?.length && !deepEqual(next.spec?.podCIDRs, old.spec.podCIDRs))
      errors.push(forbiddenField("spec.podCIDRs", only("podCIDR")));
    if (old.spec?.providerID && next.spec?.providerID !== old.spec.providerID)
      errors.push(forbiddenField("spec.providerID", only("providerID")));
    return errors;
  },
  columns: [
    nameColumn,
    column("Status", readiness),
    column("Roles", roles),
    ageColumn,
    column("Version", ({ status }) => status?.nodeInfo?.kubeletVersion ?? ""),
    wideColumn("Internal-IP", (node) => address(node, "InternalIP")),
    wideColumn("External-IP", (node) => address(node, "ExternalIP")),
    wideColumn("OS-Image", ({ status }) => status?.nodeInfo?.osImage || UNKNOWN),
    wideColumn("Kernel-Version", kernel),
    wideColumn("Container-Runtime", ({ status }) => status?.nodeInfo?.containerRuntimeVersion || UNKNOWN),
  ],
  selectableFieldNames: ["spec.unschedulable"],
  selectableFields: ({ spec }) => ({ "spec.unschedulable": String(spec?.unschedulable ?? false) }),
};
