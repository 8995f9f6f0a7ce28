import { addQuantity, compareQuantity, parseQuantity, type Quantity } from "../../apimachinery/quantity.ts";
import type { V1Container, V1Pod } from "../generated/types.ts";
import { containersTogether, initRole } from "./containers-together.ts";

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
 * What a pod asks for or may use: its containers together; pod-level amounts stand for those of the containers; the
 * overhead comes on top.
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
  const main = (spec?.containers ?? []).map((one) => ({ amounts: of(one), role: "main" }) as const);
  const init = (spec?.initContainers ?? []).map((one) => ({ amounts: of(one), role: initRole(one) }));
  const total = containersTogether([...main, ...init], { add: addAmounts, raise: raiseAmounts });
  for (const [name, amount] of amountsOf(spec?.resources?.[side])) total.set(name, amount);
  const overhead = amountsOf(spec?.overhead);
  if (side === "requests") addAmounts(total, overhead);
  // A limit that nobody set is none, with overhead too.
  else addAmounts(total, new Map([...overhead].filter(([name]) => total.has(name))));
  return total;
}
