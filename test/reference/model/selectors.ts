import type { V1LabelSelector, V1Pod } from "../../../host/api/generated/types.ts";
import { labelsOf } from "./cycle.ts";

/** Reference model of label selectors over objects' labels. */
type Labels = Readonly<Record<string, string>>;

export interface Requirement {
  key: string;
  operator: string;
  values?: string[];
}

/** undefined: the selector that matches nothing. */
export type Requirements = Requirement[] | undefined;

export function requirementsOf(selector: V1LabelSelector | undefined): Requirements {
  if (selector === undefined) return undefined;
  const equal = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({
    key,
    operator: "In",
    values: [value],
  }));
  return [...equal, ...(selector.matchExpressions ?? [])];
}

export function selects(requirements: Requirements, labels: Labels): boolean {
  return (
    requirements?.every(({ key, operator, values = [] }) => {
      const has = Object.keys(labels).includes(key);
      if (operator === "Exists") return has;
      if (operator === "DoesNotExist") return !has;
      const among = has && values.includes(labels[key]!);
      return operator === "In" ? among : !among;
    }) ?? false
  );
}

/** matchLabelKeys and mismatchLabelKeys, as requirements. */
export function withKeys(
  requirements: Requirements,
  pod: V1Pod,
  keys: string[] = [],
  mismatch: string[] = [],
): Requirements {
  const make = (operator: string) => (key: string) => ({ key, operator, values: [labelsOf(pod)[key]!] });
  const present = (key: string) => Object.keys(labelsOf(pod)).includes(key);
  return (
    requirements && [
      ...requirements,
      ...keys.filter(present).map(make("In")),
      ...mismatch.filter(present).map(make("NotIn")),
    ]
  );
}
