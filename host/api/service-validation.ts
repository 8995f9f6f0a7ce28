import { isIP } from "node:net";
import { deepEqual } from "../apimachinery/copy.ts";
import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  required,
} from "../apimachinery/field-error.ts";
import { isDns1123Label, isDns1123Subdomain, isPortNumber, isQualifiedName } from "../apimachinery/names.ts";
import { familyOf, validateAddress, validateRange, validateReachable } from "./addresses.ts";
import { checked, immutable, oneOf, portNumberOrName } from "./field-checks.ts";
import type { V1Service, V1ServicePort, V1ServiceSpec } from "./generated/types.ts";
import { validateLabels } from "./metadata.ts";

const TYPES = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const PROTOCOLS = ["SCTP", "TCP", "UDP"];
const MAX_AFFINITY_SECONDS = 86_400;

/** Allocation (ranges, taken addresses and ports) is the API server's. Source: api-policy 6.5 (ValidateService). */
export function validateService({ spec }: V1Service): FieldError[] {
  if (spec === undefined) return [required("spec.ports")];
  return [
    ...validatePorts(spec),
    ...validateByType(spec),
    ...validateLabels("spec.selector", spec.selector),
    ...validateSessionAffinity(spec),
    ...validateClusterAddresses(spec),
    ...(spec.externalIPs ?? []).flatMap((address, index) => {
      const field = `spec.externalIPs[${index}]`;
      return [...validateAddress(field, address), ...validateReachable(field, address)];
    }),
    ...oneOf("spec.type", spec.type, TYPES),
    ...(spec.loadBalancerSourceRanges ?? []).flatMap((range, index) =>
      validateRange(`spec.LoadBalancerSourceRanges[${index}]`, range.trim()),
    ),
    ...validateBalancer(spec),
    ...validateTraffic(spec),
  ];
}

function isHeadless({ clusterIP }: V1ServiceSpec): boolean {
  return clusterIP === "None";
}

/** As Go prints a port of its internal type. */
function shown({ name, protocol, appProtocol, port, targetPort, nodePort }: V1ServicePort): object {
  return {
    Name: name ?? "",
    Protocol: protocol ?? "",
    AppProtocol: appProtocol ?? null,
    Port: port ?? 0,
    TargetPort: targetPort ?? 0,
    NodePort: nodePort ?? 0,
  };
}

function validatePorts(spec: V1ServiceSpec): FieldError[] {
  const ports = spec.ports ?? [];
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== "ExternalName")
    return [required("spec.ports")];
  const names = new Set<string>();
  const errors: FieldError[] = [];
  for (const [index, port] of ports.entries()) {
    const field = `spec.ports[${index}]`;
    if (port.name) {
      const bad = checked(`${field}.name`, port.name, isDns1123Label(port.name));
      if (bad.length === 0 && names.has(port.name)) bad.push(duplicate(`${field}.name`, port.name));
      names.add(port.name);
      errors.push(...bad);
    } else if (ports.length > 1) errors.push(required(`${field}.name`));
    errors.push(...checked(`${field}.port`, port.port ?? 0, isPortNumber(port.port ?? 0)));
    if (!port.protocol) errors.push(required(`${field}.protocol`));
    else if (!PROTOCOLS.includes(port.protocol))
      errors.push(notSupported(`${field}.protocol`, port.protocol, PROTOCOLS));
    errors.push(...portNumberOrName(`${field}.targetPort`, port.targetPort ?? port.port));
    if (port.appProtocol)
      errors.push(...checked(`${field}.appProtocol`, port.appProtocol, isQualifiedName(port.appProtocol)));
  }
  const taken = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const key = `${port.protocol}/${port.port}`;
    const { protocol, port: number } = port;
    if (taken.has(key)) errors.push(duplicate(`spec.ports[${index}]`, shown({ protocol, port: number })));
    taken.add(key);
  }
  return errors;
}

function validateByType(spec: V1ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  if ((spec.type === "NodePort" || spec.type === "LoadBalancer") && isHeadless(spec)) {
    const why = `may not be set to 'None' for ${spec.type} services`;
    errors.push(invalid("spec.clusterIPs[0]", "None", why));
  }
  if (spec.type === "ExternalName") {
    if (spec.clusterIPs?.length || spec.clusterIP)
      errors.push(forbiddenField("spec.clusterIPs", "may not be set for ExternalName services"));
    // A trailing dot makes a DNS name absolute.
    const name = (spec.externalName ?? "").replace(/\.$/, "");
    if (name === "") errors.push(required("spec.externalName"));
    else errors.push(...checked("spec.externalName", name, isDns1123Subdomain(name)));
  }
  if (spec.type === "ClusterIP" || spec.type === "ExternalName")
    for (const [index, { nodePort }] of (spec.ports ?? []).entries())
      if (nodePort) {
        const why = `may not be used when \`type\` is '${spec.type}'`;
        errors.push(forbiddenField(`spec.ports[${index}].nodePort`, why));
      }
  return errors;
}

function validateSessionAffinity({ sessionAffinity, sessionAffinityConfig }: V1ServiceSpec): FieldError[] {
  const errors = oneOf("spec.sessionAffinity", sessionAffinity, ["ClientIP", "None"]);
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (
    sessionAffinity === "ClientIP" &&
    seconds !== undefined &&
    (seconds <= 0 || seconds > MAX_AFFINITY_SECONDS)
  ) {
    const field = "spec.sessionAffinityConfig.clientIP.timeoutSeconds";
    errors.push(invalid(field, seconds, "must be greater than 0 and less than 86400"));
  }
  return errors;
}

function validateClusterAddresses({ clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy }: V1ServiceSpec) {
  const errors: FieldError[] = [];
  const addresses = clusterIPs ?? (clusterIP ? [clusterIP] : []);
  if (clusterIP && clusterIPs?.length && clusterIPs[0] !== clusterIP)
    errors.push(invalid("spec.clusterIPs", clusterIPs, "first value must match `clusterIP`"));
  const twice = "may only hold up to 2 values";
  if (addresses.length > 2) errors.push(invalid("spec.clusterIPs", addresses, twice));
  if (addresses.length > 1 && addresses.includes("None"))
    errors.push(invalid("spec.clusterIPs", addresses, "'None' must be the first and only value"));
  for (const [index, address] of addresses.entries()) {
    if (address === "" || address === "None") continue;
    const field = `spec.clusterIPs[${index}]`;
    const bad = validateAddress(field, address);
    const family = ipFamilies?.[index];
    if (bad.length === 0 && family !== undefined && family !== familyOf(address))
      bad.push(
        invalid(field, address, `expected an ${family} value as indicated by \`ipFamilies[${index}]\``),
      );
    errors.push(...bad);
  }
  const [first, second] = addresses;
  if (first && second && isIP(first) !== 0 && isIP(first) === isIP(second))
    errors.push(invalid("spec.clusterIPs", addresses, "may specify no more than one IP for each IP family"));
  if ((ipFamilies?.length ?? 0) > 2) errors.push(invalid("spec.ipFamilies", ipFamilies, twice));
  for (const [index, family] of (ipFamilies ?? []).entries()) {
    const field = `spec.ipFamilies[${index}]`;
    errors.push(...oneOf(field, family, ["IPv4", "IPv6"]));
    if (ipFamilies!.indexOf(family) < index) errors.push(duplicate(field, family));
  }
  const policies = ["PreferDualStack", "RequireDualStack", "SingleStack"];
  return [...errors, ...oneOf("spec.ipFamilyPolicy", ipFamilyPolicy, policies)];
}

function validateBalancer(spec: V1ServiceSpec): FieldError[] {
  if (spec.type === "LoadBalancer") return [];
  const why = "may only be used when `type` is 'LoadBalancer'";
  const errors: FieldError[] = [];
  if (spec.allocateLoadBalancerNodePorts !== undefined)
    errors.push(forbiddenField("spec.allocateLoadBalancerNodePorts", why));
  if (spec.loadBalancerClass !== undefined) errors.push(forbiddenField("spec.loadBalancerClass", why));
  if (spec.loadBalancerSourceRanges?.length)
    errors.push(forbiddenField("spec.LoadBalancerSourceRanges", why));
  return errors;
}

function validateTraffic(spec: V1ServiceSpec): FieldError[] {
  const { type, externalTrafficPolicy, internalTrafficPolicy, healthCheckNodePort, externalIPs } = spec;
  const isExternal =
    type === "NodePort" || type === "LoadBalancer" || (type === "ClusterIP" && externalIPs?.length);
  const errors: FieldError[] = [];
  if (externalTrafficPolicy) {
    if (!isExternal) {
      const why = "may only be set for externally-accessible services";
      errors.push(invalid("spec.externalTrafficPolicy", externalTrafficPolicy, why));
    } else errors.push(...oneOf("spec.externalTrafficPolicy", externalTrafficPolicy, ["Cluster", "Local"]));
  }
  if (healthCheckNodePort && !(type === "LoadBalancer" && externalTrafficPolicy === "Local")) {
    const why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(invalid("spec.healthCheckNodePort", healthCheckNodePort, why));
  }
  errors.push(
    ...oneOf("spec.internalTrafficPolicy", internalTrafficPolicy, ["Cluster", "Local"]),
    ...oneOf("spec.trafficDistribution", spec.trafficDistribution, [
      "PreferClose",
      "PreferSameZone",
      "PreferSameNode",
    ]),
  );
  return errors;
}

/** An address, once given, stays as long as the service needs one. */
export function validateServiceUpdate(next: V1Service, old: V1Service): FieldError[] {
  const errors: FieldError[] = [];
  const after = next.spec?.clusterIPs ?? [];
  const before = old.spec?.clusterIPs ?? [];
  const stays = next.spec?.type !== "ExternalName" && old.spec?.type !== "ExternalName";
  if (stays && before.length > 0) {
    if (after.length === 0 || !after[0])
      errors.push(invalid("spec.clusterIPs[0]", after, "primary clusterIP can not be unset"));
    else if (!deepEqual(after[0], before[0]))
      errors.push(invalid("spec.clusterIPs[0]", after, "may not change once set"));
    // The second may come and go, but not become another.
    else if (after[1] && before[1] && after[1] !== before[1])
      errors.push(invalid("spec.clusterIPs[1]", after, "may not change once set"));
    const [family, had] = [next.spec?.ipFamilies ?? [], old.spec?.ipFamilies ?? []];
    if (family[0] && had[0] && family[0] !== had[0])
      errors.push(invalid("spec.ipFamilies[0]", family[0], "may not change once set"));
  }
  if (next.spec?.type === "LoadBalancer" && old.spec?.type === "LoadBalancer")
    errors.push(
      ...immutable("spec.loadBalancerClass", next.spec.loadBalancerClass, old.spec.loadBalancerClass),
    );
  return errors;
}
