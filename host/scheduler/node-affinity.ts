import type {
  V1NodeAffinity,
  V1NodeSelector,
  V1NodeSelectorRequirement,
  V1NodeSelectorTerm,
  V1Pod,
} from "../api/generated/types.ts";
import { type FieldError, invalid, notSupported } from "../apimachinery/field-error.ts";
import { isLabelValue, isQualifiedName } from "../apimachinery/names.ts";

/** What affinity looks at of a node. */
export interface NodeIdentity {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** One term, ready to be matched. `undefined` in its place: it matches nothing (empty, or one that cannot be parsed). */
type TermMatcher = (node: NodeIdentity) => boolean;

/** The node affinity of a pod, parsed once. Source: k8s.io/component-helpers/scheduling/corev1/nodeaffinity. */
export interface NodeAffinity {
  /** nodeSelector and the required terms. */
  readonly matches: (node: NodeIdentity) => boolean;
  /** The only nodes that matchFields allow; undefined: any. Empty: the terms contradict each other. */
  readonly onlyNodes: ReadonlySet<string> | undefined;
  readonly preferred: readonly { readonly weight: number; readonly matches: TermMatcher }[];
  /** The label keys it looks at. */
  readonly labelKeys: readonly string[];
  /** It looks at the node's name. */
  readonly looksAtName: boolean;
}

const LABEL_OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"];
const FIELD_OPERATORS = ["In", "NotIn"];
const NAME_FIELD = "metadata.name";

/** A pod's own: what cannot be parsed of its required terms matches nothing; of its preferred ones it is an error. */
export function readNodeAffinity(pod: V1Pod, errors: FieldError[]): NodeAffinity {
  const { nodeSelector, affinity } = pod.spec ?? {};
  const where = { field: "spec.affinity.nodeAffinity", isStrict: false };
  return parseNodeAffinity(nodeSelector ?? {}, affinity?.nodeAffinity, where, errors);
}

/** @param where  `isStrict`: a required term that cannot be parsed is an error too */
export function parseNodeAffinity(
  nodeSelector: Readonly<Record<string, string>>,
  affinity: V1NodeAffinity | undefined,
  where: { readonly field: string; readonly isStrict: boolean },
  errors: FieldError[],
): NodeAffinity {
  const selector = Object.entries(nodeSelector);
  const required = affinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const preferred = affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const path = where.field;
  const requiredPath = `${path}.requiredDuringSchedulingIgnoredDuringExecution`;
  const terms = required?.nodeSelectorTerms ?? [];
  const matchers = terms.map((term, i) =>
    readTerm(term, `${requiredPath}.nodeSelectorTerms[${i}]`, errors, where.isStrict),
  );
  const preferences = preferred.map(({ weight, preference }, i) => ({
    weight,
    matches: readTerm(
      preference ?? {},
      `${path}.preferredDuringSchedulingIgnoredDuringExecution[${i}].preference`,
      errors,
      true,
    ),
  }));
  const all = [...terms, ...preferred.map((one) => one.preference ?? {})];
  return {
    matches: (node) =>
      selector.every(([key, value]) => Object.hasOwn(node.labels, key) && node.labels[key] === value) &&
      (!required || matchers.some((matches) => matches?.(node) === true)),
    onlyNodes: required ? namedNodes(terms) : undefined,
    preferred: preferences.flatMap(({ weight, matches }) => (matches && weight ? [{ weight, matches }] : [])),
    labelKeys: [
      ...selector.map(([key]) => key),
      ...all.flatMap((term) => (term.matchExpressions ?? []).map(({ key }) => key)),
    ],
    looksAtName: all.some((term) => (term.matchFields ?? []).length > 0),
  };
}

/** A node selector: some term matches. One that cannot be parsed matches nothing. */
export function readNodeSelector(
  selector: V1NodeSelector,
  field: string,
  errors: FieldError[],
): Pick<NodeAffinity, "matches" | "labelKeys" | "looksAtName"> {
  const terms = selector.nodeSelectorTerms ?? [];
  const matchers = terms.map((term, i) => readTerm(term, `${field}.nodeSelectorTerms[${i}]`, errors, false));
  return {
    matches: (node) => matchers.some((matches) => matches?.(node) === true),
    labelKeys: terms.flatMap((term) => (term.matchExpressions ?? []).map(({ key }) => key)),
    looksAtName: terms.some((term) => (term.matchFields ?? []).length > 0),
  };
}

/** NodeAffinity's PreFilter: the names a term allows are intersected, the terms united; a term without names allows all. */
function namedNodes(terms: readonly V1NodeSelectorTerm[]): Set<string> | undefined {
  if (terms.length === 0) return undefined;
  const union = new Set<string>();
  for (const term of terms) {
    const lists = (term.matchFields ?? [])
      .filter(({ key, operator }) => key === NAME_FIELD && operator === "In")
      .map(({ values }) => values ?? []);
    if (lists.length === 0) return undefined;
    for (const name of lists[0]!) if (lists.every((list) => list.includes(name))) union.add(name);
  }
  return union;
}

/**
 * @param strict  a requirement that cannot be parsed is an error, instead of matching nothing
 */
function readTerm(
  term: V1NodeSelectorTerm,
  field: string,
  errors: FieldError[],
  strict: boolean,
): TermMatcher | undefined {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length === 0 && fields.length === 0) return undefined;
  const matchers: (TermMatcher | undefined)[] = [];
  const read = (
    requirement: V1NodeSelectorRequirement,
    where: string,
    operators: readonly string[],
    parse: (requirement: V1NodeSelectorRequirement) => TermMatcher | undefined,
  ) => {
    const { operator } = requirement;
    if (!operators.includes(operator)) {
      errors.push(notSupported(`${where}.operator`, operator, operators));
      return;
    }
    const matcher = parse(requirement);
    if (matcher === undefined && strict)
      errors.push(invalid(where, requirement, "not a valid selector requirement"));
    matchers.push(matcher);
  };
  expressions.forEach((one, i) => {
    read(one, `${field}.matchExpressions[${i}]`, LABEL_OPERATORS, parseLabelRequirement);
  });
  fields.forEach((one, i) => {
    read(one, `${field}.matchFields[${i}]`, FIELD_OPERATORS, parseFieldRequirement);
  });
  if (matchers.includes(undefined)) return undefined;
  return (node) => matchers.every((matches) => matches!(node));
}

/** Source: labels.NewRequirement and Requirement.Matches. */
function parseLabelRequirement(requirement: V1NodeSelectorRequirement): TermMatcher | undefined {
  const { key, operator } = requirement;
  const values = requirement.values ?? [];
  if (isQualifiedName(key).length > 0 || values.some((value) => isLabelValue(value).length > 0))
    return undefined;
  const has = (node: NodeIdentity) => Object.hasOwn(node.labels, key);
  switch (operator) {
    case "In":
      return values.length === 0 ? undefined : (node) => has(node) && values.includes(node.labels[key]!);
    case "NotIn":
      return values.length === 0 ? undefined : (node) => !has(node) || !values.includes(node.labels[key]!);
    case "Exists":
      return values.length > 0 ? undefined : has;
    case "DoesNotExist":
      return values.length > 0 ? undefined : (node) => !has(node);
    default: {
      const bound = values.length === 1 ? parseInt64(values[0]!) : undefined;
      if (bound === undefined) return undefined;
      return (node) => {
        const label = has(node) ? parseInt64(node.labels[key]!) : undefined;
        return label !== undefined && (operator === "Gt" ? label > bound : label < bound);
      };
    }
  }
}

function parseFieldRequirement(requirement: V1NodeSelectorRequirement): TermMatcher | undefined {
  const { key, operator } = requirement;
  const values = requirement.values ?? [];
  if (values.length !== 1) return undefined;
  const value = values[0]!;
  const fieldOf = (node: NodeIdentity) => (key === NAME_FIELD ? node.name : "");
  return operator === "In" ? (node) => fieldOf(node) === value : (node) => fieldOf(node) !== value;
}

/** A decimal integer of 64 bits as Go's strconv.ParseInt reads it: a sign and leading zeros are allowed. */
function parseInt64(text: string): bigint | undefined {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined;
  const number = BigInt(text.replace(/^\+/, ""));
  return number >= -(2n ** 63n) && number < 2n ** 63n ? number : undefined;
}
