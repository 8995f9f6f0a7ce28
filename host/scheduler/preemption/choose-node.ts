/** What the choice looks at of a victim. */
export interface VictimFacts {
  readonly priority: number;
  /** When it started; infinite for one that has not. */
  readonly startMs: number;
}

/** A node where preemption would make room. */
export interface Candidate<Victim extends VictimFacts> {
  readonly node: string;
  /** The most important first. */
  readonly victims: readonly Victim[];
  /** Victims that a budget protects. */
  readonly violations: number;
}

/** Makes every priority count more than nothing, so that more victims weigh more. */
const PRIORITY_OFFSET = 2 ** 31;

/** Smaller is better, one after the other. Source: kube-scheduler, pickOneNodeForPreemption. */
const CRITERIA: readonly ((candidate: Candidate<VictimFacts>) => number)[] = [
  ({ violations }) => violations,
  ({ victims }) => victims[0]?.priority ?? Number.NEGATIVE_INFINITY,
  ({ victims }) => victims.reduce((sum, { priority }) => sum + priority + PRIORITY_OFFSET, 0),
  ({ victims }) => victims.length,
  // The latest of the earliest start times of the most important victims: what ran longest is spared.
  ({ victims }) =>
    -Math.min(
      ...victims.filter(({ priority }) => priority === victims[0]!.priority).map(({ startMs }) => startMs),
    ),
];

/** The candidate whose victims are missed least; the first of several that are alike. */
export function chooseNode<Victim extends VictimFacts>(
  candidates: readonly Candidate<Victim>[],
): Candidate<Victim> | undefined {
  let left = candidates;
  for (const measure of CRITERIA) {
    if (left.length <= 1) break;
    left = leastBy(left, measure);
  }
  return left[0];
}

/** All that measure least. */
function leastBy<T>(all: readonly T[], measure: (one: T) => number): T[] {
  let least = Number.POSITIVE_INFINITY;
  let found: T[] = [];
  for (const one of all) {
    const measured = measure(one);
    if (measured > least) continue;
    if (measured < least) found = [];
    least = measured;
    found.push(one);
  }
  return found;
}

/**
 * Puts the more important pod first: by priority, then by how long it has run. Source: util.MoreImportantPod, which leaves
 * the order of pods that are alike open; here it is that of their names.
 */
export function byImportance(a: NamedVictim, b: NamedVictim): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  if (a.startMs !== b.startMs) return a.startMs - b.startMs;
  return a.key < b.key ? -1 : 1;
}

interface NamedVictim extends VictimFacts {
  readonly key: string;
}
