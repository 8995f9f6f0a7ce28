import type { V1Pod } from "../api/generated/types.ts";
import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/log.ts";
import type { Client } from "../client/client.ts";
import { bind } from "./bind.ts";
import type { BoundedTasks } from "./bounded-tasks.ts";
import { assumptionEnds } from "./cluster-watch.ts";
import type { CoreFeed } from "./core-feed.ts";
import type { DecidingScheduler, FullDecision, Refusal } from "./deciding-scheduler.ts";
import { allocationFailed, writeAllocations } from "./device-binder.ts";
import { bindByExtender } from "./extenders/bind-by-extender.ts";
import type { ExtendedDecisions } from "./extenders/extended-decisions.ts";
import type { HttpExtender } from "./extenders/http-extender.ts";
import { Lanes } from "./extenders/lanes.ts";
import { GroupCycle, type GroupCycleParts } from "./groups/group-cycle.ts";
import type { PreemptionPlan } from "./library.ts";
import type { SchedulerMetrics } from "./metrics/scheduler-metrics.ts";
import type { PodReport } from "./pod-report.ts";
import type { QueuedPod, SchedulingQueue } from "./queue.ts";
import { NO_NODES } from "./reasons.ts";
import { bindingFailed, VolumeBinder } from "./volume-binder.ts";
import type { ClaimBinding } from "./volumes.ts";

/** Pods handed to the core at once: enough that crossing to its worker costs little, few enough that a pod of higher priority waits only briefly. */
const BATCH = 128;
export interface CycleParts {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly queue: SchedulingQueue;
  readonly feed: CoreFeed;
  readonly report: PodReport;
  readonly metrics: SchedulerMetrics | undefined;
  /** Who else has a say; absent: nobody. */
  readonly extended: ExtendedDecisions | undefined;
  /** Puts another core in the place of one that failed; resolves when it knows the cluster. */
  readonly reviveCore: () => Promise<void>;
  /** Where bindings, reports and evictions wait their turn. */
  readonly writes: BoundedTasks;
  /** A pod may be placed once these pods are gone. */
  readonly preempt: (preemptor: V1Pod, plan: PreemptionPlan, outbid: readonly string[]) => void;
  /** What is needed to decide about pods of groups; absent: there are none. */
  readonly groups?: Pick<GroupCycleParts, "groups" | "groupReport" | "find">;
}

/**
 * Takes batches of pods through the core and on to the API, one batch after another; bindings go on behind.
 *
 *   pop ──► schedule (the core assumes) ──► assume ──► (devices, volumes) ──► bind ──► Scheduled
 *                     │                                           └──failed──► forget, back after backoff
 *                     └── no node ──► FailedScheduling, back when something helps
 */
export class SchedulingCycle {
  readonly #parts: CycleParts;
  readonly #writes: BoundedTasks;
  /** Pods that wait until their claims are bound, with their nodes. */
  readonly #waitingForClaims = new Map<QueuedPod, { readonly node: string }>();
  /** Pods about which extenders are asked, each extender about one at a time: the others do not wait for them. */
  readonly #lanes = new Lanes<HttpExtender>();
  readonly #alone = new Set<QueuedPod>();
  #reviving: Promise<void> | undefined;
  #running = false;
  #stopped = false;
  #finished: Promise<void> = Promise.resolve();
  readonly #changed: () => void;
  readonly #volumes: VolumeBinder;
  readonly #groupCycle: GroupCycle | undefined;

  /** @param changed  called whenever pods have moved in the queue, so that its timer can be set */
  constructor(parts: CycleParts, changed: () => void) {
    this.#parts = parts;
    this.#writes = parts.writes;
    this.#volumes = new VolumeBinder(parts.client, parts.clock);
    this.#changed = changed;
    this.#groupCycle = parts.groups && this.#groupCycleOf(parts.groups);
  }

  #groupCycleOf(groups: NonNullable<CycleParts["groups"]>): GroupCycle {
    return new GroupCycle(
      { ...this.#parts, ...groups },
      {
        apply: (entry, decision) => this.#apply(entry, decision),
        refused: (entry, decision) => this.#refused(entry, decision),
        fail: (entry, message, reason) => this.#fail(entry, message, reason),
      },
    );
  }

  /** Starts working through the queue unless that is going on already. */
  wake(): void {
    if (this.#running || this.#stopped || !this.#parts.queue.hasReady()) return;
    this.#running = true;
    this.#finished = this.#drain();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#parts.extended?.close();
    await this.#finished;
    await this.#lanes.idle();
    this.#volumes.stop();
    await this.#writes.idle();
  }

  async #drain(): Promise<void> {
    const { queue, log, clock, feed } = this.#parts;
    // Whatever else became ready in this turn of the event loop joins the first batch.
    await Promise.resolve();
    while (!this.#stopped) {
      await this.#writes.room();
      const batch = queue.pop(BATCH, clock.monotonicMs());
      if (batch.length === 0) break;
      const { core } = feed;
      try {
        await this.#schedule(batch);
      } catch (error) {
        log.error("scheduling failed", { pods: batch.length, error: String(error) });
        for (const entry of batch)
          if (isUndecided(entry) && !this.#alone.has(entry)) this.#fail(entry, messageOf(error));
        await this.#revive(core);
      }
    }
    this.#running = false;
    this.#changed();
  }

  /** Whatever went wrong, what this core has assumed is in doubt: a new one is told what is known to stand. */
  async #revive(core: DecidingScheduler): Promise<void> {
    if (this.#parts.feed.core !== core) return;
    this.#reviving ??= this.#parts.reviveCore().finally(() => {
      this.#reviving = undefined;
    });
    await this.#reviving;
  }

  async #schedule(batch: readonly QueuedPod[]): Promise<void> {
    const { queue, feed, report, metrics, clock } = this.#parts;
    const wanted: QueuedPod[] = [];
    const isGroup = batch[0]?.group !== undefined && this.#groupCycle !== undefined;
    for (const entry of batch) {
      if (entry.pod.metadata?.deletionTimestamp !== undefined) {
        report.skipped(entry.pod);
        queue.remove(entry.key);
      } else if (isGroup) {
        wanted.push(entry);
      } else if (feed.nodeCount === 0) {
        this.#fail(entry, NO_NODES, "Unschedulable");
      } else if (!this.#decideAlone(entry)) {
        wanted.push(entry);
      }
    }
    if (wanted.length === 0) return;
    if (isGroup && !this.#concernsExtenders(wanted)) return this.#groupCycle?.run(wanted);
    if (isGroup) {
      for (const entry of wanted) this.#fail(entry, "extenders cannot be asked about pods of a PodGroup");
      return;
    }
    const startMs = clock.monotonicMs();
    const decisions = await feed.core.decide(wanted.map((entry) => entry.pod));
    metrics?.decided(wanted.length, startMs);
    wanted.forEach((entry, i) => {
      this.#apply(entry, decisions[i]!);
    });
  }

  /** A group would be placed without those who have a say. */
  #concernsExtenders(group: readonly QueuedPod[]): boolean {
    const { extended } = this.#parts;
    return extended !== undefined && group.some(({ pod }) => extended.interestedIn(pod).length > 0);
  }

  /** @returns false for a pod that no extender has a say about */
  #decideAlone(entry: QueuedPod): boolean {
    const { extended, feed, log, metrics, clock } = this.#parts;
    const asked = extended?.interestedIn(entry.pod) ?? [];
    if (extended === undefined || asked.length === 0) return false;
    this.#alone.add(entry);
    this.#lanes.run(asked, async () => {
      const { core } = feed;
      const startMs = clock.monotonicMs();
      try {
        if (entry.place === "gone" || this.#stopped) return;
        const decision = await extended.decide(core.stepwise, entry.pod);
        metrics?.decided(1, startMs);
        if (!this.#stopped) this.#apply(entry, decision);
      } catch (error) {
        log.error("scheduling failed", { pod: entry.key, error: String(error) });
        this.#fail(entry, messageOf(error));
        await this.#revive(core);
      } finally {
        this.#alone.delete(entry);
        this.#changed();
      }
    });
    return true;
  }

  #apply(entry: QueuedPod, decision: FullDecision): void {
    const { queue, feed } = this.#parts;
    if (decision.node === null) {
      this.#refused(entry, decision);
      return;
    }
    if (entry.place === "gone") {
      // Deleted, or bound by somebody else, while the core decided: it assumed a pod that nobody will bind.
      feed.discard(entry.key);
      return;
    }
    const { node } = decision;
    feed.assume(entry.key, entry.uid, node);
    queue.assumed(entry);
    if (!feed.hasNode(node)) {
      this.#undo(entry, node, `nodeinfo not found for node name "${node}"`);
      return;
    }
    const { claims, devices } = decision;
    this.#writes.run(async () => {
      try {
        if (devices !== undefined) await writeAllocations(this.#parts.client, entry.pod, node, devices);
      } catch (error) {
        this.#undo(entry, node, allocationFailed(error));
        return;
      }
      await (claims === undefined ? this.#bind(entry, node) : this.#bindVolumes(entry, node, claims));
    });
  }

  #refused(entry: QueuedPod, decision: Refusal): void {
    const { queue, clock, report, metrics } = this.#parts;
    const { message, plugins, heldBy, nominated, preemption, outbid = [] } = decision;
    if (decision.preemptionAsked) metrics?.preempted(preemption?.victims.length ?? 0);
    if (entry.place === "gone") return;
    if (heldBy !== undefined) {
      queue.held(entry, heldBy, clock.monotonicMs());
    } else if (plugins.length === 0) {
      this.#fail(entry, message, message === NO_NODES ? "Unschedulable" : "SchedulerError");
    } else {
      // First, so that the pod is held back until its victims are on their way.
      if (preemption !== undefined) this.#parts.preempt(entry.pod, preemption, outbid);
      metrics?.attempted(entry, "unschedulable");
      queue.rejected(entry, plugins, clock.monotonicMs());
      this.#writes.run(() => report.failed(entry.pod, "Unschedulable", message, nominated));
    }
  }

  /** PreBind: the pod is bound once its claims are. */
  async #bindVolumes(entry: QueuedPod, node: string, claims: readonly ClaimBinding[]): Promise<void> {
    const { metrics, clock } = this.#parts;
    const startMs = clock.monotonicMs();
    try {
      await this.#volumes.write(claims, node);
    } catch (error) {
      this.#undo(entry, node, bindingFailed(error));
      return;
    }
    const wait = { node };
    this.#waitingForClaims.set(entry, wait);
    // Taken back meanwhile, the pod may wait again, for another node.
    const isWanted = () => this.#waitingForClaims.get(entry) === wait;
    this.#volumes.wait(claims, isWanted, (error) => {
      this.#waitingForClaims.delete(entry);
      if (entry.place === "gone") return;
      metrics?.ranPoint(entry, "PreBind", startMs, error === undefined);
      if (error === undefined) this.#writes.run(() => this.#bind(entry, node));
      else this.#undo(entry, node, bindingFailed(error));
    });
  }

  /**
   * Takes a pod back that waits for its claims: another needs its room.
   *
   * @returns false when no such pod waits
   */
  cancel(key: string, message: string): boolean {
    const entry = this.#parts.queue.find(key);
    const wait = entry && this.#waitingForClaims.get(entry);
    if (entry === undefined || wait === undefined) return false;
    this.#waitingForClaims.delete(entry);
    this.#undo(entry, wait.node, message);
    return true;
  }

  async #bind(entry: QueuedPod, node: string): Promise<void> {
    const { queue, feed, report, log, metrics, clock } = this.#parts;
    const { pod, key, uid } = entry;
    const startMs = clock.monotonicMs();
    if (!feed.core.stillFits(pod)) {
      this.#undo(entry, node, `node "${node}" was filled by another scheduler`);
      return;
    }
    const binder = this.#parts.extended?.binderOf(pod);
    try {
      await this.#bindBy(binder, pod, node);
      metrics?.ranPoint(entry, "Bind", startMs, true);
    } catch (error) {
      metrics?.ranPoint(entry, "Bind", startMs, false);
      // The answer may have been lost: what the API shows decides.
      if (!feed.isBound(key, uid)) {
        const plugin = binder === undefined ? 'running Bind plugin "DefaultBinder": ' : "";
        this.#undo(entry, node, `${plugin}${messageOf(error)}`);
        return;
      }
    }
    const tookMs = Math.round((clock.monotonicMs() - entry.firstActiveMs!) * 100) / 100;
    log.info("bound pod", { pod: key, uid, revision: pod.metadata?.resourceVersion, node, tookMs });
    metrics?.attempted(entry, "scheduled");
    if (entry.place !== "gone") queue.remove(key);
    report.scheduled(pod, node);
  }

  async #bindBy(binder: HttpExtender | undefined, pod: V1Pod, node: string): Promise<void> {
    const { client, log } = this.#parts;
    if (binder === undefined) return bind(client, pod, node);
    try {
      await bindByExtender(client, binder, pod, node);
    } catch (error) {
      if (!binder.configuration.ignorable) throw error;
      log.warn("an extender was ignored", { extender: binder.configuration.urlPrefix, error: String(error) });
      await bind(client, pod, node);
    }
  }

  /** The pod does not come to its node after all: what was assumed is taken back, and it is tried again after backoff. */
  #undo(entry: QueuedPod, node: string, message: string): void {
    const { queue, feed, log, clock } = this.#parts;
    feed.forget(entry.key, entry.uid);
    log.warn("binding failed", { pod: entry.key, uid: entry.uid, node, error: message });
    this.#fail(entry, message);
    queue.happened(assumptionEnds(entry.pod, node), clock.monotonicMs());
    this.#changed();
  }

  #fail(
    entry: QueuedPod,
    message: string,
    reason: "Unschedulable" | "SchedulerError" = "SchedulerError",
  ): void {
    const { queue, clock, report, metrics } = this.#parts;
    if (entry.place === "gone") return;
    metrics?.attempted(entry, reason === "Unschedulable" ? "unschedulable" : "error");
    queue.failed(entry, clock.monotonicMs());
    this.#writes.run(() => report.failed(entry.pod, reason, message));
  }
}

/** In flight, and not yet assumed or put back. */
function isUndecided({ poppedAt }: QueuedPod): boolean {
  return poppedAt >= 0;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
