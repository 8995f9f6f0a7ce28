import { deepEqual } from "../apimachinery/copy.ts";
import { isDns1123Label } from "../apimachinery/names.ts";
import { ageColumn, column, formatLabels, NONE, nameColumn, wideColumn } from "./columns.ts";
import type { V1Service, V1ServiceSpec } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { validateService, validateServiceUpdate } from "./service-validation.ts";

function balancerAddresses({ status }: V1Service): string[] {
  const ingress = status?.loadBalancer?.ingress ?? [];
  return [...new Set(ingress.map((one) => one.ip || one.hostname || ""))].filter((one) => one !== "").sort();
}

function externalAddress(service: V1Service): string {
  const external = service.spec?.externalIPs ?? [];
  switch (service.spec?.type) {
    case "LoadBalancer":
      return [...balancerAddresses(service), ...external].join(",") || "<pending>";
    case "ExternalName":
      return service.spec.externalName ?? "";
    default:
      return external.join(",") || NONE;
  }
}

function ports({ spec }: V1Service): string {
  const texts = (spec?.ports ?? []).map(({ port, nodePort, protocol }) =>
    nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  );
  return texts.join(",") || NONE;
}

const EXTERNAL_TYPES: readonly (string | undefined)[] = ["NodePort", "LoadBalancer"];

/**
 * A change of type takes along what only the old type needs, so that `kubectl patch` need not name it; a value that the
 * client changed is its own to answer for. Source: api-policy 5.2 (dropTypeDependentFields).
 */
function dropWhatNoLongerApplies(next: V1ServiceSpec, old: V1ServiceSpec): void {
  const dropped = (applies: (spec: V1ServiceSpec) => boolean, name: keyof V1ServiceSpec) => {
    if (applies(old) && !applies(next) && deepEqual(next[name], old[name])) delete next[name];
  };
  const isBalanced = ({ type }: V1ServiceSpec) => type === "LoadBalancer";
  const hasNodePorts = ({ type }: V1ServiceSpec) => EXTERNAL_TYPES.includes(type);
  const hasAddress = ({ type }: V1ServiceSpec) => type !== "ExternalName";
  const checksHealth = (spec: V1ServiceSpec) => isBalanced(spec) && spec.externalTrafficPolicy === "Local";
  for (const name of ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] as const)
    dropped(hasAddress, name);
  dropped(checksHealth, "healthCheckNodePort");
  dropped((spec) => hasNodePorts(spec) || Boolean(spec.externalIPs?.length), "externalTrafficPolicy");
  for (const name of ["allocateLoadBalancerNodePorts", "loadBalancerClass"] as const)
    dropped(isBalanced, name);
  if (hasNodePorts(old) && !hasNodePorts(next))
    for (const [index, port] of (next.ports ?? []).entries())
      if (port.nodePort === old.ports?.[index]?.nodePort) delete port.nodePort;
}

/** Source: api-policy 6.5. */
function serviceWarnings(spec: V1ServiceSpec): string[] {
  const { externalIPs, sessionAffinity, externalName, type, trafficDistribution } = spec;
  const isHeadless = spec.clusterIP === "None";
  const odd: readonly [unknown, string][] = [
    [isHeadless && externalIPs?.length, "spec.externalIPs is ignored for headless services"],
    [
      isHeadless && sessionAffinity && sessionAffinity !== "None",
      "spec.SessionAffinity is ignored for headless services",
    ],
    [
      externalName && type !== "ExternalName",
      'spec.externalName is ignored when spec.type is not "ExternalName"',
    ],
    [
      trafficDistribution === "PreferClose",
      'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
    ],
  ];
  return odd.filter(([is]) => is).map(([, text]) => text);
}

/** Addresses, families and node ports are allocated by the API server. Source: api-policy 5.2, 6.5; api-wire 13. */
export const serviceRules: KindRules<V1Service> = {
  nameErrors: isDns1123Label,
  defaults({ spec, status }) {
    for (const ingress of status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= "VIP";
    if (spec === undefined) return;
    spec.type ||= "ClusterIP";
    spec.sessionAffinity ||= "None";
    if (spec.sessionAffinity === "None") delete spec.sessionAffinityConfig;
    else if (spec.sessionAffinity === "ClientIP") {
      spec.sessionAffinityConfig ??= {};
      const config = spec.sessionAffinityConfig;
      config.clientIP ??= {};
      config.clientIP.timeoutSeconds ??= 10800;
    }
    for (const port of spec.ports ?? []) {
      port.protocol ||= "TCP";
      port.targetPort ||= port.port;
    }
    if (spec.type !== "ExternalName") spec.internalTrafficPolicy ??= "Cluster";
    const reachable =
      EXTERNAL_TYPES.includes(spec.type) || (spec.type === "ClusterIP" && spec.externalIPs?.length);
    if (reachable) spec.externalTrafficPolicy ||= "Cluster";
    if (spec.type === "LoadBalancer") spec.allocateLoadBalancerNodePorts ??= true;
  },
  prepareCreate(service) {
    service.status = { loadBalancer: {} };
  },
  prepareUpdate: (service, old) => dropWhatNoLongerApplies(service.spec ?? {}, old.spec ?? {}),
  warnings: ({ spec }) => serviceWarnings(spec ?? {}),
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  columns: [
    nameColumn,
    column("Type", ({ spec }) => spec?.type ?? ""),
    column("Cluster-IP", ({ spec }) => spec?.clusterIPs?.[0] ?? spec?.clusterIP ?? NONE),
    column("External-IP", externalAddress),
    column("Port(s)", ports),
    ageColumn,
    wideColumn("Selector", ({ spec }) => formatLabels(spec?.selector)),
  ],
  selectableFieldNames: ["spec.clusterIP", "spec.type"],
  selectableFields: ({ spec }) => ({
    "spec.clusterIP": spec?.clusterIP ?? "",
    "spec.type": spec?.type ?? "",
  }),
};
