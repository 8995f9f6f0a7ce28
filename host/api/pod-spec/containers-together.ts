import type { V1Container } from "../generated/types.ts";

/** Resource name -> amount, in whatever numbers the caller counts. */
type AmountsIn<A> = Map<string, A>;

/** How a caller's amounts are put together; both change `total`. */
export interface Sums<A> {
  add(total: AmountsIn<A>, more: AmountsIn<A>): void;
  /** Per resource the larger of both. */
  raise(total: AmountsIn<A>, other: AmountsIn<A>): void;
}

export interface ContainerAmounts<A> {
  readonly amounts: AmountsIn<A>;
  readonly role: ContainerRole;
}

export type ContainerRole = "main" | "sidecar" | "init";

/** An init container that restarts always stays beside the others: a sidecar. */
export function initRole({ restartPolicy }: V1Container): ContainerRole {
  return restartPolicy === "Always" ? "sidecar" : "init";
}

/**
 * What the containers of a pod need at once. Containers and sidecars run together; before that each init container runs
 * beside the sidecars started so far. The pod needs the larger of the two, per resource.
 * Source: k8s.io/component-helpers/resource, AggregateContainerRequests.
 *
 * @param containers  init containers and sidecars in the order they start in
 */
export function containersTogether<A>(
  containers: Iterable<ContainerAmounts<A>>,
  { add, raise }: Sums<A>,
): AmountsIn<A> {
  const together: AmountsIn<A> = new Map();
  const sidecars: AmountsIn<A> = new Map();
  const largestInit: AmountsIn<A> = new Map();
  for (const { amounts, role } of containers) {
    if (role !== "init") add(together, amounts);
    if (role === "main") continue;
    if (role === "sidecar") {
      add(sidecars, amounts);
      raise(largestInit, sidecars);
    } else {
      const beside = new Map(amounts);
      add(beside, sidecars);
      raise(largestInit, beside);
    }
  }
  raise(together, largestInit);
  return together;
}
