import type { V1Container, V1Pod } from "../../../host/api/generated/types.ts";
import { remembered } from "./remember.ts";

/**
 * Reference model, written from shared/spec/scheduling.md 2.6 and 3.1, not from the core: slow, obvious, BigInt.
 * Amounts by resource name; cpu in 1/1000 core.
 */
export type Bag = Record<string, bigint>;

const UNITS: Record<string, bigint> = {
  "": 1n,
  k: 1000n,
  M: 10n ** 6n,
  G: 10n ** 9n,
  T: 10n ** 12n,
  P: 10n ** 15n,
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
};

/** In thousandths, rounded up to one. Knows the forms that the generator writes. */
function milli(text: string): bigint {
  if (text.endsWith("m")) return BigInt(text.slice(0, -1));
  const [, whole, fraction = "", suffix = ""] = /^([0-9]+)(?:\.([0-9]+))?([A-Za-z]*)$/.exec(text)!;
  const scale = 10n ** BigInt(fraction.length);
  return ceilDiv(BigInt(whole + fraction) * UNITS[suffix]! * 1000n, scale);
}

function ceilDiv(a: bigint, b: bigint): bigint {
  return (a + b - 1n) / b;
}

export function bag(list: Readonly<Record<string, string>> | undefined): Bag {
  const result: Bag = {};
  for (const [name, text] of Object.entries(list ?? {}))
    result[name] = name === "cpu" ? milli(text) : ceilDiv(milli(text), 1000n);
  return result;
}

function plus(a: Bag, b: Bag): Bag {
  const result = { ...a };
  for (const name in b) result[name] = (result[name] ?? 0n) + b[name]!;
  return result;
}

function larger(a: Bag, b: Bag): Bag {
  const result = { ...a };
  // An amount of 0 is still an amount: the key is then not absent.
  for (const name in b) if ((result[name] ?? -1n) < b[name]!) result[name] = b[name]!;
  return result;
}

const DEFAULTS: Bag = { cpu: 100n, memory: 209715200n };
const isSidecar = (container: V1Container) => container.restartPolicy === "Always";
const podLevelNames = (name: string) => ["cpu", "memory"].includes(name) || name.startsWith("hugepages-");

interface Options {
  /** Amounts of existing pods look at status too (in-place resize). */
  status: boolean;
  /** For a container that lacks the key. */
  defaults: Bag;
  podLevel: boolean;
}

function containerAmounts(pod: V1Pod, container: V1Container, options: Options): Bag {
  // API defaulting: a limit without a request is the request.
  let amounts = { ...bag(container.resources?.limits), ...bag(container.resources?.requests) };
  const regularInit = pod.spec!.initContainers?.includes(container) && !isSidecar(container);
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  const status = statuses.find((one) => one.name === container.name);
  if (options.status && !regularInit && status?.resources) {
    const infeasible = pod.status?.conditions?.some(
      (one) => one.type === "PodResizePending" && one.reason === "Infeasible",
    );
    const running = larger(bag(status.resources.requests), bag(status.allocatedResources));
    amounts = infeasible ? running : larger(amounts, running);
  }
  return { ...options.defaults, ...amounts };
}

function total(pod: V1Pod, options: Options): Bag {
  const spec = pod.spec!;
  const amounts = (container: V1Container) => containerAmounts(pod, container, options);
  const inits = spec.initContainers ?? [];
  let together: Bag = {};
  for (const container of [...spec.containers, ...inits.filter(isSidecar)])
    together = plus(together, amounts(container));
  let sidecars: Bag = {};
  let result = together;
  for (const container of inits) {
    if (isSidecar(container)) sidecars = plus(sidecars, amounts(container));
    result = larger(result, isSidecar(container) ? sidecars : plus(sidecars, amounts(container)));
  }
  if (options.podLevel) result = { ...result, ...podLevelAmounts(pod) };
  return plus(result, bag(spec.overhead));
}

/** Pod-level requests, with the API's defaults when there are pod-level limits. */
function podLevelAmounts(pod: V1Pod): Bag {
  const own = bag(pod.spec!.resources?.requests);
  const limits = bag(pod.spec!.resources?.limits);
  if (Object.keys(limits).length > 0) {
    const aggregated = total(
      { spec: { ...pod.spec!, overhead: {} } },
      { status: false, defaults: {}, podLevel: false },
    );
    for (const name of ["cpu", "memory"]) if (name in aggregated) own[name] ??= aggregated[name]!;
    for (const name in limits) own[name] ??= limits[name]!;
  }
  return Object.fromEntries(Object.entries(own).filter(([name]) => podLevelNames(name)));
}

/** Section 2.6.1. */
export const fitRequest = remembered((pod: V1Pod) =>
  total(pod, { status: false, defaults: {}, podLevel: true }),
);

/** Section 3.1: pod-level requests are ignored when the incoming pod is scored. */
export const scoreRequest = remembered((pod: V1Pod) =>
  total(pod, { status: false, defaults: DEFAULTS, podLevel: false }),
);

/** Section 2.6.2. */
export const usage = remembered((pod: V1Pod) => total(pod, { status: true, defaults: {}, podLevel: true }));

/** Section 3.1: with pod-level requests the defaults stand in only for what nobody names. */
export const nonZeroUsage = remembered((pod: V1Pod) => {
  const plain = usage(pod);
  const hasPodLevel = Object.keys(podLevelAmounts(pod)).length > 0;
  const defaults = Object.fromEntries(
    Object.entries(DEFAULTS).filter(([name]) => !hasPodLevel || !(name in plain)),
  );
  return total(pod, { status: true, defaults, podLevel: true });
});

/** Bytes of storage; none is 0. */
export function bytes(text: string | undefined): bigint {
  return text === undefined ? 0n : (bag({ storage: text })["storage"] ?? 0n);
}
