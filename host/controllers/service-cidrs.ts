import { isInside, parseRange } from "../api/addresses.ts";
import { findCondition } from "../api/conditions.ts";
import type { V1IPAddress, V1ServiceCIDR } from "../api/generated/types.ts";
import { IPAddress, ServiceCIDR } from "../api/network-kinds.ts";
import { formatTime } from "../apimachinery/clock.ts";
import type { SharedInformers } from "../client/informer.ts";
import { type Change, patch, update } from "./change.ts";
import { controller } from "./runtime.ts";
import { self, watch } from "./watches.ts";

const FINALIZER = "networking.k8s.io/service-cidr-finalizer";
/** So long others may still give out an address of a range that is being deleted. */
const GRACE_MS = 10_000;
const READY = { status: "True", reason: "", message: "Kubernetes Service CIDR is ready" };
const HELD = {
  status: "False",
  reason: "Terminating",
  message:
    "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR",
};

export interface ObservedRange {
  readonly range: V1ServiceCIDR;
  readonly others: readonly V1ServiceCIDR[];
  readonly addresses: readonly V1IPAddress[];
}

/** A range of cluster addresses outlives its deletion while addresses are only in it. Source: controllers.md 19. */
export const serviceCIDRController = controller<ObservedRange>({
  name: "service-cidr-controller",
  watches: [
    self(ServiceCIDR),
    // One that comes may take over the addresses of one that is to go.
    watch(ServiceCIDR, (_, informers, why) => (why === "updated" ? [] : goingIn(informers))),
    watch(IPAddress, (_, informers, why) => (why === "deleted" ? goingIn(informers) : [])),
  ],
  observe: (key, { informers }) => {
    const range = informers.get(ServiceCIDR).lister.get(key);
    if (range === undefined) return undefined;
    const isGoing = range.metadata?.deletionTimestamp !== undefined;
    const others = informers.get(ServiceCIDR).lister.list();
    return {
      range,
      others: others.filter((one) => one !== range && one.metadata?.deletionTimestamp === undefined),
      addresses: isGoing ? informers.get(IPAddress).lister.list() : [],
    };
  },
  reconcile: reconcileServiceCIDR,
});

/** Names of the ranges that are being deleted. */
function goingIn(informers: SharedInformers): string[] {
  const all = informers.get(ServiceCIDR).lister.list();
  return all
    .filter(({ metadata }) => metadata?.deletionTimestamp !== undefined)
    .map(({ metadata }) => metadata?.name ?? "");
}

export function reconcileServiceCIDR(observed: ObservedRange, nowMs: number): readonly Change[] {
  const { range } = observed;
  const { deletionTimestamp, finalizers = [] } = range.metadata ?? {};
  const has = finalizers.includes(FINALIZER);
  if (deletionTimestamp === undefined) {
    const kept = { ...range, metadata: { ...range.metadata, finalizers: [...finalizers, FINALIZER] } };
    return [...(has ? [] : [update(ServiceCIDR, kept)]), ...say(range, READY, nowMs)];
  }
  if (!has) return [];
  if (isHeld(observed)) return say(range, HELD, nowMs);
  const waitMs = Date.parse(deletionTimestamp) + GRACE_MS - nowMs;
  if (waitMs > 0) return [{ do: "again", afterMs: waitMs }];
  const left = finalizers.filter((one) => one !== FINALIZER);
  return [update(ServiceCIDR, { ...range, metadata: { ...range.metadata, finalizers: left } })];
}

/** Whether some address is in this range and in no other that stays. */
function isHeld({ range, others, addresses }: ObservedRange): boolean {
  const own = rangesOf(range);
  const stay = others.flatMap(rangesOf);
  return addresses.some(({ metadata }) => {
    const name = metadata?.name ?? "";
    return own.some((one) => isInside(name, one)) && !stay.some((one) => isInside(name, one));
  });
}

function rangesOf({ spec }: V1ServiceCIDR) {
  return (spec?.cidrs ?? []).flatMap((cidr) => parseRange(cidr) ?? []);
}

function say(range: V1ServiceCIDR, said: typeof READY, nowMs: number): readonly Change[] {
  const before = findCondition(range.status?.conditions, "Ready");
  if (before?.status === said.status && before.reason === said.reason) return [];
  const condition = { type: "Ready", ...said, lastTransitionTime: formatTime(nowMs) };
  const body = { status: { conditions: [condition] } };
  return [patch(ServiceCIDR, range, { type: "strategic", body }, { subresource: "status" })];
}
