import { findCondition } from "../../api/conditions.ts";
import type { CountOrPercent } from "../../api/count-or-percent.ts";
import {
  DISRUPTION_ALLOWED,
  isHealthy,
  withDisruptionAllowed,
  withSyncFailed,
} from "../../api/disruption.ts";
import type { V1Pod, V1PodDisruptionBudget, V1PodDisruptionBudgetStatus } from "../../api/generated/types.ts";
import { Pod, PodDisruptionBudget } from "../../api/registry.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import type { LabelSelectorObject } from "../../apimachinery/selectors.ts";
import { type Change, note, updateStatus } from "../change.ts";
import type { Expected } from "./expected-pods.ts";

export interface ObservedBudget {
  readonly budget: V1PodDisruptionBudget;
  /** Those its selector matches, in the order of their names. */
  readonly pods: readonly V1Pod[];
  /** What their owners want; only asked where the budget is a share, or says what may be missing. */
  readonly expected: Expected;
  /** Pods that another budget matches too, and that this one was chosen for. */
  readonly contested: readonly V1Pod[];
}

/** How long an evicted pod may stay before it counts again (DeletionTimeout). */
const DELETION_MS = 2 * 60_000;

/** How many pods may go, worked out anew from those that are there. Source: controllers.md 17.1 (trySync). */
export function reconcileBudget(
  { budget, pods, expected, contested }: ObservedBudget,
  nowMs: number,
): readonly Change[] {
  const say = (type: "Normal" | "Warning", reason: string, text: string) =>
    note(PodDisruptionBudget, budget, type, reason, text);
  const notes = [
    ...contested.map((pod) => contestedNote(pod, budget)),
    ...(pods.length === 0 ? [say("Normal", "NoPods", "No matching pods found")] : []),
  ];
  const now = formatTime(nowMs);
  if ("problem" in expected) {
    const why = `Failed to calculate the number of expected pods: ${expected.problem}`;
    const status = withSyncFailed(budget, expected.problem, now);
    return [...notes, say("Warning", "CalculateExpectedPodCountFailed", why), ...written(budget, status)];
  }
  if (expected.unmanaged.length > 0) notes.push(say("Warning", "UnmanagedPods", unmanagedText(budget)));
  const disrupted = stillDisrupted(budget, pods, nowMs);
  const status = statusOf(budget, pods, expected.count, disrupted.pods, now);
  return [
    ...notes,
    ...disrupted.late.map((pod) => notDeletedNote(pod, budget)),
    ...written(budget, status),
    ...(disrupted.againMs === undefined ? [] : [{ do: "again", afterMs: disrupted.againMs } as const]),
  ];
}

function written(budget: V1PodDisruptionBudget, status: V1PodDisruptionBudgetStatus): Change[] {
  return deepEqual(budget.status, status) ? [] : [updateStatus(PodDisruptionBudget, { ...budget, status })];
}

function statusOf(
  { spec, status, metadata }: V1PodDisruptionBudget,
  pods: readonly V1Pod[],
  wantedPods: number,
  disruptedPods: Readonly<Record<string, string>>,
  now: string,
): V1PodDisruptionBudgetStatus {
  const { minAvailable, maxUnavailable } = spec ?? {};
  let expectedPods = 0;
  let desiredHealthy = 0;
  if (maxUnavailable !== undefined) {
    expectedPods = wantedPods;
    desiredHealthy = Math.max(0, wantedPods - shareOf(maxUnavailable, wantedPods));
  } else if (minAvailable !== undefined) {
    // A bare number asks for that many of whatever pods there are, whoever owns them.
    expectedPods = typeof minAvailable === "number" ? pods.length : wantedPods;
    desiredHealthy = shareOf(minAvailable, wantedPods);
  }
  const counted = pods.filter(
    (pod) =>
      pod.metadata?.deletionTimestamp === undefined &&
      !Object.hasOwn(disruptedPods, pod.metadata?.name ?? "") &&
      isHealthy(pod),
  );
  const currentHealthy = counted.length;
  const disruptionsAllowed = expectedPods > 0 ? Math.max(0, currentHealthy - desiredHealthy) : 0;
  const { disruptedPods: _dropped, ...kept } = status ?? {};
  const next = {
    ...kept,
    observedGeneration: metadata?.generation,
    ...(Object.keys(disruptedPods).length === 0 ? {} : { disruptedPods: { ...disruptedPods } }),
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy,
    expectedPods,
  };
  const known = findCondition(status?.conditions, DISRUPTION_ALLOWED);
  const isUpToDate =
    status?.observedGeneration === metadata?.generation &&
    known?.status === (disruptionsAllowed > 0 ? "True" : "False") &&
    known.reason === (disruptionsAllowed > 0 ? "SufficientPods" : "InsufficientPods");
  return isUpToDate ? next : withDisruptionAllowed(next, now);
}

/** Whole, or rounded up: 34 % of 3 are 2. */
function shareOf(value: CountOrPercent, of: number): number {
  return typeof value === "number" ? value : Math.ceil((Number.parseInt(value, 10) * of) / 100);
}

interface Disrupted {
  readonly pods: Readonly<Record<string, string>>;
  /** Pods that were evicted too long ago to be still here. */
  readonly late: readonly V1Pod[];
  readonly againMs?: number;
}

/** Of the pods that were evicted, those that are about to go but have not begun to. */
function stillDisrupted({ status }: V1PodDisruptionBudget, pods: readonly V1Pod[], nowMs: number): Disrupted {
  const since = status?.disruptedPods ?? {};
  const late: V1Pod[] = [];
  const waiting: [string, string][] = [];
  let againMs: number | undefined;
  for (const pod of pods) {
    const name = pod.metadata?.name ?? "";
    if (pod.metadata?.deletionTimestamp !== undefined || !Object.hasOwn(since, name)) continue;
    const leftMs = Date.parse(since[name]!) + DELETION_MS - nowMs;
    if (leftMs < 0) late.push(pod);
    else {
      waiting.push([name, since[name]!]);
      // Still there at its last moment: looked at just after it.
      againMs = Math.min(againMs ?? Number.POSITIVE_INFINITY, leftMs + 1);
    }
  }
  return { pods: Object.fromEntries(waiting), late, againMs };
}

function notDeletedNote(pod: V1Pod, { metadata }: V1PodDisruptionBudget): Change {
  // Kubernetes prints the namespace twice, and the name never.
  const place = `${metadata?.namespace}/${metadata?.namespace}`;
  return note(
    Pod,
    pod,
    "Warning",
    "NotDeleted",
    `Pod was expected by PDB ${place} to be deleted but it wasn't`,
  );
}

function contestedNote(pod: V1Pod, budget: V1PodDisruptionBudget): Change {
  const { namespace, name } = pod.metadata ?? {};
  const text = `Pod "${namespace}"/"${name}" matches multiple PodDisruptionBudgets.  Chose "${budget.metadata?.name}" arbitrarily.`;
  return note(Pod, pod, "Warning", "MultiplePodDisruptionBudgets", text);
}

function unmanagedText({ spec }: V1PodDisruptionBudget): string {
  return (
    `Pods selected by this PodDisruptionBudget (selector: ${goText(spec?.selector)}) were found to be unmanaged. ` +
    "As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. " +
    'To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.'
  );
}

/** As Go prints a *metav1.LabelSelector. */
function goText(selector: LabelSelectorObject | undefined): string {
  const labels = Object.entries(selector?.matchLabels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value},`);
  const expressions = (selector?.matchExpressions ?? []).map(
    ({ key, operator, values }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${(values ?? []).join(" ")}],},`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join("")}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join("")}},}`;
}
