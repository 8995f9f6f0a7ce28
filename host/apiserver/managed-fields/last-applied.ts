import { deepCopy, isObject } from "../../apimachinery/copy.ts";
import { compareFields } from "../../apimachinery/managed-fields/compare.ts";
import {
  difference,
  EMPTY_SET,
  type FieldSet,
  isEmptySet,
} from "../../apimachinery/managed-fields/field-set.ts";
import type { FieldType } from "../../apimachinery/managed-fields/field-type.ts";
import { fieldSetOf } from "../../apimachinery/managed-fields/to-field-set.ts";
import type { Conflict } from "../../apimachinery/managed-fields/track.ts";
import type { AnyObject } from "../storage/view.ts";

/** What `kubectl apply` without `--server-side` remembers in the object, and the manager that may take it over. */
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
const KUBECTL = "kubectl";

/**
 * Conflicts that are left when kubectl comes back to what it applied itself on the client's side: those fields are its own.
 * Source: managedfields lastAppliedManager.
 */
export function conflictsForKubectl(
  manager: string,
  conflicts: readonly Conflict[],
  live: AnyObject,
  type: FieldType,
): readonly Conflict[] {
  const own = manager === KUBECTL ? lastAppliedFields(live, type) : EMPTY_SET;
  return conflicts
    .map(({ owner, fields }) => ({ owner, fields: difference(fields, own) }))
    .filter(({ fields }) => !isEmptySet(fields));
}

/** The fields of the last configuration that still have the value it gave them. */
function lastAppliedFields(live: AnyObject, type: FieldType): FieldSet {
  const last = parsed(live.metadata?.annotations?.[LAST_APPLIED]);
  if (last === undefined || last["apiVersion"] !== live.apiVersion) return EMPTY_SET;
  const { added, modified, removed } = compareFields(type, last, live);
  return [added, modified, removed].reduce(difference, fieldSetOf(type, last));
}

function parsed(text: string | undefined): Record<string, unknown> | undefined {
  if (!text) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    // Somebody wrote an annotation of that name by hand: it says nothing of who applied what.
    return undefined;
  }
}

/** Keeps the annotation true when kubectl applies on the server's side. Works in place on `object`. */
export function syncLastApplied(manager: string, object: AnyObject, config: AnyObject): void {
  const annotations = object.metadata?.annotations;
  if (manager !== KUBECTL || annotations?.[LAST_APPLIED] === undefined) return;
  const said = deepCopy(config);
  delete said.metadata?.annotations?.[LAST_APPLIED];
  object.metadata = {
    ...object.metadata,
    annotations: { ...annotations, [LAST_APPLIED]: `${JSON.stringify(said)}\n` },
  };
}
