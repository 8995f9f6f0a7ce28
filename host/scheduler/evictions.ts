import type { V1Pod, V1PodCondition } from "../api/generated/types.ts";
import { Pod } from "../api/registry.ts";
import { type Clock, formatTime } from "../apimachinery/clock.ts";
import { isReason } from "../apimachinery/errors.ts";
import type { Logger } from "../apimachinery/log.ts";
import { objectKey, parseKey } from "../apimachinery/object.ts";
import type { Client } from "../client/client.ts";
import type { BoundedTasks } from "./bounded-tasks.ts";
import { schedulerNameOf } from "./configuration/profiles.ts";
import type { PreemptionPlan } from "./library.ts";
import type { SchedulerMetrics } from "./metrics/scheduler-metrics.ts";
import type { PodReport } from "./pod-report.ts";
import { PREEMPTION_REASON } from "./preemption/victim-facts.ts";

/** Victims of one preemptor that are evicted at once; kube-scheduler's parallelism. */
const PARALLEL = 16;

interface Parts {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly report: PodReport;
  readonly metrics: SchedulerMetrics | undefined;
  /** Where the writes wait their turn. */
  readonly writes: BoundedTasks;
  /** A pod as the cache shows it. */
  readonly find: (key: string) => V1Pod | undefined;
  /** Takes a pod back that is on its way to a node but not yet bound; false: there is nothing to take back. */
  readonly cancel: (key: string, message: string) => boolean;
  /** The preemptor is to be tried again at once: its victims are not all on their way. */
  readonly activate: (key: string) => void;
  /** It is no longer held back. */
  readonly release: (key: string) => void;
}

/**
 * Makes room for pods: deletes their victims, each with its own grace period, and says so on them. The preemptor is not looked
 * at meanwhile: it is let go just before its last victim is deleted, and that deletion brings it back.
 *
 *   start ──► nominations of lesser pods cleared ──► all victims but the last ──► let go ──► the last
 *                                                        └──a write fails──► let go and tried again at once
 *
 * Source: kube-scheduler, preemption.Executor (scheduling sheet 6.5).
 */
export class Evictions {
  readonly #parts: Parts;
  /** UIDs of pods whose victims are being evicted: at most one entry a waiting pod. */
  readonly #preempting = new Set<string>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Whether a pod has to wait until its victims are on their way. */
  isPreempting(pod: V1Pod): boolean {
    return this.#preempting.has(pod.metadata?.uid ?? "");
  }

  /** @param outbid  pods of lower priority that lose their nomination to the node */
  start(preemptor: V1Pod, plan: PreemptionPlan, outbid: readonly string[]): void {
    const uid = preemptor.metadata?.uid ?? "";
    this.#preempting.add(uid);
    this.#parts.writes.run(async () => {
      const key = objectKey(preemptor);
      const { metrics, clock } = this.#parts;
      const startMs = clock.monotonicMs();
      try {
        await this.#evictAll(preemptor, plan, outbid);
        metrics?.evicted(startMs, true);
      } catch (error) {
        metrics?.evicted(startMs, false);
        this.#parts.log.warn("preemption not carried out", {
          pod: key,
          uid,
          node: plan.node,
          error: String(error),
        });
        this.#preempting.delete(uid);
        this.#parts.activate(key);
      }
    });
  }

  async #evictAll(
    preemptor: V1Pod,
    { node, victims }: PreemptionPlan,
    outbid: readonly string[],
  ): Promise<void> {
    await Promise.all(outbid.map((key) => this.#clearNomination(key)));
    const leaving = victims.flatMap((key) => {
      const victim = this.#parts.find(key);
      return victim === undefined || victim.metadata?.deletionTimestamp !== undefined ? [] : [victim];
    });
    const last = leaving.pop();
    for (let start = 0; start < leaving.length; start += PARALLEL)
      await Promise.all(
        leaving.slice(start, start + PARALLEL).map((victim) => this.#evict(preemptor, victim, node)),
      );
    this.#preempting.delete(preemptor.metadata?.uid ?? "");
    if (last !== undefined) await this.#evict(preemptor, last, node);
    // All had gone by themselves: no deletion will bring it back.
    if (last === undefined) this.#parts.release(objectKey(preemptor));
  }

  async #evict(preemptor: V1Pod, victim: V1Pod, node: string): Promise<void> {
    const { client, report, cancel, clock } = this.#parts;
    const { namespace, name = "", uid, generation } = victim.metadata ?? {};
    const message = `${schedulerNameOf(preemptor)}: preempting to accommodate a higher priority pod`;
    if (!victim.spec?.nodeName && cancel(objectKey(victim), message)) {
      report.preempted(victim, preemptor, node, true);
      return;
    }
    const condition: V1PodCondition = {
      type: "DisruptionTarget",
      status: "True",
      reason: PREEMPTION_REASON,
      message,
      lastTransitionTime: formatTime(clock.nowMs()),
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    };
    try {
      const body = { metadata: { uid }, status: { conditions: [condition] } };
      await client.patch(Pod, { namespace, name }, { type: "strategic", body }, { subresource: "status" });
      await client.delete(Pod, { namespace, name }, uid === undefined ? {} : { preconditions: { uid } });
    } catch (error) {
      // It has gone by itself, or another has its name.
      if (isReason(error, "NotFound") || isReason(error, "Conflict")) return;
      throw error;
    }
    report.preempted(victim, preemptor, node, false);
  }

  async #clearNomination(key: string): Promise<void> {
    const pod = this.#parts.find(key);
    if (!pod?.status?.nominatedNodeName) return;
    const { namespace = "", name } = parseKey(key);
    const body = { metadata: { uid: pod.metadata?.uid }, status: { nominatedNodeName: null } };
    try {
      await this.#parts.client.patch(
        Pod,
        { namespace, name },
        { type: "strategic", body },
        { subresource: "status" },
      );
    } catch (error) {
      if (!isReason(error, "NotFound") && !isReason(error, "Conflict")) throw error;
    }
  }
}
