import type { V1Pod, V1PodCondition } from "../api/generated/types.ts";
import { Pod } from "../api/registry.ts";
import { type Clock, formatTime } from "../apimachinery/clock.ts";
import { isReason } from "../apimachinery/errors.ts";
import type { Logger } from "../apimachinery/log.ts";
import { objectKey } from "../apimachinery/object.ts";
import type { Client } from "../client/client.ts";
import type { EventRecorder } from "../client/event-recorder.ts";

/** An event's note is cut to 1024 bytes, the last four of them ` ...` (scheduling sheet 2.16). */
const NOTE_BYTES = 1024;

const SCHEDULING = { action: "Scheduling" };

/** Says on the pod, and in an event, why it has no node. */
export class PodReport {
  readonly #client: Client;
  readonly #clock: Clock;
  /** The recorder of the profile that a pod names. */
  readonly #events: (pod: V1Pod) => EventRecorder;
  readonly #log: Logger;

  constructor(parts: { client: Client; clock: Clock; events: (pod: V1Pod) => EventRecorder; log: Logger }) {
    this.#client = parts.client;
    this.#clock = parts.clock;
    this.#events = parts.events;
    this.#log = parts.log;
  }

  scheduled(pod: V1Pod, node: string): void {
    const message = `Successfully assigned ${objectKey(pod)} to ${node}`;
    this.#events(pod).event(Pod, pod, "Normal", "Scheduled", message, undefined, { action: "Binding" });
  }

  /**
   * A pod has to make room for another.
   *
   * @param inMemory  it was only on its way to the node, and is not deleted
   */
  preempted(victim: V1Pod, preemptor: V1Pod, node: string, inMemory: boolean): void {
    const { namespace, name, uid, resourceVersion } = preemptor.metadata ?? {};
    const message = `Preempted by pod ${uid} on node ${node}${inMemory ? " (in kube-scheduler memory)." : ""}`;
    const related = { kind: "Pod", apiVersion: "v1", namespace, name, uid, resourceVersion };
    this.#events(preemptor).event(Pod, victim, "Normal", "Preempted", message, undefined, {
      action: "Preempting",
      related,
    });
  }

  /** Only the event: for a pod that is not worth a condition any more. */
  skipped(pod: V1Pod): void {
    this.#events(pod).event(
      Pod,
      pod,
      "Warning",
      "FailedScheduling",
      `skip schedule deleting pod: ${objectKey(pod)}`,
      undefined,
      SCHEDULING,
    );
  }

  /**
   * The event FailedScheduling and the condition PodScheduled, which is written only when it changes.
   *
   * @param reason     Unschedulable when no node takes the pod, SchedulerError when something went wrong
   * @param nominated  the node that room is made on for it; null: none any more; undefined: as before
   */
  async failed(
    pod: V1Pod,
    reason: "Unschedulable" | "SchedulerError",
    message: string,
    nominated?: string | null,
  ): Promise<void> {
    this.#events(pod).event(Pod, pod, "Warning", "FailedScheduling", note(message), undefined, SCHEDULING);
    const before = pod.status?.conditions?.find((one) => one.type === "PodScheduled");
    const isSaid = before?.status === "False" && before.reason === reason && before.message === message;
    const isNominated = nominated === undefined || (pod.status?.nominatedNodeName ?? null) === nominated;
    if (isSaid && isNominated) return;
    const { namespace, name = "", uid, generation } = pod.metadata ?? {};
    const now = formatTime(this.#clock.nowMs());
    const condition: V1PodCondition = {
      type: "PodScheduled",
      status: "False",
      reason,
      message,
      lastTransitionTime: before?.status === "False" ? (before.lastTransitionTime ?? now) : now,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    };
    const nomination = isNominated ? {} : { nominatedNodeName: nominated };
    const body = { metadata: { uid }, status: { conditions: [condition], ...nomination } };
    try {
      await this.#client.patch(
        Pod,
        { namespace, name },
        { type: "strategic", body },
        { subresource: "status" },
      );
    } catch (error) {
      // The pod is gone or replaced; anything else is said again at the next attempt.
      const gone = isReason(error, "NotFound") || isReason(error, "Conflict");
      if (!gone) this.#log.warn("condition not written", { pod: objectKey(pod), error: String(error) });
    }
  }
}

function note(message: string): string {
  const bytes = new TextEncoder().encode(message);
  if (bytes.length <= NOTE_BYTES) return message;
  return `${new TextDecoder().decode(bytes.subarray(0, NOTE_BYTES - 4)).replace(/\uFFFD$/, "")} ...`;
}
