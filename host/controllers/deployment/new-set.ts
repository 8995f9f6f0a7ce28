import type { V1Deployment, V1ReplicaSet } from "../../api/generated/types.ts";
import { Deployment, ReplicaSet } from "../../api/workload-kinds.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import { controllerOf } from "../../apimachinery/object.ts";
import { type Change, create, note, update, updateStatus } from "../change.ts";
import { controllerReference } from "../claim.ts";
import { sameTemplate, TEMPLATE_HASH_LABEL, templateHash } from "../template-hash.ts";
import { newSetAnnotations, nextRevision, REVISION, revisionOf, sizeAnnotations } from "./annotations.ts";
import { deadlineSeconds, findCondition, makeCondition, withCondition } from "./conditions.ts";
import { scaledWords } from "./resize.ts";
import { newSetSize } from "./rolling-update.ts";
import { isRollingUpdate, type Rollout, wantedOf } from "./rollout.ts";

/**
 * Brings revision, annotations and minReadySeconds of an existing new set, and the Deployment's own revision, up to
 * date. Any change ends the pass: the write comes back as an event. Source: controllers.md 3.2.
 */
export function syncRevision(rollout: Rollout): Change[] {
  const { deployment, newSet, oldSets, nowMs } = rollout;
  if (newSet === undefined) return [];
  const old = newSet.metadata?.annotations ?? {};
  const annotations = newSetAnnotations(deployment, old, nextRevision(oldSets));
  const minReadySeconds = deployment.spec?.minReadySeconds;
  if (!deepEqual(annotations, old) || (newSet.spec?.minReadySeconds ?? 0) !== (minReadySeconds ?? 0)) {
    const metadata = { ...newSet.metadata, annotations };
    return [update(ReplicaSet, { ...newSet, metadata, spec: { ...newSet.spec!, minReadySeconds } })];
  }
  const revision = annotations[REVISION] ?? "";
  const conditions = deployment.status?.conditions ?? [];
  const unheard = deadlineSeconds(deployment) !== undefined && !findCondition(conditions, "Progressing");
  if (deployment.metadata?.annotations?.[REVISION] === revision && !unheard) return [];
  const words = `Found new replica set "${newSet.metadata?.name}"`;
  const found = makeCondition("Progressing", "True", "FoundNewReplicaSet", words, nowMs);
  const heard = unheard ? withCondition(conditions, found) : conditions;
  return [updateStatus(Deployment, withRevision(deployment, revision, { conditions: [...heard] }))];
}

/** The status endpoint takes annotations along, so that both change in one write. */
function withRevision(
  deployment: V1Deployment,
  revision: string,
  status: Partial<V1Deployment["status"]>,
): V1Deployment {
  const annotations = { ...deployment.metadata?.annotations, [REVISION]: revision };
  return {
    ...deployment,
    metadata: { ...deployment.metadata, annotations },
    status: { ...deployment.status, ...status },
  };
}

/** The new set of a Deployment that has none, named after its template's hash. */
export function makeNewSet(rollout: Rollout): V1ReplicaSet {
  const { deployment, oldSets } = rollout;
  const { name = "", namespace } = deployment.metadata ?? {};
  const { template, selector, minReadySeconds } = deployment.spec!;
  const hash = templateHash(template, deployment.status?.collisionCount);
  const labels = { ...template.metadata?.labels, [TEMPLATE_HASH_LABEL]: hash };
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${name.slice(0, MAX_NAME_LENGTH - hash.length - 1)}-${hash}`,
      namespace,
      labels,
      annotations: {
        ...newSetAnnotations(deployment, {}, nextRevision(oldSets)),
        ...sizeAnnotations(deployment),
      },
      ownerReferences: [controllerReference(Deployment, deployment)],
    },
    spec: {
      replicas: isRollingUpdate(deployment) ? newSetSize(deployment, oldSets, 0) : wantedOf(deployment),
      minReadySeconds,
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [TEMPLATE_HASH_LABEL]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

const MAX_NAME_LENGTH = 253;

/**
 * Creates the new set. A name that is taken by another template is a hash collision: counted in the status, which
 * gives another hash next time.
 *
 * @param findSet  what the cache holds under a name, whoever owns it
 */
export function createNewSet(
  rollout: Rollout,
  findSet: (name: string) => V1ReplicaSet | undefined,
): Change[] {
  const { deployment, nowMs } = rollout;
  const set = makeNewSet(rollout);
  const name = set.metadata?.name;
  const says = (reason: string, words: string, status: "True" | "False") => {
    if (deadlineSeconds(deployment) === undefined) return {};
    const condition = makeCondition("Progressing", status, reason, words, nowMs);
    return { conditions: [...withCondition(deployment.status?.conditions ?? [], condition)] };
  };
  return [
    create(ReplicaSet, set, {
      success: () => {
        const scaled = scaledWords(name, 0, set.spec?.replicas ?? 0);
        const status = says("NewReplicaSetCreated", `Created new replica set "${name}"`, "True");
        return [
          ...(scaled === undefined
            ? []
            : [note(Deployment, deployment, "Normal", "ScalingReplicaSet", scaled)]),
          updateStatus(Deployment, withRevision(deployment, String(revisionOf(set)), status)),
        ];
      },
      failure: (error) =>
        error.reason === "AlreadyExists" ? nameTaken(deployment, findSet(name ?? "")) : undefined,
      refused: (error) => {
        const words = `Failed to create new replica set "${name}": ${error.message}`;
        const status = { ...deployment.status, ...says("ReplicaSetCreateError", words, "False") };
        return [
          note(Deployment, deployment, "Warning", "ReplicaSetCreateError", words),
          updateStatus(Deployment, { ...deployment, status }),
        ];
      },
    }),
  ];
}

function nameTaken(deployment: V1Deployment, taken: V1ReplicaSet | undefined): readonly Change[] {
  const ours =
    taken !== undefined &&
    controllerOf(taken)?.uid === deployment.metadata?.uid &&
    sameTemplate(taken.spec?.template, deployment.spec?.template);
  // Ours, or not in the cache yet: the next look finds it.
  if (taken === undefined || ours)
    return [{ do: "retry", why: "the new replica set is not in the cache yet" }];
  const status = { ...deployment.status, collisionCount: (deployment.status?.collisionCount ?? 0) + 1 };
  return [updateStatus(Deployment, { ...deployment, status })];
}
