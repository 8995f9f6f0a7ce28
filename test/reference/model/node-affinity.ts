import type {
  V1Node,
  V1NodeSelectorRequirement,
  V1NodeSelectorTerm,
  V1Pod,
} from "../../../host/api/generated/types.ts";
import { type Cycle, type Place, type Plugin, refuse, type Scores } from "./cycle.ts";
import { normalizeDefault } from "./normalize.ts";

/** Reference model of NodeAffinity, written from shared/spec/scheduling.md 2.4 and 3.4. */
const integer = /^[-+]?[0-9]+$/;

/** One requirement against the text the node has for it; undefined: it has none. */
function holds({ operator, values = [] }: V1NodeSelectorRequirement, actual: string | undefined): boolean {
  switch (operator) {
    case "In":
      return actual !== undefined && values.includes(actual);
    case "NotIn":
      return actual === undefined || !values.includes(actual);
    case "Exists":
      return actual !== undefined;
    case "DoesNotExist":
      return actual === undefined;
    default: {
      if (actual === undefined || !integer.test(actual)) return false;
      const difference = BigInt(actual) - BigInt(values[0]!);
      return operator === "Gt" ? difference > 0n : difference < 0n;
    }
  }
}

/** Empty, or up to 63 characters that begin and end with a letter or digit. */
const labelValue = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/** A requirement that cannot be parsed (labels.NewRequirement) makes its term match nothing. */
function parses({ operator, values = [] }: V1NodeSelectorRequirement): boolean {
  if (!values.every((value) => labelValue.test(value))) return false;
  if (operator === "In" || operator === "NotIn") return values.length > 0;
  if (operator === "Exists" || operator === "DoesNotExist") return values.length === 0;
  return values.length === 1 && integer.test(values[0]!);
}

export function termMatches(term: V1NodeSelectorTerm | undefined, node: V1Node): boolean {
  const expressions = term?.matchExpressions ?? [];
  const fields = term?.matchFields ?? [];
  if (expressions.length + fields.length === 0) return false;
  return (
    expressions.every((one) => parses(one) && holds(one, node.metadata?.labels?.[one.key])) &&
    fields.every((one) => one.values?.length === 1 && holds(one, node.metadata?.name))
  );
}

/** The names PreFilter narrows to; undefined: it does not. */
function narrowedNames(pod: V1Pod): string[] | undefined {
  const terms =
    pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  if (terms.length === 0) return undefined;
  const names: string[] = [];
  for (const term of terms) {
    const lists = (term.matchFields ?? [])
      .filter((one) => one.operator === "In")
      .map((one) => one.values ?? []);
    if (lists.length === 0) return undefined;
    names.push(...lists[0]!.filter((name) => lists.every((list) => list.includes(name))));
  }
  return names;
}

/** nodeSelector and required node affinity. */
export function requiredAffinityMatches(pod: V1Pod, node: V1Node): boolean {
  const required = pod.spec!.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const selected = Object.entries(pod.spec!.nodeSelector ?? {}).every(
    ([key, value]) => node.metadata?.labels?.[key] === value,
  );
  return selected && (!required || required.nodeSelectorTerms.some((term) => termMatches(term, node)));
}

const addedAffinity = ({ profile }: Cycle) => profile.args("NodeAffinity").addedAffinity;

export const nodeAffinity: Plugin = {
  preFilter: ({ pod }) => {
    const names = narrowedNames(pod);
    if (names?.length === 0) return { refusal: refuse("pod affinity terms conflict") };
    return names ? { names } : {};
  },
  filter: (cycle, { node }) => {
    const added = addedAffinity(cycle)?.requiredDuringSchedulingIgnoredDuringExecution;
    if (added && !added.nodeSelectorTerms.some((term) => termMatches(term, node)))
      return refuse("node(s) didn't match scheduler-enforced node affinity");
    return requiredAffinityMatches(cycle.pod, node)
      ? undefined
      : refuse("node(s) didn't match Pod's node affinity/selector");
  },
  score: (cycle: Cycle, feasible: readonly Place[]): Scores => {
    const own = cycle.pod.spec!.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const added = addedAffinity(cycle)?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const raw = feasible.map(({ node }) =>
      [...own, ...added]
        .filter((one) => termMatches(one.preference, node))
        .reduce((sum, one) => sum + one.weight, 0),
    );
    return [raw, normalizeDefault(raw, false)];
  },
};
