import type { Kind } from "../api/kind.ts";
import { badRequest } from "../apimachinery/errors.ts";
import {
  type LabelSelector,
  matches,
  parseFieldSelector,
  parseLabelSelector,
} from "../apimachinery/selectors.ts";
import { storageKey, storagePrefix } from "./storage/keys.ts";
import type { View } from "./storage/view.ts";

/** What a list, watch or deletecollection is about: a prefix of keys, and what an object must look like. */
export interface Selection {
  readonly kind: Kind;
  readonly namespace?: string;
  readonly prefix: string;
  /** Two selections of a kind with the same prefix and selectors select the same. */
  readonly selectors: string;
  /** One of its conditions: a field that must have a value. Objects with another need not be looked at. */
  readonly requiredField?: RequiredField;
  /** Absent: everything under the prefix, so that stored bytes need not be looked into. */
  readonly matches?: (view: View) => boolean;
}

export interface RequiredField {
  readonly field: string;
  readonly value: string;
}

export interface Selectors {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

const ALWAYS = ["metadata.name", "metadata.namespace"];

export function select(kind: Kind, namespace: string | undefined, selectors: Selectors): Selection {
  const labels = selectors.labelSelector ? parseLabelSelector(selectors.labelSelector) : undefined;
  const terms = selectors.fieldSelector ? parseFieldSelector(selectors.fieldSelector) : [];
  for (const { field } of terms) requireKnownField(kind, field);
  const exactName = terms.find((term) => term.field === "metadata.name" && term.op === "=");
  const narrowed = exactName !== undefined && exactName.value !== "" && (!kind.namespaced || namespace);
  const prefix = narrowed
    ? storageKey(kind, { namespace, name: exactName.value })
    : storagePrefix(kind, namespace);
  if (labels === undefined && terms.length === 0) return { kind, namespace, prefix, selectors: "" };
  const required = terms.find((term) => term.op === "=");
  return {
    kind,
    namespace,
    prefix,
    selectors: JSON.stringify([selectors.labelSelector, selectors.fieldSelector]),
    ...(required === undefined ? {} : { requiredField: { field: required.field, value: required.value } }),
    matches: (view) => matchesLabels(view, labels) && matchesFields(kind, view, terms),
  };
}

function matchesLabels(view: View, selector: LabelSelector | undefined): boolean {
  return selector === undefined || matches(selector, view.object.metadata?.labels ?? {});
}

function matchesFields(kind: Kind, view: View, terms: ReturnType<typeof parseFieldSelector>): boolean {
  return terms.every(({ field, op, value }) => (fieldOf(kind, view, field) === value) === (op === "="));
}

/** What a field selector compares: "" when the object has no such field. */
export function fieldOf(kind: Kind, view: View, field: string): string {
  const { metadata } = view.object;
  if (field === "metadata.name") return metadata?.name ?? "";
  if (field === "metadata.namespace") return metadata?.namespace ?? "";
  return kind.selectableFields?.(view.as(kind).object)[field] ?? "";
}

/** The words differ by kind, since Kubernetes converts field labels in several places (api-wire 20). */
function requireKnownField(kind: Kind, field: string): void {
  const own = kind.selectableFieldNames ?? [];
  if (ALWAYS.includes(field) || own.includes(field)) return;
  if (own.length === 0 && kind.custom === undefined) {
    throw badRequest(`"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`);
  }
  if (kind.plural === "jobs") throw badRequest(`field label "${field}" not supported for Job`);
  if (kind.plural === "resourceslices") {
    throw badRequest(`field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: ${field}`);
  }
  throw badRequest(`field label not supported: ${field}`);
}
