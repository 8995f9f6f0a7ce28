import type { V1DeviceClass, V1Node } from "../../../host/api/generated/types.ts";
import { all, type Cycle, type Place, type Plugin, podsThen, type Refusal, type World } from "./cycle.ts";
import type { ResourceWeight } from "./profile.ts";
import { remembered } from "./remember.ts";
import { type Bag, bag, fitRequest, nonZeroUsage, scoreRequest, usage } from "./requests.ts";

/**
 * Reference model of NodeResourcesFit and NodeResourcesBalancedAllocation, written from shared/spec/scheduling.md 2.6, 3.1
 * and 3.2.
 */
const isNative = (name: string) => !name.includes("/") || name.includes("kubernetes.io/");
const isExtended = (name: string) => !isNative(name) && !name.startsWith("requests.");
const isScalar = (name: string) =>
  isExtended(name) ||
  name.startsWith("hugepages-") ||
  name.includes("kubernetes.io/") ||
  name.startsWith("attachable-volumes-");
const isKnown = (name: string) => ["cpu", "memory", "ephemeral-storage"].includes(name) || isScalar(name);

const offeredBy = remembered((node: V1Node) => bag(node.status?.allocatable));

/** Some DeviceClass stands for the resource. */
const isMapped = (name: string, world: World) =>
  all<V1DeviceClass>(world, "DeviceClass").some(
    ({ metadata, spec }) =>
      spec.extendedResourceName === name || `deviceclass.resource.kubernetes.io/${metadata!.name}` === name,
  );

function fitRefusal(
  { pod, profile, world }: Cycle,
  { node }: Place,
  pods: Place["pods"],
): Refusal | undefined {
  const { ignoredResources = [], ignoredResourceGroups = [] } = profile.args("NodeResourcesFit");
  const isIgnored = (name: string) =>
    isExtended(name) &&
    (ignoredResources.includes(name) || ignoredResourceGroups.includes(name.split("/")[0]!));
  const offered = offeredBy(node);
  const wanted = fitRequest(pod);
  const used = pods.map(usage);
  const reasons: string[] = [];
  let unresolvable = false;
  if (BigInt(used.length) + 1n > (offered["pods"] ?? 0n)) reasons.push("Too many pods");
  const scalars = Object.keys(wanted).filter(isScalar);
  for (const name of ["cpu", "memory", "ephemeral-storage", ...scalars]) {
    const want = wanted[name] ?? 0n;
    const offer = offered[name] ?? 0n;
    const taken = used.reduce((sum, one) => sum + (one[name] ?? 0n), 0n);
    if (want === 0n || isIgnored(name) || want <= offer - taken) continue;
    if (offer === 0n && isMapped(name, world)) continue;
    reasons.push(`Insufficient ${name}`);
    if (want > offer) unresolvable = true;
  }
  return reasons.length === 0 ? undefined : { reasons, unresolvable };
}

const CPU_AND_MEMORY: ResourceWeight[] = [{ name: "cpu" }, { name: "memory" }];
const orDefault = (list: ResourceWeight[] | undefined) => (list?.length ? list : CPU_AND_MEMORY);

const sumOf = (pods: Place["pods"], amounts: (pod: Place["pods"][number]) => Bag, name: string) =>
  pods.reduce((sum, pod) => sum + (amounts(pod)[name] ?? 0n), 0n);

/** Resources that count on this node: weight, what it offers, what would be used. */
function scoredParts(list: ResourceWeight[], { pod }: Cycle, { node, pods }: Place) {
  const offered = offeredBy(node);
  const wanted = scoreRequest(pod);
  return list
    .filter(({ name }) => isKnown(name))
    .flatMap(({ name, weight }) => {
      const capacity = offered[name] ?? 0n;
      const request = wanted[name] ?? 0n;
      if (capacity === 0n || (isScalar(name) && request === 0n)) return [];
      const amounts = ["cpu", "memory"].includes(name) ? nonZeroUsage : usage;
      return [{ weight: BigInt(weight || 1), capacity, used: sumOf(pods, amounts, name) + request }];
    });
}

type Shape = { utilization: number; score: number }[];

/** The piecewise linear function, in whole numbers; scores are 0 to 10 of 100. */
function interpolate(shape: Shape, percent: bigint): bigint {
  const points = shape.map(({ utilization, score }) => [BigInt(utilization), BigInt(score) * 10n] as const);
  const [firstX, firstY] = points[0]!;
  if (percent <= firstX) return firstY;
  for (let i = 1; i < points.length; i++) {
    const [x0, y0] = points[i - 1]!;
    const [x1, y1] = points[i]!;
    if (percent <= x1) return y0 + ((y1 - y0) * (percent - x0)) / (x1 - x0);
  }
  return points.at(-1)![1];
}

function fitScore(cycle: Cycle, place: Place): number {
  const { type, resources, requestedToCapacityRatio } =
    cycle.profile.args("NodeResourcesFit").scoringStrategy ?? {};
  const parts = scoredParts(orDefault(resources), cycle, place).map(({ weight, capacity, used }) => {
    const percent = used > capacity ? 100n : (used * 100n) / capacity;
    if (type === "MostAllocated") return { weight, score: percent };
    if (type === "RequestedToCapacityRatio")
      return { weight, score: interpolate(requestedToCapacityRatio!.shape, percent) };
    return { weight, score: used > capacity ? 0n : ((capacity - used) * 100n) / capacity };
  });
  const isRatio = type === "RequestedToCapacityRatio";
  const counted = isRatio ? parts.filter(({ score }) => score !== 0n) : parts;
  const weights = counted.reduce((sum, { weight }) => sum + weight, 0n);
  const sum = counted.reduce((total, { weight, score }) => total + weight * score, 0n);
  if (weights === 0n) return 0;
  return isRatio ? Math.floor(Number(sum) / Number(weights) + 0.5) : Number(sum / weights);
}

export const nodeResourcesFit: Plugin = {
  filter: (cycle, place, moved) => fitRefusal(cycle, place, podsThen(place, moved)),
  score: (cycle, feasible) => {
    const raw = feasible.map((place) => fitScore(cycle, place));
    return [raw, raw];
  },
};

/** Standard deviation as Go computes it, operation by operation. */
function deviation(fractions: readonly number[]): number {
  if (fractions.length < 2) return 0;
  if (fractions.length === 2) return Math.abs((fractions[0]! - fractions[1]!) / 2);
  let total = 0;
  for (const one of fractions) total += one;
  const mean = total / fractions.length;
  let sum = 0;
  for (const one of fractions) sum += (one - mean) * (one - mean);
  return Math.sqrt(sum / fractions.length);
}

function balancedScore({ pod, profile }: Cycle, { node, pods }: Place): number {
  const offered = offeredBy(node);
  const wanted = fitRequest(pod);
  const names = orDefault(profile.args("NodeResourcesBalancedAllocation").resources)
    .map(({ name }) => name)
    .filter(isKnown);
  if (names.every((name) => (wanted[name] ?? 0n) === 0n)) return 0;
  const balance = (withPod: boolean) => {
    const fractions = names
      .filter((name) => (offered[name] ?? 0n) > 0n && !(isScalar(name) && (wanted[name] ?? 0n) === 0n))
      .map((name) => {
        const used = sumOf(pods, usage, name) + (withPod ? (wanted[name] ?? 0n) : 0n);
        return Math.min(1, Number(used) / Number(offered[name]));
      });
    return Math.trunc((1 - deviation(fractions)) * 100);
  };
  return 50 + Math.trunc((50 + balance(true) - balance(false)) / 2);
}

export const balancedAllocation: Plugin = {
  score: (cycle, feasible) => {
    const raw = feasible.map((place) => balancedScore(cycle, place));
    return [raw, raw];
  },
};
