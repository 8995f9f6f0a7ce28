import type { V1Deployment, V1DeploymentCondition } from "../../api/generated/types.ts";
import { formatTime } from "../../apimachinery/clock.ts";

export type Conditions = readonly V1DeploymentCondition[];

/** progressDeadlineSeconds of this value means: no deadline. */
const NO_DEADLINE = 2 ** 31 - 1;

/** How long a rollout may stand still, or undefined when it may for ever. */
export function deadlineSeconds(deployment: V1Deployment): number | undefined {
  const seconds = deployment.spec?.progressDeadlineSeconds;
  return seconds === undefined || seconds === NO_DEADLINE ? undefined : seconds;
}

export function findCondition(
  conditions: Conditions | undefined,
  type: string,
): V1DeploymentCondition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export function withoutCondition(conditions: Conditions, type: string): Conditions {
  return conditions.filter((condition) => condition.type !== type);
}

/**
 * Sets a condition: with the same status and reason the old one stays as it is, message and all; with the same status
 * it keeps its lastTransitionTime. A changed condition moves to the end of the list.
 */
export function withCondition(conditions: Conditions, condition: V1DeploymentCondition): Conditions {
  const known = findCondition(conditions, condition.type);
  if (known?.status === condition.status && known.reason === condition.reason) return conditions;
  const since = known?.status === condition.status ? known.lastTransitionTime : condition.lastTransitionTime;
  return [...withoutCondition(conditions, condition.type), { ...condition, lastTransitionTime: since }];
}

export function makeCondition(
  type: string,
  status: "True" | "False" | "Unknown",
  reason: string,
  message: string,
  nowMs: number,
): V1DeploymentCondition {
  const now = formatTime(nowMs);
  return { type, status, lastUpdateTime: now, lastTransitionTime: now, reason, message };
}
