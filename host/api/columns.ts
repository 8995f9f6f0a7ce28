import type { KubernetesObject } from "../apimachinery/object.ts";
import { formatAge } from "./duration.ts";
import type { V1LabelSelector, V1PodSpec } from "./generated/types.ts";
import type { Column } from "./kind.ts";

/** Cells that many kinds share. Source: api-wire 13 (k8s.io/kubernetes/pkg/printers/internalversion). */
export const NONE = "<none>";
export const UNSET = "<unset>";

type Named = KubernetesObject;
type Cell = string | number | boolean;

/** A column of text; `wide` ones are shown with `-o wide` only. */
export function column<T>(
  name: string,
  cell: (object: T, nowMs: number) => Cell,
  options: { type?: Column<T>["type"]; wide?: true; format?: string } = {},
): Column<T> {
  return {
    name,
    cell,
    type: options.type ?? "string",
    ...(options.format === undefined ? {} : { format: options.format }),
    priority: options.wide ? 1 : 0,
  };
}

export function integerColumn<T>(name: string, cell: (object: T) => number | undefined): Column<T> {
  return column(name, (object: T) => cell(object) ?? 0, { type: "integer" });
}

export function wideColumn<T>(name: string, cell: (object: T, nowMs: number) => Cell): Column<T> {
  return column(name, cell, { wide: true });
}

export const nameColumn: Column<Named> = column("Name", (object) => object.metadata?.name ?? "", {
  format: "name",
});

export const ageColumn: Column<Named> = column("Age", (object, nowMs) =>
  formatAge(object.metadata?.creationTimestamp, nowMs),
);

/** `app,sidecar` and `nginx:1,envoy:2` of a pod spec, for `-o wide`. */
export function containerColumns<T>(podSpec: (object: T) => V1PodSpec | undefined): readonly Column<T>[] {
  const join = (object: T, text: (container: { name: string; image?: string }) => string | undefined) =>
    (podSpec(object)?.containers ?? []).map(text).join(",");
  return [
    wideColumn("Containers", (object) => join(object, (container) => container.name)),
    wideColumn("Images", (object) => join(object, (container) => container.image)),
  ];
}

/** `a=b,c=d`, keys sorted; `<none>` for no labels. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.keys(labels ?? {})
    .sort()
    .map((key) => `${key}=${labels![key]}`);
  return pairs.length > 0 ? pairs.join(",") : NONE;
}

const OPERATORS: Readonly<Record<string, (key: string, values: string) => string>> = {
  In: (key, values) => `${key} in (${values})`,
  NotIn: (key, values) => `${key} notin (${values})`,
  Exists: (key) => key,
  DoesNotExist: (key) => `!${key}`,
};

/** A selector as metav1.FormatLabelSelector prints it: `app=web,tier in (a,b)`, requirements sorted by key. */
export function formatSelector(selector: V1LabelSelector | undefined): string {
  const equal = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => ({
    key,
    text: `${key}=${value}`,
  }));
  const expressions = (selector?.matchExpressions ?? []).map(({ key, operator, values = [] }) => ({
    key,
    text: OPERATORS[operator]?.(key, [...values].sort().join(",")) ?? "<error>",
  }));
  const all = [...equal, ...expressions].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return all.length > 0 ? all.map((one) => one.text).join(",") : NONE;
}

/** The first `max` of the texts, and how many there are beyond: `a,b,c + 2 more...`. */
export function firstOf(texts: readonly string[], max: number, separator = ","): string {
  const shown = texts.slice(0, max).join(separator);
  return texts.length > max ? `${shown} + ${texts.length - max} more...` : shown;
}
