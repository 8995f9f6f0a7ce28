import { setOwn } from "../copy.ts";
import {
  child,
  difference,
  EMPTY_SET,
  type FieldSet,
  hasElement,
  inside,
  intersection,
  isEmptySet,
  SELF,
  union,
} from "./field-set.ts";
import type { FieldType } from "./field-type.ts";
import { elementOf, isLeaf, memberType } from "./list-elements.ts";
import { fieldSetOf } from "./to-field-set.ts";

/** The value without the fields of the set, and without what is left empty by that. */
function removeFields(type: FieldType, value: unknown, set: FieldSet): unknown {
  if (isEmptySet(set) || value === undefined || value === null || isLeaf(type, value)) return value;
  if (type.is === "list") {
    const items = value as unknown[];
    if (items.length === 0) return value;
    const kept = items.flatMap((item) => {
      const element = elementOf(type, item) ?? "";
      if (hasElement(set, element)) return [];
      return [removeFields(type.element, item, inside(set, element))];
    });
    return kept.length === 0 ? undefined : kept;
  }
  const kept: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value as object)) {
    const element = `f:${name}`;
    if (hasElement(set, element)) continue;
    const of = memberType(type, name) ?? { is: "any" as const };
    const rest = removeFields(of, member, inside(set, element));
    if (rest !== undefined) setOwn(kept, name, rest);
  }
  return Object.keys(kept).length === 0 ? undefined : kept;
}

/** The set with the structs that its fields lie in: whoever owns spec.replicas is there because spec is. */
function withStructs(type: FieldType, set: FieldSet): FieldSet {
  const result: Record<string, FieldSet> = {};
  for (const element of Object.keys(set)) {
    if (element === SELF) continue;
    const isField =
      type.is === "struct" && type.field(element.slice(2)) !== undefined && element.startsWith("f:");
    const within = withStructs(innerType(type, element), inside(set, element));
    const owned = isField || hasElement(set, element);
    if (isEmptySet(within)) setOwn(result, element, child(set, element)!);
    else setOwn(result, element, owned ? { [SELF]: EMPTY_SET, ...within } : within);
  }
  return result;
}

function innerType(type: FieldType, element: string): FieldType {
  if (type.is === "list") return type.element;
  return memberType(type, element.slice(2)) ?? { is: "any" };
}

/**
 * Removes from a merged object what its applier used to own, does not say any more, and nobody else owns.
 * Source: structured-merge-diff Updater.prune.
 *
 * @param last   what the applier owned until now
 * @param owned  what anybody owns now, its applier too
 */
export function pruneFields(type: FieldType, merged: unknown, last: FieldSet, owned: FieldSet): unknown {
  if (isEmptySet(last)) return merged;
  const wasOwned = withStructs(type, last);
  const all = withStructs(type, fieldSetOf(type, merged));
  const kept = withStructs(type, fieldSetOf(type, removeFields(type, merged, wasOwned)));
  // An item that is kept for one of its fields takes along only what somebody owns.
  const keptByOthers = removeFields(type, merged, difference(all, union(kept, withStructs(type, owned))));
  // What nobody ever owned stays, although it lay inside something that was removed and came back.
  const stays = withStructs(type, fieldSetOf(type, keptByOthers));
  return removeFields(type, merged, intersection(difference(all, stays), wasOwned));
}
