import type {
  V1LabelSelector,
  V1Pod,
  V1PodAffinityTerm,
  V1TopologySpreadConstraint,
  V1WeightedPodAffinityTerm,
} from "../api/generated/types.ts";
import { type FieldError, invalid, notSupported } from "../apimachinery/field-error.ts";
import type { OwnerReference } from "../apimachinery/object.ts";
import { type LabelSelector, type Labels, labelSelectorFromObject } from "../apimachinery/selectors.ts";

/** One topology spread constraint, parsed once. */
export interface SpreadConstraint {
  readonly key: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly honorsAffinity: boolean;
  readonly honorsTaints: boolean;
  readonly selector: LabelSelector;
}

/** One term of pod affinity or anti-affinity. */
export interface AffinityTerm {
  readonly key: string;
  readonly selector: LabelSelector;
  /** Named ones; the owner's if the term names none and selects none. */
  readonly namespaces: readonly string[];
  /** Nothing when the term has no namespaceSelector. */
  readonly namespaceSelector: LabelSelector;
}

/** What PodTopologySpread and InterPodAffinity read of a pod, be it waiting or bound. */
export interface PodTopology {
  readonly namespace: string;
  readonly labels: Labels;
  readonly terminating: boolean;
  readonly hard: readonly SpreadConstraint[];
  readonly soft: readonly SpreadConstraint[];
  /** Has constraints of its own; a pod that has none is given the system's. */
  readonly hasConstraints: boolean;
  readonly owner: OwnerReference | undefined;
  readonly affinity: readonly AffinityTerm[];
  readonly antiAffinity: readonly AffinityTerm[];
  /** Weights below 0 are anti-affinity. */
  readonly preferred: readonly { readonly weight: number; readonly term: AffinityTerm }[];
}

/** Everything of a pod that `readPodTopology` reads, for its signature. */
export function topologyParts(pod: V1Pod): unknown[] {
  const { affinity, topologySpreadConstraints } = pod.spec ?? {};
  const { labels, namespace, deletionTimestamp } = pod.metadata ?? {};
  const owner = controllerOf(pod);
  return [
    namespace,
    labels,
    deletionTimestamp !== undefined,
    owner && [owner.apiVersion, owner.kind, owner.name],
    topologySpreadConstraints,
    affinity?.podAffinity,
    affinity?.podAntiAffinity,
  ];
}

/** Of a bound pod, mistakes are of no interest: pass an array and forget it. */
export function readPodTopology(pod: V1Pod, errors: FieldError[]): PodTopology {
  const namespace = pod.metadata?.namespace || "default";
  const labels = pod.metadata?.labels ?? {};
  const reader = new TopologyReader(namespace, labels, errors);
  const constraints = pod.spec?.topologySpreadConstraints ?? [];
  const { podAffinity: near, podAntiAffinity: apart } = pod.spec?.affinity ?? {};
  const parsed = constraints.map((one, i) => reader.constraint(one, `spec.topologySpreadConstraints[${i}]`));
  const withAction = (action: string) =>
    parsed.filter((_, i) => constraints[i]!.whenUnsatisfiable === action);
  return {
    namespace,
    labels,
    terminating: pod.metadata?.deletionTimestamp !== undefined,
    hard: withAction("DoNotSchedule"),
    soft: withAction("ScheduleAnyway"),
    hasConstraints: constraints.length > 0,
    owner: controllerOf(pod),
    affinity: reader.required(near?.requiredDuringSchedulingIgnoredDuringExecution, "podAffinity"),
    antiAffinity: reader.required(apart?.requiredDuringSchedulingIgnoredDuringExecution, "podAntiAffinity"),
    preferred: [
      ...reader.preferred(near?.preferredDuringSchedulingIgnoredDuringExecution, "podAffinity", 1),
      ...reader.preferred(apart?.preferredDuringSchedulingIgnoredDuringExecution, "podAntiAffinity", -1),
    ],
  };
}

function controllerOf(pod: V1Pod): OwnerReference | undefined {
  return pod.metadata?.ownerReferences?.find(({ controller }) => controller === true);
}

const OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"];
const ACTIONS = ["DoNotSchedule", "ScheduleAnyway"];

class TopologyReader {
  constructor(
    private readonly namespace: string,
    private readonly labels: Labels,
    private readonly errors: FieldError[],
  ) {}

  constraint(one: V1TopologySpreadConstraint, path: string): SpreadConstraint {
    if (!Number.isInteger(one.maxSkew) || one.maxSkew <= 0)
      this.errors.push(invalid(`${path}.maxSkew`, one.maxSkew, "must be greater than zero"));
    if (!ACTIONS.includes(one.whenUnsatisfiable))
      this.errors.push(notSupported(`${path}.whenUnsatisfiable`, one.whenUnsatisfiable, ACTIONS));
    const added = this.#keyed(one.matchLabelKeys, "in");
    return {
      key: one.topologyKey,
      maxSkew: one.maxSkew,
      minDomains: one.minDomains ?? 1,
      honorsAffinity: (one.nodeAffinityPolicy ?? "Honor") === "Honor",
      honorsTaints: (one.nodeTaintsPolicy ?? "Ignore") === "Honor",
      selector: narrowed(this.#selector(one.labelSelector, `${path}.labelSelector`), added),
    };
  }

  required(terms: readonly V1PodAffinityTerm[] | undefined, of: string): AffinityTerm[] {
    const path = `spec.affinity.${of}.requiredDuringSchedulingIgnoredDuringExecution`;
    return (terms ?? []).map((term, i) => this.#term(term, `${path}[${i}]`));
  }

  preferred(terms: readonly V1WeightedPodAffinityTerm[] | undefined, of: string, sign: 1 | -1) {
    const path = `spec.affinity.${of}.preferredDuringSchedulingIgnoredDuringExecution`;
    return (terms ?? []).map(({ weight, podAffinityTerm }, i) => ({
      weight: sign * weight,
      term: this.#term(podAffinityTerm, `${path}[${i}].podAffinityTerm`),
    }));
  }

  #term(term: V1PodAffinityTerm, path: string): AffinityTerm {
    const namesAny = (term.namespaces ?? []).length > 0 || term.namespaceSelector !== undefined;
    // The API server merges both lists of keys into the selector when it creates the pod; a term that has them merged
    // already is not changed by it.
    const added = [
      ...this.#keyed(term.matchLabelKeys, "in"),
      ...this.#keyed(term.mismatchLabelKeys, "notin"),
    ];
    return {
      key: term.topologyKey,
      selector: narrowed(this.#selector(term.labelSelector, `${path}.labelSelector`), added),
      namespaces: namesAny ? [...new Set(term.namespaces)].sort() : [this.namespace],
      namespaceSelector: this.#selector(term.namespaceSelector, `${path}.namespaceSelector`),
    };
  }

  /** Keys that the pod does not have are left out. */
  #keyed(keys: readonly string[] | undefined, operator: "in" | "notin") {
    return (keys ?? []).flatMap((key) =>
      Object.hasOwn(this.labels, key) ? [{ key, operator, values: [this.labels[key]!] }] : [],
    );
  }

  #selector(object: V1LabelSelector | undefined, path: string): LabelSelector {
    const expressions = object?.matchExpressions ?? [];
    const known = expressions.filter(({ operator }, i) => {
      if (OPERATORS.includes(operator)) return true;
      this.errors.push(notSupported(`${path}.matchExpressions[${i}].operator`, operator, OPERATORS));
      return false;
    });
    return labelSelectorFromObject(object && { ...object, matchExpressions: known });
  }
}

/** A selector of nothing stays one. */
function narrowed(selector: LabelSelector, added: LabelSelector["requirements"]): LabelSelector {
  if (selector.nothing || added.length === 0) return selector;
  return { requirements: [...selector.requirements, ...added] };
}
