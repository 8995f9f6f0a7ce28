import type { V1PodDisruptionBudget } from "../../api/generated/types.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import {
  type LabelSelector,
  type Labels,
  labelSelectorFromObject,
  matches,
} from "../../apimachinery/selectors.ts";

interface Budget {
  readonly selector: LabelSelector;
  readonly disruptionsAllowed: number;
  /** Names of pods whose disruption is counted already. */
  readonly disrupted: ReadonlySet<string>;
}

/** What budgets look at of a pod. */
export interface BudgetedPod {
  /** `namespace/name` */
  readonly key: string;
  readonly group: { readonly pods: { readonly namespace: string; readonly labels: Labels } };
}

/** The PodDisruptionBudgets of the cluster, as their controller says in their status. */
export class Budgets {
  readonly #byNamespace = new Map<string, Map<string, Budget>>();
  #version = 0;

  /** Another number after every change. */
  get version(): number {
    return this.#version;
  }

  put(object: KubernetesObject): void {
    if (!isBudget(object)) return;
    this.#version++;
    const { namespace = "default", name = "" } = object.metadata ?? {};
    const { spec, status } = object as V1PodDisruptionBudget;
    const budgets = this.#byNamespace.get(namespace) ?? new Map<string, Budget>();
    this.#byNamespace.set(namespace, budgets);
    budgets.set(name, {
      selector: labelSelectorFromObject(spec?.selector),
      disruptionsAllowed: status?.disruptionsAllowed ?? 0,
      disrupted: new Set(Object.keys(status?.disruptedPods ?? {})),
    });
  }

  remove(object: KubernetesObject): void {
    if (!isBudget(object)) return;
    this.#version++;
    const { namespace = "default", name = "" } = object.metadata ?? {};
    const budgets = this.#byNamespace.get(namespace);
    budgets?.delete(name);
    if (budgets?.size === 0) this.#byNamespace.delete(namespace);
  }

  /**
   * Which of these pods a budget protects if all of them go, one after the other: those with which it falls below nothing.
   * Every budget that selects a pod is charged for it. An empty selector selects nobody here, and a pod without labels is
   * protected by none. Source: kube-scheduler, filterPodsWithPDBViolation.
   */
  protectedAmong<Pod extends BudgetedPod>(pods: readonly Pod[]): ReadonlySet<Pod> {
    const found = new Set<Pod>();
    if (this.#byNamespace.size === 0) return found;
    const left = new Map<Budget, number>();
    for (const pod of pods) {
      const { namespace, labels } = pod.group.pods;
      if (Object.keys(labels).length === 0) continue;
      const name = pod.key.slice(namespace.length + 1);
      for (const budget of this.#byNamespace.get(namespace)?.values() ?? []) {
        const { selector, disrupted, disruptionsAllowed } = budget;
        const selectsAll = !selector.nothing && selector.requirements.length === 0;
        if (selectsAll || !matches(selector, labels) || disrupted.has(name)) continue;
        const now = (left.get(budget) ?? disruptionsAllowed) - 1;
        left.set(budget, now);
        if (now < 0) found.add(pod);
      }
    }
    return found;
  }
}

function isBudget({ apiVersion, kind }: KubernetesObject): boolean {
  return apiVersion === "policy/v1" && kind === "PodDisruptionBudget";
}
