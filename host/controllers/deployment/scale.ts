import type { V1Deployment, V1ReplicaSet } from "../../api/generated/types.ts";
import type { Change } from "../change.ts";
import { DESIRED_REPLICAS, MAX_REPLICAS, sizeAnnotation } from "./annotations.ts";
import { resize } from "./resize.ts";
import {
  allSets,
  availableIn,
  byAge,
  isActiveSet,
  isRollingUpdate,
  maxSurge,
  type Rollout,
  sizeOf,
  sum,
  wantedOf,
} from "./rollout.ts";

/** Whether somebody changed how many pods are wanted since the sets got their sizes. */
export function isScalingEvent(rollout: Rollout): boolean {
  const wanted = wantedOf(rollout.deployment);
  return allSets(rollout)
    .filter(isActiveSet)
    .some((set) => {
      const desired = sizeAnnotation(set, DESIRED_REPLICAS);
      return desired !== undefined && desired !== wanted;
    });
}

/**
 * Fits the sets to a changed number of wanted pods without moving a rollout on: one active set takes it all; several
 * share it in proportion. Source: controllers.md 3.5.
 */
export function scale(rollout: Rollout): Change[] {
  const { deployment, newSet, oldSets } = rollout;
  const active = allSets(rollout).filter(isActiveSet);
  if (active.length <= 1) {
    const only = active[0] ?? newSet ?? oldSets.at(-1);
    if (only === undefined || sizeOf(only) === wantedOf(deployment)) return [];
    return resize(deployment, only, wantedOf(deployment));
  }
  if (newSet !== undefined && isSaturated(deployment, newSet)) {
    return oldSets.filter(isActiveSet).flatMap((set) => resize(deployment, set, 0));
  }
  if (!isRollingUpdate(deployment)) return [];
  return proportionalSizes(deployment, active).flatMap(({ set, size }) => resize(deployment, set, size));
}

function isSaturated(deployment: V1Deployment, set: V1ReplicaSet): boolean {
  const wanted = wantedOf(deployment);
  return (
    sizeOf(set) === wanted && sizeAnnotation(set, DESIRED_REPLICAS) === wanted && availableIn(set) === wanted
  );
}

/** Each set grows or shrinks by its share; what rounding leaves over goes to the first, the largest. */
export function proportionalSizes(
  deployment: V1Deployment,
  active: readonly V1ReplicaSet[],
): { set: V1ReplicaSet; size: number }[] {
  const wanted = wantedOf(deployment);
  const allowed = wanted > 0 ? wanted + maxSurge(deployment) : 0;
  const toAdd = allowed - sum(active, sizeOf);
  let added = 0;
  const sizes = inScalingOrder(active, toAdd).map((set) => {
    const share = shareOf(deployment, set, toAdd, added);
    added += share;
    return { set, size: sizeOf(set) + share };
  });
  const first = sizes[0];
  if (first !== undefined && toAdd !== 0) first.size = Math.max(0, first.size + toAdd - added);
  return sizes;
}

/** The largest first; of equal ones the newer grows first, the older shrinks first. */
function inScalingOrder(active: readonly V1ReplicaSet[], toAdd: number): V1ReplicaSet[] {
  if (toAdd === 0) return [...active];
  const age = toAdd > 0 ? (a: V1ReplicaSet, b: V1ReplicaSet) => byAge(b, a) : byAge;
  return [...active].sort((a, b) => sizeOf(b) - sizeOf(a) || age(a, b));
}

function shareOf(deployment: V1Deployment, set: V1ReplicaSet, toAdd: number, added: number): number {
  if (toAdd === 0 || toAdd === added) return 0;
  const fraction = fractionOf(deployment, set);
  return toAdd > 0 ? Math.min(fraction, toAdd - added) : Math.max(fraction, toAdd - added);
}

/** By how much the set changes when all change in proportion, rounded half away from zero. */
function fractionOf(deployment: V1Deployment, set: V1ReplicaSet): number {
  const wanted = wantedOf(deployment);
  if (wanted === 0) return -sizeOf(set);
  const before = sizeAnnotation(set, MAX_REPLICAS) || (deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  return Math.floor((sizeOf(set) * (wanted + maxSurge(deployment))) / before + 0.5) - sizeOf(set);
}
