import { ageColumn, column, NONE, nameColumn, wideColumn } from "./columns.ts";
import type { V1Node } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

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

/** Source: api-policy 5.5, 6.5; api-wire 13, 20. */
export const nodeRules: KindRules<V1Node> = {
  keepsStatusOnCreate: true,
  defaults(node) {
    if (node.status?.capacity && !node.status.allocatable)
      node.status.allocatable = { ...node.status.capacity };
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
