import type { V1Pod } from "../../api/generated/types.ts";
import type { DecidingScheduler, FullDecision, Refusal } from "../deciding-scheduler.ts";
import type { Gang } from "../library.ts";
import {
  GROUP_MESSAGES,
  type GroupVerdict,
  isMistake,
  judgeGroup,
  otherFailed,
  TOO_FEW,
} from "./judge-group.ts";

/** Takes placements of a gang back that is not scheduled: nothing of it is assumed, and nobody is to go for it unless all of it waits for that. */
export function settleGroup(
  scheduler: Pick<DecidingScheduler, "removePod" | "nominate">,
  pods: readonly V1Pod[],
  decisions: readonly FullDecision[],
  { minCount, placed = 0 }: Gang,
): readonly FullDecision[] {
  const verdict = judgeGroup(decisions, placed, minCount);
  if (verdict.outcome === "scheduled") return decisions;
  return decisions.map((decision, i) => {
    const pod = pods[i]!;
    if (decision.node !== null) {
      const { namespace = "default", name = "" } = pod.metadata ?? {};
      scheduler.removePod(namespace, name);
      if (verdict.outcome === "waiting") scheduler.nominate(pod, decision.node);
      return refusal(decision.pod, verdict);
    }
    if (verdict.outcome === "waiting" || isMistake(decision)) return decision;
    if (decision.preemption !== undefined) scheduler.nominate(pod, null);
    const hadRoom = decision.preemption !== undefined;
    return hadRoom || verdict.outcome === "error" ? refusal(decision.pod, verdict) : decision;
  });
}

function refusal(pod: string, verdict: Exclude<GroupVerdict, { outcome: "scheduled" }>): Refusal {
  const nobody = { pod, node: null, nodes: {} };
  if (verdict.outcome === "error") return { ...nobody, message: otherFailed(verdict.why), plugins: [] };
  const message = verdict.outcome === "waiting" ? GROUP_MESSAGES.waiting : TOO_FEW;
  return { ...nobody, message, plugins: ["GangScheduling"] };
}
