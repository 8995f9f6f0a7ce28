import type { V1Deployment, V1ReplicaSet } from "../../api/generated/types.ts";
import { maxSurge, wantedOf } from "./rollout.ts";

export const REVISION = "deployment.kubernetes.io/revision";
export const REVISION_HISTORY = "deployment.kubernetes.io/revision-history";
export const DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas";
export const MAX_REPLICAS = "deployment.kubernetes.io/max-replicas";
export const ROLLBACK_TO = "deprecated.deployment.rollback.to";

type Annotations = Readonly<Record<string, string>>;

/** Annotations of a Deployment that its ReplicaSets do not take over. */
const NOT_COPIED = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  ROLLBACK_TO,
]);

/** Longest text of `revision-history`; older numbers make room. */
const HISTORY_CHARACTERS = 2000;

/** The revision of a set; 0 when it has none. Revisions go up to 2^63, beyond what a number holds. */
export function revisionOf(object: V1ReplicaSet | V1Deployment): bigint {
  return parseRevision(object.metadata?.annotations?.[REVISION]) ?? 0n;
}

function parseRevision(text: string | undefined): bigint | undefined {
  return text !== undefined && /^[+-]?\d+$/.test(text) ? BigInt(text.replace(/^\+/, "")) : undefined;
}

/** The number the next revision gets: one more than any old set has. */
export function nextRevision(oldSets: readonly V1ReplicaSet[]): bigint {
  let newest = 0n;
  for (const set of oldSets) if (revisionOf(set) > newest) newest = revisionOf(set);
  return newest + 1n;
}

/** What the new set's annotations should be: the Deployment's, and a revision that is no lower than `wanted`. */
export function newSetAnnotations(deployment: V1Deployment, old: Annotations, wanted: bigint): Annotations {
  const copied = Object.entries(deployment.metadata?.annotations ?? {}).filter(
    ([key]) => !NOT_COPIED.has(key),
  );
  const annotations = { ...old, ...Object.fromEntries(copied) };
  const text = old[REVISION];
  const known = text === undefined || text === "" ? 0n : parseRevision(text);
  // Something unreadable stands there: Kubernetes leaves it alone.
  if (known === undefined || known >= wanted) return annotations;
  annotations[REVISION] = String(wanted);
  if (text !== undefined) {
    const history = appendHistory(old[REVISION_HISTORY] ?? "", text);
    if (history !== undefined) annotations[REVISION_HISTORY] = history;
  }
  return annotations;
}

/** `1,3` and `4` give `1,3,4`; the oldest go when it gets too long; undefined when even that does not help. */
function appendHistory(history: string, revision: string): string | undefined {
  if (history === "") return revision;
  const revisions = history.split(",");
  let characters = history.length + revision.length + 1;
  let start = 0;
  while (characters > HISTORY_CHARACTERS && start < revisions.length) {
    characters -= revisions[start]!.length + 1;
    start++;
  }
  return characters <= HISTORY_CHARACTERS ? [...revisions.slice(start), revision].join(",") : undefined;
}

/** The sizes a set was scaled under, by which a later scaling keeps proportions. */
export function sizeAnnotations(deployment: V1Deployment): Annotations {
  const wanted = wantedOf(deployment);
  return { [DESIRED_REPLICAS]: String(wanted), [MAX_REPLICAS]: String(wanted + maxSurge(deployment)) };
}

/** A number written by `sizeAnnotations`; undefined when it is missing or unreadable. */
export function sizeAnnotation(set: V1ReplicaSet, name: string): number | undefined {
  const text = set.metadata?.annotations?.[name];
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}
