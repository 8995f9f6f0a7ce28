import type { KubernetesObject } from "../../apimachinery/object.ts";
import type {
  V1PersistentVolumeClaim,
  V1Pod,
  V1PodAffinityTerm,
  V1ResourceQuota,
} from "../generated/types.ts";
import type { Kind } from "../kind.ts";
import { qualityOfService } from "../pod-spec/quality-of-service.ts";

interface Requirement {
  readonly scopeName: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

/** Whether the quota is about the object: every scope has to fit, and one of pods excludes other kinds. */
export function isInScope(
  { spec }: V1ResourceQuota,
  kind: Pick<Kind, "group" | "plural">,
  object: KubernetesObject,
): boolean {
  const requirements: readonly Requirement[] = [
    ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: "Exists" })),
    ...(spec?.scopeSelector?.matchExpressions ?? []),
  ];
  return requirements.every((one) => fits(one, kind, object));
}

function fits(
  requirement: Requirement,
  { group, plural }: Pick<Kind, "group" | "plural">,
  object: KubernetesObject,
): boolean {
  if (requirement.scopeName === "VolumeAttributesClass") {
    const isClaim = group === "" && plural === "persistentvolumeclaims";
    const className = (object as V1PersistentVolumeClaim).spec?.volumeAttributesClassName;
    return isClaim && selects(requirement, className || undefined);
  }
  return group === "" && plural === "pods" && fitsPod(requirement, object as V1Pod);
}

function fitsPod(requirement: Requirement, { spec }: V1Pod): boolean {
  switch (requirement.scopeName) {
    case "Terminating":
      return (spec?.activeDeadlineSeconds ?? -1) >= 0;
    case "NotTerminating":
      return !((spec?.activeDeadlineSeconds ?? -1) >= 0);
    case "BestEffort":
      return spec !== undefined && qualityOfService(spec) === "BestEffort";
    case "NotBestEffort":
      return spec !== undefined && qualityOfService(spec) !== "BestEffort";
    case "PriorityClass":
      return selects(requirement, spec?.priorityClassName || undefined);
    case "CrossNamespacePodAffinity": {
      const { podAffinity, podAntiAffinity } = spec?.affinity ?? {};
      const terms = [podAffinity, podAntiAffinity].flatMap((one) => [
        ...(one?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
        ...(one?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((two) => two.podAffinityTerm),
      ]);
      return terms.some((term: V1PodAffinityTerm) => term.namespaces?.length || term.namespaceSelector);
    }
    default:
      return false;
  }
}

function selects({ operator, values = [] }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "DoesNotExist":
      return value === undefined;
    default:
      return value !== undefined;
  }
}
