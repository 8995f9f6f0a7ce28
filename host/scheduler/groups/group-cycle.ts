import type { V1Pod } from "../../api/generated/types.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import type { BoundedTasks } from "../bounded-tasks.ts";
import { schedulerNameOf } from "../configuration/profiles.ts";
import type { CoreFeed } from "../core-feed.ts";
import type { FullDecision, Placement, Refusal } from "../deciding-scheduler.ts";
import type { GroupResult, SchedulerMetrics } from "../metrics/scheduler-metrics.ts";
import type { PodReport } from "../pod-report.ts";
import type { QueuedPod, SchedulingQueue } from "../queue.ts";
import { NO_NODES } from "../reasons.ts";
import type { GroupCondition, GroupReport } from "./group-report.ts";
import {
  GROUP_MESSAGES,
  type GroupVerdict,
  isMistake,
  judgeGroup,
  otherFailed,
  TOO_FEW,
} from "./judge-group.ts";
import type { PodGroups } from "./pod-groups.ts";

/** How kube-scheduler's metrics call them. */
const RESULTS: Readonly<Record<GroupVerdict["outcome"], GroupResult>> = {
  scheduled: "scheduled",
  unschedulable: "unschedulable",
  waiting: "waiting_on_preemption",
  error: "error",
};

export interface GroupCycleParts {
  readonly groups: PodGroups;
  readonly queue: SchedulingQueue;
  readonly feed: CoreFeed;
  readonly report: PodReport;
  readonly groupReport: GroupReport;
  readonly writes: BoundedTasks;
  readonly clock: Clock;
  readonly metrics?: SchedulerMetrics;
  /** A pod as the cache shows it. */
  readonly find: (key: string) => V1Pod | undefined;
}

/** What is done with one pod, as with any other. */
export interface PodSteps {
  apply(entry: QueuedPod, decision: Placement): void;
  refused(entry: QueuedPod, decision: Refusal): void;
  fail(entry: QueuedPod, message: string, reason: "Unschedulable" | "SchedulerError"): void;
}

/**
 * Decides about all waiting pods of one group together: either enough of them get a node, and these are bound, or none is.
 *
 *   popped together ──► decide (the core assumes one after the other) ──► judge ──► bind those that found a node
 *                                                                          └──► forget them all; back after backoff
 *
 * Nothing else is decided between, so two gangs that want the same room get it one after the other, or not at all. A binding
 * that fails afterwards is that pod's own failure: the others stay where they are. Source: kube-scheduler's podGroupCycle.
 */
export class GroupCycle {
  readonly #parts: GroupCycleParts;
  readonly #steps: PodSteps;

  constructor(parts: GroupCycleParts, steps: PodSteps) {
    this.#parts = parts;
    this.#steps = steps;
  }

  /** @param entries  all of one group, in the order in which they are to be decided about; none is being deleted */
  async run(entries: readonly QueuedPod[]): Promise<void> {
    const { groups, feed, clock, metrics } = this.#parts;
    const group = entries[0]!.group!;
    const stranger = entries.find(({ pod }) => schedulerNameOf(pod) !== schedulerNameOf(entries[0]!.pod));
    if (stranger !== undefined) {
      const names = [stranger, entries[0]!].map(({ pod }) => JSON.stringify(schedulerNameOf(pod)));
      const why = `all pods in a single pod group should have the same .spec.schedulerName set, got: ${names.join(" and ")}`;
      for (const entry of entries) this.#steps.fail(entry, why, "SchedulerError");
      return;
    }
    const startMs = clock.monotonicMs();
    const decided =
      feed.nodeCount === 0
        ? entries.map(({ key }) => refusalOf(key, NO_NODES))
        : await feed.core.decide(entries.map(({ pod }) => pod));
    metrics?.decidedGroup(startMs);
    const decisions = entries.map((entry, i) => this.#asOfNow(entry, decided[i]!));
    if (groups.isMissing(group)) {
      this.#settleAll(entries, decisions, { outcome: "error", why: missing(group) });
      return;
    }
    const placed = groups.count(group, (key, uid) => feed.isPlaced(key, uid));
    const present = decisions.filter((one) => one !== undefined);
    const verdict = judgeGroup(present, placed, groups.minCountOf(group));
    this.#settleAll(entries, decisions, verdict);
    this.#say(group, verdict);
    metrics?.attemptedGroup(schedulerNameOf(entries[0]!.pod), RESULTS[verdict.outcome], startMs);
  }

  /** Pods and nodes may have gone while the core decided. @returns undefined for a pod that has */
  #asOfNow(entry: QueuedPod, decision: FullDecision): FullDecision | undefined {
    const { feed } = this.#parts;
    if (entry.place === "gone") {
      if (decision.node !== null) feed.discard(entry.key);
      else if (decision.preemption !== undefined) this.#callOff(entry, decision);
      return undefined;
    }
    if (decision.node === null || feed.hasNode(decision.node)) return decision;
    feed.discard(entry.key);
    return refusalOf(entry.key, `nodeinfo not found for node name "${decision.node}"`);
  }

  #settleAll(
    entries: readonly QueuedPod[],
    decisions: readonly (FullDecision | undefined)[],
    verdict: GroupVerdict,
  ): void {
    entries.forEach((entry, i) => {
      const decision = decisions[i];
      if (decision !== undefined) this.#settle(entry, decision, verdict);
    });
  }

  #settle(entry: QueuedPod, decision: FullDecision, verdict: GroupVerdict): void {
    if (decision.node !== null && verdict.outcome === "scheduled") {
      this.#steps.apply(entry, decision);
      return;
    }
    const hadRoom = decision.node !== null || decision.preemption !== undefined;
    if (decision.node !== null) this.#parts.feed.discard(entry.key);
    else if (verdict.outcome !== "waiting" && hadRoom) this.#callOff(entry, decision);
    if (verdict.outcome === "error" && !isMistake(decision))
      this.#steps.fail(entry, otherFailed(verdict.why), "SchedulerError");
    else if (verdict.outcome === "unschedulable" && hadRoom) this.#back(entry, TOO_FEW, null);
    else if (decision.node === null) this.#steps.refused(entry, decision);
    else this.#back(entry, GROUP_MESSAGES.waiting, decision.node);
  }

  /** The pod waits with the others of its group; its room is kept on the node that it is nominated to. */
  #back(entry: QueuedPod, message: string, nominated: string | null): void {
    const { queue, clock, report, writes, feed, metrics } = this.#parts;
    if (nominated !== null) feed.nominate(entry.pod, nominated);
    metrics?.attempted(entry, "unschedulable");
    queue.rejected(entry, ["GangScheduling"], clock.monotonicMs());
    writes.run(() => report.failed(entry.pod, "Unschedulable", message, nominated));
  }

  /** Nobody has to go for the pod after all: the core has kept room for it, and taken room from lesser pods. */
  #callOff({ pod }: QueuedPod, { outbid = [] }: Refusal): void {
    const { feed, find } = this.#parts;
    feed.nominate(pod, null);
    for (const key of outbid) {
      const lesser = find(key);
      const node = lesser?.status?.nominatedNodeName;
      if (lesser !== undefined && node) feed.nominate(lesser, node);
    }
  }

  #say(key: string, verdict: GroupVerdict): void {
    const { groups, groupReport, writes } = this.#parts;
    const group = groups.find(key);
    // It tells of the first time alone: more pods that find no node take nothing back.
    if (verdict.outcome === "scheduled") groups.markScheduled(key);
    else if (groups.wasScheduled(key)) return;
    if (group !== undefined) writes.run(() => groupReport.say(group, conditionOf(verdict)));
  }
}

function conditionOf(verdict: GroupVerdict): GroupCondition {
  switch (verdict.outcome) {
    case "scheduled":
      return { status: "True", reason: "Scheduled", message: "" };
    case "unschedulable":
    case "waiting":
      return { status: "False", reason: "Unschedulable", message: GROUP_MESSAGES[verdict.outcome] };
    case "error":
      return { status: "False", reason: "SchedulerError", message: otherFailed(verdict.why) };
    default:
      return verdict satisfies never;
  }
}

function refusalOf(pod: string, message: string): Refusal {
  return { pod, node: null, message, nodes: {}, plugins: [] };
}

function missing(group: string): string {
  const name = group.slice(group.indexOf("/") + 1);
  return `running Permit plugin "GangScheduling": failed to get podGroup ${group}: podgroup.scheduling.k8s.io "${name}" not found`;
}
