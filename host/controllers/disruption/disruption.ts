import { isHealthy } from "../../api/disruption.ts";
import type { V1Pod, V1PodDisruptionBudget } from "../../api/generated/types.ts";
import { Pod, PodDisruptionBudget } from "../../api/registry.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import { controllerOf, objectKey } from "../../apimachinery/object.ts";
import { labelSelectorFromObject, matches } from "../../apimachinery/selectors.ts";
import type { SharedInformers } from "../../client/informer.ts";
import { byNamespace } from "../../client/lister.ts";
import { controller, type Look } from "../runtime.ts";
import { self, type Watch } from "../watches.ts";
import { type ObservedBudget, reconcileBudget } from "./budget.ts";
import { type Expected, expectedPods, ownersAreRead } from "./expected-pods.ts";

/**
 * Keeps the status of disruption budgets, by which the eviction API and preemption decide (controllers.md 17.1). Its name
 * is the source of its events: kube-controller-manager gave this controller none of its own.
 */
export const disruptionController = () => {
  // A pod of several budgets is told of once a state, as Kubernetes does once an event.
  const told = new WeakSet<V1Pod>();
  return controller<ObservedBudget>({
    name: "controllermanager",
    watches: [self(PodDisruptionBudget), podsOfBudgets, ownersAreRead],
    workers: 1,
    observe: async (key, look) => {
      const budget = look.informers.get(PodDisruptionBudget).lister.get(key);
      if (budget === undefined) return undefined;
      const pods = podsOf(budget, look);
      const contested = pods.filter((pod) => {
        if (told.has(pod)) return false;
        const [first, second] = budgetsOf(pod, look.informers);
        if (second === undefined || first !== budget) return false;
        told.add(pod);
        return true;
      });
      return { budget, pods, contested, expected: await expectation(budget, pods, look) };
    },
    reconcile: reconcileBudget,
  });
};

function podsOf({ metadata, spec }: V1PodDisruptionBudget, { informers }: Look): readonly V1Pod[] {
  const selector = labelSelectorFromObject(spec?.selector);
  return informers
    .get(Pod)
    .lister.by(byNamespace, metadata?.namespace ?? "")
    .filter((pod) => matches(selector, pod.metadata?.labels));
}

/** Owners are only asked where it matters what they want. */
async function expectation(
  { spec }: V1PodDisruptionBudget,
  pods: readonly V1Pod[],
  look: Look,
): Promise<Expected> {
  const isAsked = spec?.maxUnavailable !== undefined || typeof spec?.minAvailable === "string";
  return isAsked ? expectedPods(pods, look) : { count: 0, unmanaged: [] };
}

/** Those that match a pod, in the order in which they came: the first is the one that is chosen among several. */
function budgetsOf(pod: V1Pod, informers: SharedInformers): readonly V1PodDisruptionBudget[] {
  return informers
    .get(PodDisruptionBudget)
    .lister.by(byNamespace, pod.metadata?.namespace ?? "")
    .filter(({ spec }) => matches(labelSelectorFromObject(spec?.selector), pod.metadata?.labels));
}

/** A pod concerns its budgets when it comes, goes, or changes in what a budget counts. */
const podsOfBudgets: Watch = {
  attach: (informers, enqueue) => {
    const tell = (pod: V1Pod) => {
      for (const budget of budgetsOf(pod, informers)) enqueue(objectKey(budget));
    };
    informers.get(Pod).addHandler({
      onAdd: tell,
      onUpdate: (old, pod) => {
        const isMoved = !deepEqual(old.metadata?.labels, pod.metadata?.labels);
        if (isMoved) tell(old);
        const isNews =
          isMoved ||
          isHealthy(old) !== isHealthy(pod) ||
          old.metadata?.deletionTimestamp !== pod.metadata?.deletionTimestamp ||
          controllerOf(old)?.uid !== controllerOf(pod)?.uid;
        if (isNews) tell(pod);
      },
      onDelete: tell,
    });
  },
};
