import { addQuantity, compareQuantity, parseQuantity, type Quantity } from "../../apimachinery/quantity.ts";
import type { V1Container, V1Pod, V1PodSpec } from "../generated/types.ts";

/** Resource name -> exact amount. */
export type Amounts = Map<string, Quantity>;

export function amountsOf(list: Readonly<Record<string, string>> | undefined): Amounts {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, parseQuantity(text)]));
}

export function addAmounts(total: Amounts, more: Amounts): void {
  for (const [name, amount] of more) {
    const known = total.get(name);
    total.set(name, known === undefined ? amount : addQuantity(known, amount));
  }
}

/** Per resource the larger of both. */
export function raiseAmounts(total: Amounts, other: Amounts): void {
  for (const [name, amount] of other) {
    const known = total.get(name);
    if (known === undefined || compareQuantity(amount, known) > 0) total.set(name, amount);
  }
}

/**
 * What a pod asks for or may use: its containers and sidecars together, or one init container beside the sidecars started
 * before it, whichever is more; pod-level amounts stand for those of the containers; the overhead comes on top.
 * Source: k8s.io/component-helpers/resource PodRequests, PodLimits.
 *
 * @param of  which amounts of a container count
 */
export function podAmounts(
  pod: V1Pod,
  side: "requests" | "limits",
  of: (container: V1Container) => Amounts = (container) => amountsOf(container.resources?.[side]),
): Amounts {
  const spec = pod.spec;
  const total = aggregate(spec, of);
  for (const [name, amount] of amountsOf(spec?.resources?.[side])) total.set(name, amount);
  const overhead = amountsOf(spec?.overhead);
  if (side === "requests") addAmounts(total, overhead);
  // A limit that nobody set is none, with overhead too.
  else addAmounts(total, new Map([...overhead].filter(([name]) => total.has(name))));
  return total;
}

function aggregate(spec: V1PodSpec | undefined, of: (container: V1Container) => Amounts): Amounts {
  const together: Amounts = new Map();
  for (const container of spec?.containers ?? []) addAmounts(together, of(container));
  const sidecars: Amounts = new Map();
  const largestInit: Amounts = new Map();
  for (const container of spec?.initContainers ?? []) {
    const amounts = of(container);
    if (container.restartPolicy === "Always") {
      addAmounts(together, amounts);
      addAmounts(sidecars, amounts);
      raiseAmounts(largestInit, sidecars);
    } else {
      const beside = new Map(sidecars);
      addAmounts(beside, amounts);
      raiseAmounts(largestInit, beside);
    }
  }
  raiseAmounts(together, largestInit);
  return together;
}
