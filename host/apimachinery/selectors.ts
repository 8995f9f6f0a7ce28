import { badRequest } from "./errors.ts";
import { parseRequirements } from "./selector-parser.ts";

/**
 * Label selectors and field selectors: parsed once, matched often.
 * Source: k8s.io/apimachinery/pkg/labels, fields (spec api-wire 20).
 */
export type LabelOperator = "=" | "!=" | "in" | "notin" | "exists" | "!" | "gt" | "lt";

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  readonly values: readonly string[];
}

/** All requirements must hold. */
export interface LabelSelector {
  readonly requirements: readonly LabelRequirement[];
  /** Selects no object at all: what an absent selector in an object means. */
  readonly nothing?: boolean;
}

export const EVERYTHING: LabelSelector = { requirements: [] };
export const NOTHING: LabelSelector = { requirements: [], nothing: true };

/** The JSON form in objects (metav1.LabelSelector). */
export interface LabelSelectorObject {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[] | null;
  }[];
}

export type Labels = Readonly<Record<string, string>>;

/** `app=web,tier in (a,b),!old` -> selector. Throws ApiError 400 in Kubernetes' words. */
export function parseLabelSelector(text: string): LabelSelector {
  const requirements = parseRequirements(text);
  return requirements.length === 0 ? EVERYTHING : { requirements: [...requirements].sort(byKey) };
}

function byKey(a: LabelRequirement, b: LabelRequirement): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

const EXPRESSION_OPERATORS: Readonly<Record<string, LabelOperator>> = {
  In: "in",
  NotIn: "notin",
  Exists: "exists",
  DoesNotExist: "!",
  // Node selectors know two more; metav1.LabelSelector refuses them in validation.
  Gt: "gt",
  Lt: "lt",
};

/** The selector an object holds: absent selects nothing, empty selects everything. */
export function labelSelectorFromObject(object: LabelSelectorObject | null | undefined): LabelSelector {
  if (object === undefined || object === null) return NOTHING;
  const requirements: LabelRequirement[] = [];
  for (const [key, value] of Object.entries(object.matchLabels ?? {})) {
    requirements.push({ key, operator: "=", values: [value] });
  }
  for (const { key, operator, values } of object.matchExpressions ?? []) {
    const known = Object.hasOwn(EXPRESSION_OPERATORS, operator) ? EXPRESSION_OPERATORS[operator] : undefined;
    if (known === undefined) throw badRequest(`"${operator}" is not a valid label selector operator`);
    requirements.push({ key, operator: known, values: values ?? [] });
  }
  return requirements.length === 0 ? EVERYTHING : { requirements: requirements.sort(byKey) };
}

/** A plain map as selector (Service.spec.selector, matchLabels): all must be equal. Empty selects everything. */
export function labelSelectorFromMap(labels: Labels): LabelSelector {
  return labelSelectorFromObject({ matchLabels: labels });
}

export function matches(selector: LabelSelector, labels: Labels | undefined): boolean {
  if (selector.nothing) return false;
  for (const requirement of selector.requirements) if (!holds(requirement, labels)) return false;
  return true;
}

function holds(requirement: LabelRequirement, labels: Labels | undefined): boolean {
  const found: unknown = labels?.[requirement.key];
  // A key such as `constructor` finds an inherited function: that is no label.
  const value = typeof found === "string" ? found : undefined;
  switch (requirement.operator) {
    case "=":
      return value === requirement.values[0];
    case "!=":
      return value !== requirement.values[0];
    case "in":
      return value !== undefined && requirement.values.includes(value);
    case "notin":
      return value === undefined || !requirement.values.includes(value);
    case "exists":
      return value !== undefined;
    case "!":
      return value === undefined;
    case "gt":
    case "lt":
      return compareIntegers(requirement, value);
    default:
      return requirement.operator satisfies never;
  }
}

const INTEGER = /^[+-]?[0-9]+$/;

function compareIntegers(requirement: LabelRequirement, value: string | undefined): boolean {
  const bound = requirement.values[0];
  if (value === undefined || bound === undefined || !INTEGER.test(value) || !INTEGER.test(bound))
    return false;
  const left = BigInt(value.replace("+", ""));
  const right = BigInt(bound.replace("+", ""));
  return requirement.operator === "gt" ? left > right : left < right;
}

/** The text form, as `metav1.FormatLabelSelector` and `status.selector` of Scale print it. */
export function formatLabelSelector(selector: LabelSelector): string {
  if (selector.nothing) return "<none>";
  return selector.requirements.map(formatRequirement).join(",");
}

function formatRequirement({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case "=":
    case "!=":
      return `${key}${operator}${values[0] ?? ""}`;
    case "in":
    case "notin":
      return `${key} ${operator} (${[...values].sort().join(",")})`;
    case "exists":
      return key;
    case "!":
      return `!${key}`;
    case "gt":
      return `${key}>${values[0] ?? ""}`;
    case "lt":
      return `${key}<${values[0] ?? ""}`;
    default:
      return operator satisfies never;
  }
}

export interface FieldRequirement {
  readonly field: string;
  readonly op: "=" | "!=";
  readonly value: string;
}

/** `metadata.name=a,status.phase!=Running`; `\,`, `\=` and `\\` are escapes in values. Throws ApiError 400. */
export function parseFieldSelector(text: string): FieldRequirement[] {
  return splitUnescaped(text)
    .filter((term) => term !== "")
    .map((term) => parseFieldTerm(term, text));
}

function splitUnescaped(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === ",") {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function parseFieldTerm(term: string, whole: string): FieldRequirement {
  const match = /!=|==|=/.exec(term);
  if (!match) throw badRequest(`invalid selector: '${whole}'; can't understand '${term}'`);
  return {
    field: term.slice(0, match.index),
    op: match[0] === "!=" ? "!=" : "=",
    value: unescapeFieldValue(term.slice(match.index + match[0].length)),
  };
}

function unescapeFieldValue(text: string): string {
  if (!/[\\,=]/.test(text)) return text;
  let value = "";
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === "\\") {
      const next = text[++i];
      if (next === undefined || !"\\,=".includes(next)) {
        throw badRequest(`invalid field selector: invalid escape sequence: \\${next ?? ""}`);
      }
      value += next;
    } else if (char === "," || char === "=") {
      throw badRequest(`invalid field selector: unescaped character in value: ${char}`);
    } else value += char;
  }
  return value;
}
