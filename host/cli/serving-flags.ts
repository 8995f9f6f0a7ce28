import { InvalidArgumentError, Option } from "commander";
import { FEATURE_GATES, type FeatureGates, parseFeatureGates } from "../apimachinery/feature-gates.ts";
import { parsePortRange, parseServiceRanges } from "../apiserver/allocators/service-ranges.ts";
import { parseRuntimeConfig } from "../apiserver/runtime-config.ts";
import type { ServingOptions } from "../apiserver/server.ts";
import { Failure } from "./failure.ts";
import { whole } from "./flags.ts";

/** How much is served at a time and what is written down, as commander hands it over. */
export interface ServingFlags {
  readonly serviceClusterIpRange?: string;
  readonly serviceNodePortRange?: string;
  readonly maxRequestsInflight?: number;
  readonly maxMutatingRequestsInflight?: number;
  readonly enablePriorityAndFairness?: string;
  readonly runtimeConfig?: string;
  readonly featureGates?: string;
  readonly auditLogPath?: string;
  readonly auditLogMaxsize?: number;
  readonly auditLogMaxbackup?: number;
  readonly auditLogMaxage?: number;
}

const MOST = 1_000_000;

/** kube-apiserver's flags of these names. */
export function servingFlags(): Option[] {
  const number = (flag: string, what: string) => new Option(`${flag} <n>`, what).argParser(whole(0, MOST));
  return [
    new Option(
      "--service-cluster-ip-range <cidrs>",
      "where Services get their addresses: a CIDR, or two of different IP families (default: 10.96.0.0/12)",
    ).argParser(checked(parseServiceRanges)),
    new Option(
      "--service-node-port-range <first-last>",
      "where they get their node ports (default: 30000-32767)",
    ).argParser(checked(parsePortRange)),
    number("--max-requests-inflight", "reading requests at a time (default: 400)"),
    number("--max-mutating-requests-inflight", "writing requests at a time (default: 200)"),
    new Option(
      "--enable-priority-and-fairness <yes>",
      "share the sum of both fairly by FlowSchemas; false: refuse one more than either (default: true)",
    ).choices(["true", "false"]),
    new Option(
      "--runtime-config <pairs>",
      "alpha versions to serve, as scheduling.k8s.io/v1alpha2=true; separated by commas",
    ).argParser(checked(parseRuntimeConfig)),
    featureGatesFlag(),
    new Option("--audit-log-path <file>", "append every request to it, as JSON lines at level Metadata"),
    number("--audit-log-maxsize", "megabytes after which the audit log is put aside (default: 100)"),
    number("--audit-log-maxbackup", "how many audit logs put aside are kept (default: all)"),
    number("--audit-log-maxage", "days they are kept (default: for ever)"),
  ];
}

/** kube-apiserver's, kube-scheduler's and kube-controller-manager's alike. */
export function featureGatesFlag(): Option {
  return new Option(
    "--feature-gates <pairs>",
    `alpha features, as GenericWorkload=true; separated by commas. There are ${FEATURE_GATES.join(", ")}`,
  ).argParser(checked(parseFeatureGates));
}

export function readFeatureGates({
  featureGates,
}: {
  readonly featureGates?: string;
}): FeatureGates | undefined {
  return featureGates === undefined ? undefined : parseFeatureGates(featureGates);
}

/** Says what is wrong with a value before anything is started; hands the text on as it is. */
function checked(parse: (text: string) => unknown): (text: string) => string {
  return (text) => {
    try {
      parse(text);
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
    }
    return text;
  };
}

export function readServing(flags: ServingFlags): ServingOptions {
  const { auditLogPath: path, auditLogMaxsize, auditLogMaxbackup, auditLogMaxage } = flags;
  const { maxRequestsInflight, maxMutatingRequestsInflight, enablePriorityAndFairness } = flags;
  const rotation = [auditLogMaxsize, auditLogMaxbackup, auditLogMaxage];
  if (path === undefined && rotation.some((one) => one !== undefined))
    throw new Failure("--audit-log-maxsize, -maxbackup and -maxage go with --audit-log-path only");
  const { serviceClusterIpRange, serviceNodePortRange, runtimeConfig } = flags;
  return {
    ...(runtimeConfig === undefined ? {} : { runtimeConfig: parseRuntimeConfig(runtimeConfig) }),
    featureGates: readFeatureGates(flags),
    serviceClusterIpRange,
    serviceNodePortRange,
    limits: {
      ...(maxRequestsInflight === undefined ? {} : { maxRequestsInFlight: maxRequestsInflight }),
      ...(maxMutatingRequestsInflight === undefined
        ? {}
        : { maxMutatingRequestsInFlight: maxMutatingRequestsInflight }),
    },
    ...(enablePriorityAndFairness === "false" ? { priorityAndFairness: false } : {}),
    ...(path === undefined
      ? {}
      : { audit: { path, maxSize: auditLogMaxsize, maxBackup: auditLogMaxbackup, maxAge: auditLogMaxage } }),
  };
}
