import type { V1Pod } from "../api/generated/types.ts";
import { ApiError } from "../apimachinery/errors.ts";
import { objectKey } from "../apimachinery/object.ts";
import { CapacityError } from "../scheduler/capacity.ts";
import type { KubeSchedulerConfiguration } from "../scheduler/configuration/kube-scheduler-configuration.ts";
import { TOO_FEW_PODS } from "../scheduler/groups/pod-groups.ts";
import {
  createScheduler,
  type Decision,
  type Gang,
  type PreemptionPlan,
  type Scheduler,
} from "../scheduler/library.ts";
import { bindImmediateClaims } from "./bound-claims.ts";
import type { Given, SimulatedCluster } from "./cluster.ts";
import { inFile } from "./input-error.ts";
import { turnsOf } from "./turns.ts";
import { measureUse, type Use } from "./use.ts";

export interface PlaceOptions {
  readonly seed: number;
  readonly ties: "lowest" | "random";
  readonly config?: KubeSchedulerConfiguration;
  /** Told of what in `config` has no effect. */
  readonly onWarning?: (text: string) => void;
  /** Told after each slice of pods. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Where everything went. Equal for equal input, seed and ties: nothing of it comes from a clock. */
export interface Placement {
  /** In the order of the pods; those that the input binds are among them. */
  readonly placements: readonly { readonly pod: string; readonly node: string }[];
  readonly unscheduled: readonly Unscheduled[];
  readonly stats: Stats;
}

export interface Unscheduled {
  readonly pod: string;
  readonly message: string;
  readonly nodes: Readonly<Record<string, readonly string[]>>;
  /** Where it would fit if these pods were gone, if that would help. Nobody is evicted. */
  readonly preemption?: PreemptionPlan;
}

export interface Stats extends Use {
  readonly nodes: number;
  /** placed + those unscheduled */
  readonly pods: number;
  readonly placed: number;
  /** Simulated time: everything is placed at one moment, so 0. What the run took is the caller's to measure. */
  readonly seconds: number;
}

/**
 * Places the pods in their order on the nodes, each assumed before the next. Pods that the input binds are counted first.
 *
 * @throws InputError for a node or bound pod that cannot be read, naming its file
 */
export async function place(cluster: SimulatedCluster, options: PlaceOptions): Promise<Placement> {
  const { nodes, pods, objects } = cluster;
  const scheduler = await createScheduler(options);
  try {
    for (const given of bindImmediateClaims(objects)) add(given, (object) => scheduler.addObject(object));
    for (const given of nodes) add(given, (object) => scheduler.addNode(object));
    const bound = pods.filter(({ object }) => object.spec?.nodeName);
    for (const given of bound) add(given, (object) => scheduler.addPod(object));
    const decisions = await decide(scheduler, cluster, options.onProgress);
    return report(cluster, decisions);
  } finally {
    await scheduler.close();
  }
}

function add<T>({ path, object }: Given<T>, put: (object: T) => void): void {
  try {
    put(object);
  } catch (error) {
    if (error instanceof ApiError || error instanceof CapacityError) throw inFile(path, error);
    throw error;
  }
}

/** A decision for every pod, in their order. */
async function decide(
  scheduler: Scheduler,
  cluster: SimulatedCluster,
  onProgress: PlaceOptions["onProgress"],
): Promise<Decision[]> {
  const { pods } = cluster;
  const decisions = pods.map(({ object }) => knownBefore(object));
  let done = 0;
  for (const { places, minCount } of turnsOf(cluster)) {
    const asked = places.filter((place) => decisions[place] === undefined);
    const objects = asked.map((place) => pods[place]!.object);
    const answers =
      minCount === undefined
        ? await scheduler.schedule(objects)
        : await decideGang(scheduler, objects, { minCount, placed: places.length - asked.length });
    asked.forEach((place, i) => {
      decisions[place] = answers[i];
    });
    done += places.length;
    onProgress?.(done, pods.length);
  }
  return decisions as Decision[];
}

/** A gang of which too few are given is not looked at, as its pods would not be. */
async function decideGang(
  scheduler: Scheduler,
  pods: readonly V1Pod[],
  gang: Required<Gang>,
): Promise<Decision[]> {
  if (gang.placed + pods.length >= gang.minCount) return scheduler.scheduleGroup(pods, gang);
  return pods.map((pod) => ({ pod: objectKey(pod), node: null, message: TOO_FEW_PODS, nodes: {} }));
}

/** What needs no decision: a bound pod is where it is. */
function knownBefore(pod: V1Pod): Decision | undefined {
  const node = pod.spec?.nodeName;
  return node ? { pod: objectKey(pod), node } : undefined;
}

function report(cluster: SimulatedCluster, decisions: readonly Decision[]): Placement {
  const placements: { pod: string; node: string }[] = [];
  const unscheduled: Unscheduled[] = [];
  for (const decision of decisions) {
    if (decision.node === null) {
      const { pod, message, nodes, preemption } = decision;
      unscheduled.push({ pod, message, nodes, ...(preemption === undefined ? {} : { preemption }) });
    } else placements.push({ pod: decision.pod, node: decision.node });
  }
  const { nodes, pods } = cluster;
  const counts = { nodes: nodes.length, pods: pods.length, placed: placements.length, seconds: 0 };
  return { placements, unscheduled, stats: { ...counts, ...measureUse(cluster, decisions) } };
}
