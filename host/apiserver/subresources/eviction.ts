import { defineKind } from "../../api/define-kind.ts";
import { isHealthy, withDisruptionTarget } from "../../api/disruption.ts";
import type { V1Eviction, V1Pod, V1PodDisruptionBudget } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { Pod, PodDisruptionBudget } from "../../api/registry.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { isObject } from "../../apimachinery/copy.ts";
import { ApiError, badRequest, isReason, type Status } from "../../apimachinery/errors.ts";
import { labelSelectorFromObject, matches } from "../../apimachinery/selectors.ts";
import type { DeleteOptions } from "../../client/client.ts";
import { admit, approve } from "../admission/chain.ts";
import { allOf } from "../admission/look-up.ts";
import type { Api, Target, WriteContext } from "../api.ts";
import { type Body, decodeBody } from "../decode-body.ts";
import type { UpdateStep } from "../storage/objects.ts";
import type { AnyObject } from "../storage/view.ts";
import { remove, requirePreconditions } from "../verbs/delete.ts";
import { success } from "./binding.ts";
import { spendDisruption, tooManyRequests } from "./disruption-budget.ts";

/** The body; no resource of its own serves it. */
export const EVICTION = defineKind<V1Eviction>("policy", "v1", {
  kind: "Eviction",
  plural: "evictions",
}) as unknown as Kind;

/** Lost races before an eviction gives up (EvictionsRetry). */
const MAX_TRIES = 20;

/**
 * POST to `pods/NAME/eviction`: deletes the pod if its disruption budget allows it. A pod that does not run yet, or not any
 * more, is no disruption and goes at once. Source: controllers.md 17.2.
 */
export async function evict(api: Api, target: Target, body: Body, context: WriteContext): Promise<Status> {
  const eviction = decodeEviction(api, body, context);
  const { namespace, name } = target;
  if (eviction.metadata?.name !== name)
    throw badRequest("name in URL does not match name in Eviction object");
  const options = { ...eviction.deleteOptions } as DeleteOptions;
  const dryRun = dryRunOf(eviction, context);
  const asked = { ...context, dryRun };
  const kind = Pod as unknown as Kind;
  const about = { verb: "create", kind, namespace, name, subresource: "eviction", targetName: name } as const;
  const object = await admit(api, { ...about, object: eviction }, asked);
  await approve(api, { ...about, object }, asked);
  const pod = await removeUndisrupted(api, target, options, asked);
  if (pod !== undefined) await removeRunning(api, target, pod, options, asked);
  return success();
}

function decodeEviction(api: Api, body: Body, context: WriteContext): V1Eviction & AnyObject {
  const { value } = body;
  // The two versions have the same fields.
  const isBeta = isObject(value) && value["apiVersion"] === "policy/v1beta1";
  const read = isBeta ? { ...body, value: { ...value, apiVersion: "policy/v1" } } : body;
  return decodeBody(api, EVICTION, read, context) as V1Eviction & AnyObject;
}

/** Either of the two places may ask for a dry run; both must agree. */
function dryRunOf({ deleteOptions }: V1Eviction, { dryRun }: WriteContext): boolean {
  const inBody = deleteOptions?.dryRun ?? [];
  if (inBody.length === 0) return dryRun;
  if (dryRun && (inBody.length !== 1 || inBody[0] !== "All")) {
    throw badRequest(`Non-matching dry-run options in request and content: [All] and [${inBody.join(" ")}]`);
  }
  return true;
}

/** Removes a pod that budgets do not count. @returns the pod when they do */
async function removeUndisrupted(
  api: Api,
  target: Target,
  options: DeleteOptions,
  context: WriteContext,
): Promise<V1Pod | undefined> {
  for (let tries = 1; ; tries++) {
    const pod = (await api.objects.get(Pod as unknown as Kind, target)).object as V1Pod;
    const phase = pod.status?.phase;
    const isEnding =
      phase === "Succeeded" || phase === "Failed" || pod.metadata?.deletionTimestamp !== undefined;
    if (!isEnding && phase !== "Pending") return pod;
    try {
      // A pending pod may begin to run at any moment, and then be counted.
      await removeMarked(api, target, isEnding ? options : atRevision(pod, options), context);
      return undefined;
    } catch (error) {
      const isLost = isReason(error, "Conflict") && !options.preconditions?.resourceVersion;
      if (!isLost || tries === MAX_TRIES) throw error;
    }
  }
}

async function removeRunning(
  api: Api,
  target: Target,
  pod: V1Pod,
  options: DeleteOptions,
  context: WriteContext,
): Promise<void> {
  const [budget, other] = await budgetsOf(api, pod);
  if (other !== undefined) {
    const why =
      "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
    throw new ApiError("", why);
  }
  if (budget === undefined || !mayGoUnhealthy(pod, budget)) {
    if (budget !== undefined) await spendDisruption(api, budget, target.name, context.dryRun, MAX_TRIES);
    await removeMarked(api, target, options, context);
    return;
  }
  try {
    await removeMarked(api, target, atRevision(pod, options), context);
  } catch (error) {
    // It may have become healthy meanwhile: whoever asks again finds out.
    if (!isReason(error, "Conflict") || options.preconditions?.resourceVersion) throw error;
    throw tooManyRequests(budget);
  }
}

async function budgetsOf(api: Api, { metadata }: V1Pod): Promise<readonly V1PodDisruptionBudget[]> {
  if (Object.keys(metadata?.labels ?? {}).length === 0) return [];
  const all = await allOf(api, PodDisruptionBudget, metadata?.namespace);
  return all.filter(({ spec }) => matches(labelSelectorFromObject(spec?.selector), metadata?.labels));
}

/** A pod that is not healthy is not counted as such: losing it does not spend the budget. */
function mayGoUnhealthy(pod: V1Pod, { spec, status }: V1PodDisruptionBudget): boolean {
  if (isHealthy(pod)) return false;
  if (spec?.unhealthyPodEvictionPolicy === "AlwaysAllow") return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy;
}

function atRevision({ metadata }: V1Pod, options: DeleteOptions): DeleteOptions {
  const { preconditions } = options;
  if (preconditions?.resourceVersion) return options;
  return { ...options, preconditions: { ...preconditions, resourceVersion: metadata?.resourceVersion } };
}

const EVICTED = {
  status: "True",
  reason: "EvictionByEvictionAPI",
  message: "Eviction API: evicting",
} as const;

/** Says on the pod why it goes, and deletes it. What is asked of the revision is asked before the first of the two. */
async function removeMarked(
  api: Api,
  target: Target,
  options: DeleteOptions,
  context: WriteContext,
): Promise<void> {
  const kind = Pod as unknown as Kind;
  let { preconditions } = options;
  if (!context.dryRun) {
    const mark = async ({ object }: { object: object }): Promise<UpdateStep> => {
      const pod = object as V1Pod;
      requirePreconditions(kind, target.name, options, pod.metadata ?? {});
      return {
        kind: "put",
        object: withDisruptionTarget(pod, EVICTED, formatTime(api.clock.nowMs())) as AnyObject,
      };
    };
    const { view } = await api.objects.update(kind, target, mark);
    if (preconditions?.resourceVersion)
      preconditions = { ...preconditions, resourceVersion: view.object.metadata?.resourceVersion };
  }
  const deletion = { ...options, preconditions };
  await remove(api, { ...target, subresource: undefined }, deletion, context, async () => {});
}
