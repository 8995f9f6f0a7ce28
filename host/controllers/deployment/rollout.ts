import type { V1Deployment, V1ReplicaSet } from "../../api/generated/types.ts";
import { sameTemplate } from "../template-hash.ts";

/** A Deployment and its ReplicaSets, told apart by template. */
export interface Rollout {
  readonly deployment: V1Deployment;
  /** The set whose template is the Deployment's. */
  readonly newSet: V1ReplicaSet | undefined;
  /** All others, the oldest first. */
  readonly oldSets: readonly V1ReplicaSet[];
  readonly nowMs: number;
}

/** The new set is the oldest one with the Deployment's template: later ones are leftovers of a race (controllers.md 3.1). */
export function rolloutOf(deployment: V1Deployment, sets: readonly V1ReplicaSet[], nowMs: number): Rollout {
  const oldestFirst = [...sets].sort(byAge);
  const newSet = oldestFirst.find((set) => sameTemplate(set.spec?.template, deployment.spec?.template));
  return { deployment, newSet, oldSets: oldestFirst.filter((set) => set !== newSet), nowMs };
}

/** The older first; of the same second, by name. */
export function byAge(a: V1ReplicaSet, b: V1ReplicaSet): number {
  return compare(createdMs(a), createdMs(b)) || compare(a.metadata?.name ?? "", b.metadata?.name ?? "");
}

function compare<T>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function createdMs(set: V1ReplicaSet): number {
  return Date.parse(set.metadata?.creationTimestamp ?? "") || 0;
}

export function allSets({ oldSets, newSet }: Rollout): readonly V1ReplicaSet[] {
  return newSet === undefined ? oldSets : [...oldSets, newSet];
}

/** How many pods a set is told to keep. */
export function sizeOf(set: V1ReplicaSet): number {
  return set.spec?.replicas ?? 1;
}

export function isActiveSet(set: V1ReplicaSet): boolean {
  return sizeOf(set) > 0;
}

export function availableIn(set: V1ReplicaSet): number {
  return set.status?.availableReplicas ?? 0;
}

export function sum(sets: readonly V1ReplicaSet[], count: (set: V1ReplicaSet) => number): number {
  return sets.reduce((total, set) => total + count(set), 0);
}

export function wantedOf(deployment: V1Deployment): number {
  return deployment.spec?.replicas ?? 1;
}

export function isRollingUpdate(deployment: V1Deployment): boolean {
  return deployment.spec?.strategy?.type !== "Recreate";
}

/** Pods beyond the wanted ones that a rolling update may run: `25%` of 3 is 1, rounded up. */
export function maxSurge(deployment: V1Deployment): number {
  if (!isRollingUpdate(deployment)) return 0;
  return scaled(deployment.spec?.strategy?.rollingUpdate?.maxSurge, wantedOf(deployment), Math.ceil);
}

/**
 * Wanted pods that a rolling update may do without: `25%` of 3 is 0, rounded down. When surge is 0 too it is 1, since
 * nothing could move otherwise (ResolveFenceposts).
 */
export function maxUnavailable(deployment: V1Deployment): number {
  const wanted = wantedOf(deployment);
  if (!isRollingUpdate(deployment) || wanted === 0) return 0;
  const allowed = scaled(deployment.spec?.strategy?.rollingUpdate?.maxUnavailable, wanted, Math.floor);
  return Math.min(wanted, allowed === 0 && maxSurge(deployment) === 0 ? 1 : allowed);
}

function scaled(value: number | string | undefined, total: number, round: (exact: number) => number): number {
  if (value === undefined) return 0;
  if (typeof value === "number") return value;
  const percent = /^(\d+)%$/.exec(value)?.[1];
  return percent === undefined ? 0 : round((Number(percent) * total) / 100);
}
