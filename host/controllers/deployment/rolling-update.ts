import type { V1Deployment, V1ReplicaSet } from "../../api/generated/types.ts";
import type { Change } from "../change.ts";
import { resize } from "./resize.ts";
import {
  allSets,
  availableIn,
  isActiveSet,
  maxSurge,
  maxUnavailable,
  type Rollout,
  sizeOf,
  sum,
  wantedOf,
} from "./rollout.ts";

/**
 * One step of a rolling update: the new set grows into the surge, else the old ones shrink as far as enough pods stay
 * available. Source: controllers.md 3.3.
 */
export function rollingStep(rollout: Rollout): Change[] {
  const { deployment, newSet } = rollout;
  if (newSet === undefined) return [];
  const size = newSetSize(deployment, allSets(rollout), sizeOf(newSet));
  if (size !== sizeOf(newSet)) return resize(deployment, newSet, size);
  return scaleDownOld(rollout).flatMap(({ set, sizes }) => resize(deployment, set, ...sizes));
}

/** The size the new set may have now: as many as are wanted, as far as all sets together stay within the surge. */
export function newSetSize(deployment: V1Deployment, all: readonly V1ReplicaSet[], size: number): number {
  const wanted = wantedOf(deployment);
  if (size >= wanted) return wanted;
  const room = wanted + maxSurge(deployment) - sum(all, sizeOf);
  return room <= 0 ? size : size + Math.min(room, wanted - size);
}

export interface ScaleDown {
  readonly set: V1ReplicaSet;
  /** The sizes it passes through: its pods that are not available go first. */
  readonly sizes: readonly number[];
}

/** Which old sets shrink, the oldest first. */
export function scaleDownOld(rollout: Rollout): ScaleDown[] {
  const { deployment, newSet, oldSets } = rollout;
  const all = allSets(rollout);
  const minAvailable = wantedOf(deployment) - maxUnavailable(deployment);
  const newUnavailable = newSet === undefined ? 0 : sizeOf(newSet) - availableIn(newSet);
  const maxDown = sum(all, sizeOf) - minAvailable - newUnavailable;
  if (sum(oldSets, sizeOf) === 0 || maxDown <= 0) return [];

  let unhealthyLeft = maxDown;
  // What is available is read from the sets' status, which the first step has not changed.
  let healthyLeft = Math.max(0, sum(all, availableIn) - minAvailable);
  const steps = oldSets.filter(isActiveSet).map((set) => {
    const unhealthy = clamp(sizeOf(set) - availableIn(set), unhealthyLeft);
    unhealthyLeft -= unhealthy;
    return { set, size: sizeOf(set) - unhealthy };
  });
  return steps.flatMap(({ set, size }) => {
    const healthy = clamp(size, healthyLeft);
    healthyLeft -= healthy;
    const sizes = [size, size - healthy].filter((one, i, both) => one !== (i === 0 ? sizeOf(set) : both[0]));
    return sizes.length === 0 ? [] : [{ set, sizes }];
  });
}

function clamp(value: number, most: number): number {
  return Math.max(0, Math.min(value, most));
}
