import { getOwn, setOwn } from "../copy.ts";
import type { FieldType, ListType } from "./field-type.ts";
import { elementOf, isHollow, isLeaf, memberType } from "./list-elements.ts";

/**
 * The live object overlaid with an applied one: members of maps and items of associative lists one by one, what is atomic as a
 * whole. Source: structured-merge-diff TypedValue.Merge. Shares what did not change with its arguments.
 */
export function mergeApplied(type: FieldType, live: unknown, applied: unknown): unknown {
  if (applied === undefined) return live;
  if (live === undefined || live === null || isLeaf(type, applied) || isLeaf(type, live)) return applied;
  if (isHollow(live)) return applied;
  if (type.is === "list") return mergeItems(type, live as unknown[], (applied ?? []) as unknown[]);
  const [from, over] = [live, applied ?? {}] as [Record<string, unknown>, Record<string, unknown>];
  const merged: Record<string, unknown> = {};
  for (const name of new Set([...Object.keys(from), ...Object.keys(over)])) {
    const of = memberType(type, name) ?? { is: "any" as const };
    setOwn(merged, name, mergeApplied(of, getOwn(from, name), getOwn(over, name)));
  }
  return merged;
}

/**
 * The applied items in their order; what is only live stays where it stands between its neighbours.
 *
 *   live [a x b y c]   applied [c a d]   ->   [x b y c a d]
 *
 * The two lists are walked side by side. A live item that is also applied waits for its turn among the applied ones.
 */
function mergeItems(type: ListType, live: readonly unknown[], applied: readonly unknown[]): unknown[] {
  const elementAt = (items: readonly unknown[]) => items.map((item) => elementOf(type, item) ?? "");
  const [liveElements, appliedElements] = [elementAt(live), elementAt(applied)];
  const liveBy = new Map<string, unknown>();
  for (const [index, element] of liveElements.entries())
    if (!liveBy.has(element)) liveBy.set(element, live[index]);
  const isApplied = new Set(appliedElements);
  /** Elements of both lists that have not been written yet, in the applied order. */
  const shared = appliedElements.filter((element) => liveBy.has(element));
  const written = new Set<string>();
  const merged: unknown[] = [];
  const writeApplied = (index: number) => {
    const element = appliedElements[index]!;
    merged.push(mergeApplied(type.element, liveBy.get(element), applied[index]));
    written.add(element);
    if (shared[0] === element) shared.shift();
  };

  let l = 0;
  let a = 0;
  while (l < live.length || a < applied.length) {
    const element = liveElements[l];
    const hasBoth = element !== undefined && a < applied.length;
    if (element !== undefined && !isApplied.has(element)) {
      merged.push(live[l]);
      l++;
    } else if (hasBoth && element === appliedElements[a]) {
      writeApplied(a);
      l++;
      a++;
    } else if (hasBoth && shared.length > 0 && shared[0] !== element) {
      // Its turn among the applied ones is over, or still to come.
      l++;
    } else {
      if (element !== undefined && (written.has(element) || a === applied.length)) l++;
      if (a < applied.length) writeApplied(a++);
    }
  }
  return merged;
}
