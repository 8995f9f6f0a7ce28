import { findCondition } from "../../api/conditions.ts";
import { DISRUPTION_ALLOWED, SYNC_FAILED, withDisruptionAllowed } from "../../api/disruption.ts";
import type { V1PodDisruptionBudget } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { PodDisruptionBudget } from "../../api/registry.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { ApiError, forbidden, isReason } from "../../apimachinery/errors.ts";
import type { Api } from "../api.ts";
import type { UpdateStep } from "../storage/objects.ts";

/** Pods that were let go and that the disruption controller has not seen go (MaxDisruptedPodSize). */
const MAX_DISRUPTED = 2000;
const RETRY_SECONDS = 10;

/** Takes one disruption from a budget for a pod, or says why there is none. Source: EvictionREST.checkAndDecrement. */
export async function spendDisruption(
  api: Api,
  { metadata }: V1PodDisruptionBudget,
  podName: string,
  dryRun: boolean,
  maxTries: number,
): Promise<void> {
  const reference = { namespace: metadata?.namespace, name: metadata?.name ?? "" };
  const spend = async ({ object }: { object: object }): Promise<UpdateStep> => {
    const budget = object as V1PodDisruptionBudget;
    requireRoom(budget);
    const { status } = budget;
    const now = formatTime(api.clock.nowMs());
    const disruptionsAllowed = (status?.disruptionsAllowed ?? 0) - 1;
    const disruptedPods = { ...status?.disruptedPods, [podName]: now };
    const next = { ...status, disruptionsAllowed, disruptedPods };
    const spent = disruptionsAllowed === 0 ? withDisruptionAllowed(next, now) : next;
    return { kind: "put", object: { ...budget, status: spent } };
  };
  try {
    await api.objects.update(PodDisruptionBudget as unknown as Kind, reference, spend, dryRun, maxTries);
  } catch (error) {
    if (!isReason(error, "Conflict")) throw error;
    const why = `Timeout: couldn't update PodDisruptionBudget "${reference.name}" due to conflicts`;
    throw new ApiError("Timeout", why, { retryAfterSeconds: RETRY_SECONDS });
  }
}

function requireRoom(budget: V1PodDisruptionBudget): void {
  const { metadata, status } = budget;
  const name = metadata?.name ?? "";
  const refuse = (why: string, more: string) => {
    const error = forbidden({ group: "policy", plural: "poddisruptionbudget", kind: "" }, name, why);
    const message = `The disruption budget ${name} does not allow evicting pods currently: ${more}`;
    error.status.details!.causes = [{ reason: "DisruptionBudget", message }];
    return error;
  };
  if ((status?.observedGeneration ?? 0) < (metadata?.generation ?? 0)) throw tooManyRequests(budget);
  const allowed = status?.disruptionsAllowed ?? 0;
  if (allowed < 0) throw refuse("pdb disruptions allowed is negative", "pdb disruptions allowed is negative");
  if (Object.keys(status?.disruptedPods ?? {}).length > MAX_DISRUPTED) {
    throw refuse(
      "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
      "too many pending evictions not confirmed by PDB controller",
    );
  }
  if (allowed === 0) throw violation(whyNone(budget));
}

/** The budget is not known yet, or no longer: whoever asks again in a while finds out. */
export function tooManyRequests({ metadata }: V1PodDisruptionBudget): ApiError {
  const message = `The disruption budget ${metadata?.name} is still being processed by the server.`;
  return violation(message, RETRY_SECONDS);
}

function violation(message: string, retryAfterSeconds?: number): ApiError {
  return new ApiError(
    "TooManyRequests",
    "Cannot evict pod as it would violate the pod's disruption budget.",
    {
      causes: [{ reason: "DisruptionBudget", message }],
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    },
  );
}

/** A failed sync comes first: the numbers are not to be trusted then. */
function whyNone({ metadata, status }: V1PodDisruptionBudget): string {
  const { currentHealthy = 0, desiredHealthy = 0, conditions } = status ?? {};
  const condition = findCondition(conditions, DISRUPTION_ALLOWED);
  const failed = condition?.status === "False" && condition.message ? condition : undefined;
  const refused = `The disruption budget ${metadata?.name} does not allow evicting pods currently`;
  if (failed?.reason === SYNC_FAILED) return `${refused} because it failed sync: ${failed.message}`;
  if (currentHealthy <= desiredHealthy)
    return `The disruption budget ${metadata?.name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  return failed === undefined ? refused : `${refused} (${failed.reason}): ${failed.message}`;
}
