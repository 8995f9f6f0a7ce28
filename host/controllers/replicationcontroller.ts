import { Pod, ReplicationController } from "../api/core-kinds.ts";
import type { V1ReplicaSet, V1ReplicationController } from "../api/generated/types.ts";
import type { Kind } from "../api/kind.ts";
import { labelSelectorFromMap, NOTHING } from "../apimachinery/selectors.ts";
import { type Change, statusAfter } from "./change.ts";
import { type ObservedReplicaSet, observePods, reconcileReplicaSet } from "./replicaset.ts";
import { controller } from "./runtime.ts";
import { ownedBy, self } from "./watches.ts";

interface ObservedController extends ObservedReplicaSet {
  readonly stored: V1ReplicationController;
}

/**
 * A ReplicationController is a ReplicaSet with a plain map as selector: it is looked at as one, and what is written back
 * (its status) is the same in both. It reports no terminating pods. Source: controllers.md 4.
 */
export const replicationController = controller<ObservedController>({
  name: "replication-controller",
  watches: [self(ReplicationController), ownedBy(Pod, ReplicationController, selectorOf)],
  observe: async (key, look) => {
    const stored = look.informers.get(ReplicationController).lister.get(key);
    // Without a selector it would select everything: the API server gives it its template's labels.
    if (stored?.spec?.selector === undefined) return undefined;
    return { stored, ...(await observePods(asReplicaSet(stored), KIND, look, () => [])) };
  },
  reconcile: ({ stored, ...observed }, nowMs) =>
    reconcileReplicaSet(observed, nowMs, KIND).map((change) => withStored(change, stored)),
});

/** The status goes back into the object as it is stored. */
function withStored(change: Change, stored: V1ReplicationController): Change {
  if (change.do !== "status") return change;
  return statusAfter(ReplicationController, (failure) => {
    const written = change.object(failure) as V1ReplicaSet | undefined;
    return written && { ...stored, status: written.status };
  });
}

/** Under which kind it is addressed; what is read of it is only its metadata. */
const KIND = ReplicationController as unknown as Kind<V1ReplicaSet>;

function selectorOf({ spec }: V1ReplicationController) {
  return spec?.selector === undefined ? NOTHING : labelSelectorFromMap(spec.selector);
}

function asReplicaSet({ spec, ...rest }: V1ReplicationController): V1ReplicaSet {
  return { ...rest, spec: { ...spec, selector: { matchLabels: spec?.selector } } };
}
