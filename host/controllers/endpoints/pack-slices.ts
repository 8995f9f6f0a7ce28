import type { V1Endpoint, V1EndpointSlice } from "../../api/generated/types.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import type { EndpointGroup } from "./wanted-endpoints.ts";

/** `--max-endpoints-per-slice` */
const MAX_ENDPOINTS = 100;

export interface SlicePlan {
  /** Of each new slice: what it holds. */
  readonly create: readonly EndpointGroup[];
  readonly update: readonly V1EndpointSlice[];
  readonly remove: readonly V1EndpointSlice[];
}

/**
 * Fits the slices of one Service and one address type to its endpoints with few writes: slices are updated in place,
 * those that change anyway are filled up first, then one that has room for all the rest, then new ones. Half-empty
 * slices are never merged. Source: controllers.md 10.1 and 22.3.
 *
 * @param isCurrent  whether a slice's labels are as they should be
 */
export function packSlices(
  groups: readonly EndpointGroup[],
  existing: readonly V1EndpointSlice[],
  isCurrent: (slice: V1EndpointSlice) => boolean,
): SlicePlan {
  const left = new Set(existing);
  const create: EndpointGroup[] = [];
  const update: V1EndpointSlice[] = [];
  const remove: V1EndpointSlice[] = [];
  for (const group of groups) {
    const same = existing.filter((slice) => deepEqual(slice.ports ?? [], group.ports));
    for (const slice of same) left.delete(slice);
    const plan = packGroup(group, same, isCurrent);
    create.push(...plan.create);
    update.push(...plan.update);
    remove.push(...plan.remove);
  }
  remove.push(...left);
  keepOne(existing, { create, update, remove }, isCurrent);
  recycle(create, update, remove);
  return { create, update, remove };
}

function packGroup(
  group: EndpointGroup,
  slices: readonly V1EndpointSlice[],
  isCurrent: (slice: V1EndpointSlice) => boolean,
): SlicePlan {
  const missing = new Map(group.endpoints.map((endpoint) => [identityOf(endpoint), endpoint]));
  const unchanged: V1EndpointSlice[] = [];
  const changed: V1EndpointSlice[] = [];
  const remove: V1EndpointSlice[] = [];
  for (const slice of slices) {
    const kept = (slice.endpoints ?? []).flatMap((endpoint) => {
      const wanted = missing.get(identityOf(endpoint));
      missing.delete(identityOf(endpoint));
      return wanted === undefined ? [] : [wanted];
    });
    if (kept.length === 0) remove.push(slice);
    else if (isCurrent(slice) && deepEqual(kept, slice.endpoints)) unchanged.push(slice);
    else changed.push({ ...slice, endpoints: kept });
  }

  const rest = [...missing.values()];
  changed.sort((a, b) => countOf(b) - countOf(a));
  const update = changed.map((slice) => fill(slice, rest));
  const create: EndpointGroup[] = [];
  while (rest.length > 0) {
    const roomy = rest.length < MAX_ENDPOINTS ? closestFit(unchanged, rest.length) : undefined;
    if (roomy === undefined) create.push({ ports: group.ports, endpoints: rest.splice(0, MAX_ENDPOINTS) });
    else update.push(fill(roomy, rest));
  }
  return { create, update, remove };
}

/** Moves endpoints from `rest` into the slice until it is full. */
function fill(slice: V1EndpointSlice, rest: V1Endpoint[]): V1EndpointSlice {
  return {
    ...slice,
    endpoints: [...(slice.endpoints ?? []), ...rest.splice(0, MAX_ENDPOINTS - countOf(slice))],
  };
}

/** The fullest slice that still takes all of them. */
function closestFit(slices: readonly V1EndpointSlice[], count: number): V1EndpointSlice | undefined {
  const fitting = slices.filter((slice) => countOf(slice) + count <= MAX_ENDPOINTS);
  return fitting.reduce<V1EndpointSlice | undefined>(
    (best, slice) => (best === undefined || countOf(slice) > countOf(best) ? slice : best),
    undefined,
  );
}

/** A Service without endpoints keeps one empty slice, so that everybody sees it was looked at. */
function keepOne(
  existing: readonly V1EndpointSlice[],
  plan: { create: EndpointGroup[]; update: V1EndpointSlice[]; remove: V1EndpointSlice[] },
  isCurrent: (slice: V1EndpointSlice) => boolean,
): void {
  if (plan.create.length > 0 || plan.remove.length < existing.length) return;
  const [only] = plan.remove;
  const isPlaceholder = plan.remove.length === 1 && only !== undefined && countOf(only) === 0;
  if (isPlaceholder && (only.ports ?? []).length === 0 && isCurrent(only)) plan.remove.length = 0;
  else plan.create.push({ ports: [], endpoints: [] });
}

/** A slice that is no longer needed becomes one that is: one write instead of two, and its name stays. */
function recycle(create: EndpointGroup[], update: V1EndpointSlice[], remove: V1EndpointSlice[]): void {
  while (create.length > 0 && remove.length > 0) update.push({ ...remove.shift()!, ...create.shift()! });
}

function countOf(slice: V1EndpointSlice): number {
  return slice.endpoints?.length ?? 0;
}

/** What makes an endpoint the same one over time: its address and its pod. */
function identityOf({ addresses, targetRef, hostname }: V1Endpoint): string {
  return [addresses[0], targetRef?.uid, hostname].join(" ");
}
