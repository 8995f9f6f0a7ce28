import type { SchedulerOptions } from "../../host/scheduler/library.ts";
import { type Case, type Disagreement, play } from "./session.ts";

/** More trials than this are not made: the case is then larger than it could be. */
const MOST_TRIALS = 4000;

/**
 * Takes away steps, then parts of objects, as long as the schedulers still disagree in the same way.
 *
 * @returns the smallest case found and what differs in it; undefined: it was not seen again
 */
export async function minimise(
  found: Case,
  first: Disagreement,
  options: SchedulerOptions,
): Promise<{ smallest: Case; disagreement: Disagreement | undefined }> {
  let smallest = found;
  let disagreement: Disagreement | undefined;
  let trials = 0;
  const accept = async (candidate: Case): Promise<boolean> => {
    if (trials++ >= MOST_TRIALS) return false;
    // What cannot even be played shows something else.
    const outcome = await play(candidate, options).catch(() => undefined);
    if (outcome === undefined || !isOfOneKind(outcome, first)) return false;
    smallest = candidate;
    disagreement = outcome;
    return true;
  };
  for (let size = Math.ceil(found.steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let at = 0; at < smallest.steps.length; ) {
      const steps = smallest.steps.filter((_, i) => i < at || i >= at + size);
      if (!(await accept({ ...smallest, steps }))) at += size;
    }
  for (let shrinks = true; shrinks && trials < MOST_TRIALS; ) {
    shrinks = false;
    for (const path of paths(smallest)) if (await accept(without(smallest, path))) shrinks = true;
  }
  return { smallest, disagreement };
}

/** The same sort of answer differs, and the same plugins say so. */
function isOfOneKind(one: Disagreement, other: Disagreement): boolean {
  const plugins = ({ expected, actual }: Disagreement) =>
    [expected, actual].map((side) => (side as { rejectedBy?: string } | undefined)?.rejectedBy).join();
  return one.what === other.what && plugins(one) === plugins(other);
}

type Path = readonly string[];

/** An object without these is not one. */
const NEEDED = new Set([
  "apiVersion",
  "kind",
  "metadata",
  "name",
  "namespace",
  "uid",
  "spec",
  "containers",
  "status",
]);

/** Every field and list element below the steps and the profiles, outer ones first. */
function paths(root: Case): Path[] {
  const found: Path[] = [];
  const walk = (value: unknown, path: Path) => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      const here = [...path, key];
      if (path.length > 2 && !NEEDED.has(key)) found.push(here);
      walk(inner, here);
    }
  };
  walk(root, []);
  // Later elements of a list go first, so that the places of those before them stay true.
  return found.sort((a, b) => a.length - b.length || (a.join() < b.join() ? 1 : -1));
}

function without(root: Case, path: Path): Case {
  const copy = structuredClone(root) as Case;
  let inner: unknown = copy;
  for (const key of path.slice(0, -1)) inner = (inner as Record<string, unknown> | undefined)?.[key];
  const last = path.at(-1)!;
  if (Array.isArray(inner)) inner.splice(Number(last), 1);
  else if (typeof inner === "object" && inner !== null) delete (inner as Record<string, unknown>)[last];
  return copy;
}
