import type { V1ReplicaSet } from "../../api/generated/types.ts";
import { ReplicaSet } from "../../api/workload-kinds.ts";
import { type Change, remove } from "../change.ts";
import { revisionOf } from "./annotations.ts";
import { byAge, type Rollout, sizeOf } from "./rollout.ts";

const UNLIMITED = 2 ** 31 - 1;

/** Deletes the oldest revisions beyond revisionHistoryLimit, if nothing of them runs. Source: controllers.md 3.7. */
export function cleanUpHistory({ deployment, oldSets }: Rollout): Change[] {
  const limit = deployment.spec?.revisionHistoryLimit;
  if (limit === undefined || limit === UNLIMITED) return [];
  const kept = oldSets.filter((set) => set.metadata?.deletionTimestamp === undefined);
  return [...kept]
    .sort(byRevision)
    .slice(0, Math.max(0, kept.length - limit))
    .filter(isIdle)
    .map((set) => remove(ReplicaSet, set, { failure: (error) => (error.code === 404 ? [] : undefined) }));
}

function byRevision(a: V1ReplicaSet, b: V1ReplicaSet): number {
  const [left, right] = [revisionOf(a), revisionOf(b)];
  return left < right ? -1 : left > right ? 1 : byAge(a, b);
}

function isIdle(set: V1ReplicaSet): boolean {
  const seen = (set.metadata?.generation ?? 0) <= (set.status?.observedGeneration ?? 0);
  return seen && sizeOf(set) === 0 && (set.status?.replicas ?? 0) === 0;
}
