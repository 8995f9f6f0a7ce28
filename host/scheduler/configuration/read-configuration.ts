import { deepEqual } from "../../apimachinery/copy.ts";
import { decodeValue } from "../../apimachinery/decode.ts";
import { DecodeError } from "../../apimachinery/decode-error.ts";
import { badRequest } from "../../apimachinery/errors.ts";
import {
  duplicate,
  type FieldError,
  invalid,
  invalidObject,
  notSupported,
  required,
  tooMany,
} from "../../apimachinery/field-error.ts";
import { readDuration, unknownField } from "./arg-fields.ts";
import { extenderWarnings, readExtenders, resourcesIgnored } from "./extenders.ts";
import type { KubeSchedulerConfiguration, KubeSchedulerProfile } from "./kube-scheduler-configuration.ts";
import {
  DEFAULT_SCHEDULER_NAME,
  type LeaderElection,
  type Profile,
  type SchedulerConfiguration,
} from "./profile.ts";
import { readProfile } from "./read-profile.ts";
import { configurationSchema } from "./schema.ts";

export const CONFIGURATION_KIND = {
  group: "kubescheduler.config.k8s.io",
  plural: "",
  kind: "KubeSchedulerConfiguration",
};
/** The core has a row for each. */
const MAX_PROFILES = 1024;
const API_VERSION = `${CONFIGURATION_KIND.group}/v1`;

/**
 * Reads a KubeSchedulerConfiguration: decodes it strictly, fills in the defaults of 1.36, merges plugins and checks
 * everything.
 *
 * @param value  a parsed document
 * @throws ApiError 400 for a value of a wrong type, 422 with every other mistake
 */
export function readConfiguration(value: unknown): SchedulerConfiguration {
  const errors: FieldError[] = [];
  const written = decodeConfiguration(value, errors);
  const profiles = writtenProfiles(written);
  const warnings = warningsOf(written, profiles);
  if (profiles.length > MAX_PROFILES) errors.push(tooMany("profiles", profiles.length, MAX_PROFILES));
  const ignored = resourcesIgnored(written.extenders ?? []);
  const resolved = profiles.map((profile, i) =>
    withIgnored(readProfile(profile, `profiles[${i}]`, errors), ignored),
  );
  checkNames(profiles, errors);
  checkQueueSort(profiles, errors);
  const extenders = readExtenders(written.extenders ?? [], "extenders", errors);

  const { parallelism = 16, podInitialBackoffSeconds = 1, podMaxBackoffSeconds = 10 } = written;
  if (parallelism <= 0)
    errors.push(invalid("parallelism", parallelism, "should be an integer value greater than zero"));
  checkPercentage(written.percentageOfNodesToScore, "percentageOfNodesToScore", errors);
  profiles.forEach((profile, i) => {
    checkPercentage(profile.percentageOfNodesToScore, `profiles[${i}].percentageOfNodesToScore`, errors);
  });
  if (podInitialBackoffSeconds <= 0)
    errors.push(invalid("podInitialBackoffSeconds", podInitialBackoffSeconds, "must be greater than 0"));
  if (podMaxBackoffSeconds < podInitialBackoffSeconds) {
    const why = "must be greater than or equal to PodInitialBackoffSeconds";
    errors.push(invalid("podMaxBackoffSeconds", podMaxBackoffSeconds, why));
  }
  const leaderElection = readLeaderElection(written, errors);
  if (errors.length > 0) throw invalidObject(CONFIGURATION_KIND, "", errors);
  return {
    profiles: resolved,
    extenders,
    podInitialBackoffSeconds,
    podMaxBackoffSeconds,
    leaderElection,
    warnings,
  };
}

/** What holds when there is no configuration: one profile, all defaults. */
export function defaultConfiguration(): SchedulerConfiguration {
  return readConfiguration({ apiVersion: API_VERSION, kind: CONFIGURATION_KIND.kind });
}

function decodeConfiguration(value: unknown, errors: FieldError[]): KubeSchedulerConfiguration {
  const { apiVersion, kind } = (value ?? {}) as Partial<KubeSchedulerConfiguration>;
  if (!apiVersion) errors.push(required("apiVersion"));
  else if (apiVersion !== API_VERSION) errors.push(notSupported("apiVersion", apiVersion, [API_VERSION]));
  if (!kind) errors.push(required("kind"));
  else if (kind !== CONFIGURATION_KIND.kind)
    errors.push(notSupported("kind", kind, [CONFIGURATION_KIND.kind]));
  if (errors.length > 0) throw invalidObject(CONFIGURATION_KIND, "", errors);
  try {
    const type = "kubescheduler.v1.KubeSchedulerConfiguration";
    const decoded = decodeValue(configurationSchema(), type, value);
    for (const field of decoded.unknownFields) errors.push(unknownField(field));
    return decoded.value as KubeSchedulerConfiguration;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw badRequest(
      `${CONFIGURATION_KIND.kind}.${CONFIGURATION_KIND.group} "" cannot be read: ${error.message}`,
    );
  }
}

/** Without any there is one; a single profile need not say its name. */
function writtenProfiles({ profiles = [] }: KubeSchedulerConfiguration): readonly KubeSchedulerProfile[] {
  if (profiles.length > 1) return profiles;
  const [only = {}] = profiles;
  return [{ ...only, schedulerName: only.schedulerName ?? DEFAULT_SCHEDULER_NAME }];
}

/** What an extender looks after NodeResourcesFit does not check, in any profile. */
function withIgnored(profile: Profile, resources: readonly string[]): Profile {
  if (resources.length === 0) return profile;
  const { NodeResourcesFit } = profile.args;
  const ignoredResources = [...NodeResourcesFit.ignoredResources, ...resources];
  return {
    ...profile,
    args: { ...profile.args, NodeResourcesFit: { ...NodeResourcesFit, ignoredResources } },
  };
}

function warningsOf(
  written: KubeSchedulerConfiguration,
  profiles: readonly KubeSchedulerProfile[],
): readonly string[] {
  const fields = [
    ...(written.percentageOfNodesToScore === undefined ? [] : ["percentageOfNodesToScore"]),
    ...profiles.flatMap(({ percentageOfNodesToScore }, i) =>
      percentageOfNodesToScore === undefined ? [] : [`profiles[${i}].percentageOfNodesToScore`],
    ),
  ];
  return [
    ...fields.map((field) => `${field} is ignored: all nodes are filtered and scored`),
    ...extenderWarnings(written.extenders ?? []),
  ];
}

function checkPercentage(percentage: number | undefined, field: string, errors: FieldError[]): void {
  if (percentage !== undefined && (percentage < 0 || percentage > 100))
    errors.push(invalid(field, percentage, "not in valid range [0-100]"));
}

function checkNames(profiles: readonly KubeSchedulerProfile[], errors: FieldError[]): void {
  const first = new Map<string, number>();
  profiles.forEach(({ schedulerName = "" }, i) => {
    const field = `profiles[${i}].schedulerName`;
    if (schedulerName === "") errors.push(required(field));
    else if (first.has(schedulerName)) errors.push(duplicate(field, schedulerName));
    else first.set(schedulerName, i);
  });
}

/** All profiles share one queue, so they have to sort it alike. */
function checkQueueSort(profiles: readonly KubeSchedulerProfile[], errors: FieldError[]): void {
  const [first] = profiles;
  const canon = first?.plugins?.queueSort ?? {};
  const enabled = canon.enabled?.length ?? 0;
  if (enabled > 1) {
    const why = "only one queue sort plugin can be enabled";
    errors.push(invalid("profiles[0].plugins.queueSort.Enabled", enabled, why));
  }
  profiles.forEach(({ plugins }, i) => {
    const own = plugins?.queueSort ?? {};
    if (!deepEqual(own, canon))
      errors.push(
        invalid(`profiles[${i}].plugins.queueSort`, own, "queueSort must be the same for all profiles"),
      );
  });
}

function readLeaderElection(
  { leaderElection = {} }: KubeSchedulerConfiguration,
  errors: FieldError[],
): LeaderElection {
  const {
    leaderElect = true,
    resourceLock = "leases",
    leaseDuration,
    renewDeadline,
    retryPeriod,
  } = leaderElection;
  const { resourceName = "kube-scheduler", resourceNamespace = "kube-system" } = leaderElection;
  const duration = (text: string | undefined, otherwiseMs: number, name: string) =>
    readDuration(text, otherwiseMs, `leaderElection.${name}`, errors);
  const read = {
    leaderElect,
    leaseDurationMs: duration(leaseDuration, 15_000, "leaseDuration"),
    renewDeadlineMs: duration(renewDeadline, 10_000, "renewDeadline"),
    retryPeriodMs: duration(retryPeriod, 2_000, "retryPeriod"),
    resourceName,
    resourceNamespace,
  };
  if (!leaderElect) return read;
  if (resourceLock !== "leases")
    errors.push(invalid("leaderElection.resourceLock", resourceLock, 'resourceLock value must be "leases"'));
  if (read.leaseDurationMs <= read.renewDeadlineMs) {
    const why = "LeaseDuration must be greater than RenewDeadline";
    errors.push(invalid("leaderElection.leaseDuration", leaseDuration ?? "15s", why));
  }
  if (read.renewDeadlineMs <= read.retryPeriodMs) {
    const why = "RenewDeadline must be greater than RetryPeriod";
    errors.push(invalid("leaderElection.renewDeadline", renewDeadline ?? "10s", why));
  }
  return read;
}
