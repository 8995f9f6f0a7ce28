import { PodGroup } from "../../api/alpha-kinds.ts";
import type { V1alpha2PodGroup, V1Condition } from "../../api/generated/types.ts";
import { type Clock, formatTime } from "../../apimachinery/clock.ts";
import { isReason } from "../../apimachinery/errors.ts";
import type { Logger } from "../../apimachinery/log.ts";
import { objectKey } from "../../apimachinery/object.ts";
import type { Client } from "../../client/client.ts";
import { GROUP_CONDITION } from "./pod-groups.ts";

export type GroupCondition = Pick<V1Condition, "status" | "reason" | "message">;

/** Says on a pod group whether it is scheduled. */
export class GroupReport {
  readonly #parts: { readonly client: Client; readonly clock: Clock; readonly log: Logger };

  constructor(parts: { client: Client; clock: Clock; log: Logger }) {
    this.#parts = parts;
  }

  async say(group: V1alpha2PodGroup, { status, reason, message }: GroupCondition): Promise<void> {
    const { client, clock, log } = this.#parts;
    const before = group.status?.conditions?.find((one) => one.type === GROUP_CONDITION);
    if (before?.status === status && before.reason === reason && before.message === message) return;
    const now = formatTime(clock.nowMs());
    const condition: V1Condition = {
      type: GROUP_CONDITION,
      status,
      reason,
      message,
      lastTransitionTime: before?.status === status ? before.lastTransitionTime : now,
    };
    const { namespace, name = "", uid } = group.metadata ?? {};
    const body = { metadata: { uid }, status: { conditions: [condition] } };
    try {
      await client.patch(
        PodGroup,
        { namespace, name },
        { type: "strategic", body },
        { subresource: "status" },
      );
    } catch (error) {
      // The group is gone or replaced; anything else is said again when it is next decided about.
      const gone = isReason(error, "NotFound") || isReason(error, "Conflict");
      if (!gone) log.warn("condition not written", { podGroup: objectKey(group), error: String(error) });
    }
  }
}
