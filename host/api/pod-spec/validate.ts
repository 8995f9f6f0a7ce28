import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  required,
} from "../../apimachinery/field-error.ts";
import { isDns1123Label, isDns1123Subdomain, isQualifiedName } from "../../apimachinery/names.ts";
import { validateAddress } from "../addresses.ts";
import { checked, inRange, MAX_INT32, nonNegative, oneOf } from "../field-checks.ts";
import type { V1PodSpec } from "../generated/types.ts";
import { validateLabels } from "../metadata.ts";
import { validateContainers } from "./containers.ts";
import { validatePodResources } from "./resources.ts";
import { validateAffinity, validateSpreadConstraints, validateTolerations } from "./scheduling.ts";
import { validateSecurity } from "./security-context.ts";
import { validateVolumes } from "./volumes.ts";

const RESTART_POLICIES = ["Always", "OnFailure", "Never"];
const DNS_POLICIES = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;

/** Everything wrong with a pod spec, wherever it stands. Source: api-policy 6.4 (ValidatePodSpec). */
export function validatePodSpec(field: string, spec: V1PodSpec): FieldError[] {
  return [
    ...validateVolumes(`${field}.volumes`, spec),
    ...validateContainers(field, spec),
    ...(spec.resources ? validatePodResources(`${field}.resources`, spec.resources, spec) : []),
    ...validateSecurity(field, spec),
    ...oneOf(`${field}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES),
    ...oneOf(`${field}.dnsPolicy`, spec.dnsPolicy, DNS_POLICIES),
    ...validateLabels(`${field}.nodeSelector`, spec.nodeSelector),
    ...(spec.affinity ? validateAffinity(`${field}.affinity`, spec.affinity) : []),
    ...validateDns(field, spec),
    ...(spec.readinessGates ?? []).flatMap(({ conditionType = "" }, index) =>
      checked(
        `${field}.readinessGates[${index}].conditionType`,
        conditionType,
        isQualifiedName(conditionType),
      ),
    ),
    ...validateGates(field, spec),
    ...validateGroup(field, spec),
    ...validateSpreadConstraints(`${field}.topologySpreadConstraints`, spec.topologySpreadConstraints ?? []),
    ...validateNames(field, spec),
    ...inRange(`${field}.activeDeadlineSeconds`, spec.activeDeadlineSeconds, 1, MAX_INT32),
    ...nonNegative(`${field}.terminationGracePeriodSeconds`, spec.terminationGracePeriodSeconds),
    ...validateTolerations(`${field}.tolerations`, spec.tolerations ?? []),
    ...oneOf(`${field}.preemptionPolicy`, spec.preemptionPolicy, ["PreemptLowerPriority", "Never"]),
    ...oneOf(`${field}.os`, spec.os?.name, ["linux", "windows"]),
    ...validateClaims(field, spec),
    ...(spec.hostAliases ?? []).flatMap(({ ip, hostnames = [] }, index) => {
      const path = `${field}.hostAliases[${index}]`;
      return [
        ...validateAddress(`${path}.ip`, ip ?? ""),
        ...hostnames.flatMap((name, at) =>
          checked(`${path}.hostnames[${at}]`, name, isDns1123Subdomain(name)),
        ),
      ];
    }),
  ];
}

const SUBDOMAINS = ["serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"] as const;
const LABELS = ["hostname", "subdomain"] as const;

function validateNames(field: string, spec: V1PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  for (const name of SUBDOMAINS)
    if (spec[name]) errors.push(...checked(`${field}.${name}`, spec[name], isDns1123Subdomain(spec[name])));
  for (const name of LABELS)
    if (spec[name]) errors.push(...checked(`${field}.${name}`, spec[name], isDns1123Label(spec[name])));
  return errors;
}

function validateDns(field: string, { dnsPolicy, dnsConfig }: V1PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (dnsPolicy === "None" && !dnsConfig?.nameservers?.length) {
    const [at, why] = dnsConfig
      ? ["dnsConfig.nameservers", "must provide at least one DNS nameserver when `dnsPolicy` is None"]
      : ["dnsConfig", "must provide `dnsConfig` when `dnsPolicy` is None"];
    errors.push(required(`${field}.${at}`, why));
  }
  const { nameservers = [], searches = [] } = dnsConfig ?? {};
  if (nameservers.length > MAX_NAMESERVERS)
    errors.push(
      invalid(`${field}.dnsConfig.nameservers`, nameservers, "must not have more than 3 nameservers"),
    );
  if (searches.length > MAX_SEARCHES)
    errors.push(invalid(`${field}.dnsConfig.searches`, searches, "must not have more than 32 search paths"));
  return errors;
}

function validateGates(field: string, { schedulingGates = [], nodeName }: V1PodSpec): FieldError[] {
  if (schedulingGates.length === 0) return [];
  const seen = new Set<string>();
  const errors = schedulingGates.flatMap(({ name }, index) => {
    const path = `${field}.schedulingGates[${index}]`;
    const bad = checked(path, name ?? "", isQualifiedName(name ?? ""));
    if (seen.has(name)) bad.push(duplicate(path, name));
    seen.add(name);
    return bad;
  });
  if (nodeName)
    errors.push(
      forbiddenField(`${field}.nodeName`, "cannot be set until all schedulingGates have been cleared"),
    );
  return errors;
}

/** The group that the pod is scheduled with. */
function validateGroup(field: string, { schedulingGroup: group }: V1PodSpec): FieldError[] {
  if (group === undefined) return [];
  const name = group.podGroupName;
  if (name === undefined)
    return [invalid(`${field}.schedulingGroup`, "", "must specify one of: `podGroupName`")];
  return checked(`${field}.schedulingGroup.podGroupName`, name, isDns1123Subdomain(name));
}

/** The devices the pod asks for, and that containers only use what the pod asks for. */
function validateClaims(field: string, spec: V1PodSpec): FieldError[] {
  return (spec.resourceClaims ?? []).flatMap((claim, index) => {
    const sources = [claim.resourceClaimName, claim.resourceClaimTemplateName].filter(Boolean);
    const path = `${field}.resourceClaims[${index}]`;
    const errors = checked(`${path}.name`, claim.name ?? "", isDns1123Label(claim.name ?? ""));
    const which = "`resourceClaimName`, `resourceClaimTemplateName`";
    const inGo = {
      Name: claim.name,
      ResourceClaimName: claim.resourceClaimName ?? null,
      ResourceClaimTemplateName: claim.resourceClaimTemplateName ?? null,
    };
    if (sources.length === 0) errors.push(invalid(path, inGo, `must specify one of: ${which}`));
    if (sources.length > 1) errors.push(invalid(path, inGo, `at most one of ${which} may be specified`));
    return errors;
  });
}
