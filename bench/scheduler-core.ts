import { existsSync } from "node:fs";
import type { V1Node, V1Pod } from "../host/api/generated/types.ts";
import { packageFile } from "../host/apimachinery/package-root.ts";
import { capacityFor } from "../host/scheduler/core-capacity.ts";
import { CoreScheduler } from "../host/scheduler/core-scheduler.ts";
import type { Scheduler } from "../host/scheduler/library.ts";
import { readOpenb } from "../host/simulation/openb.ts";
import { linkOnCallersThread } from "../host/wasm/scheduler-link.ts";
import { schedulerNames } from "../host/wasm/scheduler-module.ts";
import { CheckedLink, cpuMsSince } from "./scheduling/checked-link.ts";
import { measurePreemption } from "./scheduling/preemption.ts";
import { type Churn, SHAPES, type Shape } from "./scheduling/shapes.ts";
import type { Case, Measurement, Scale, Suite } from "./suite.ts";

/**
 * The core by itself: pods placed per second, from encoded facts (rows and requests in memory), in batches as the host makes
 * them. The first tenth is not timed: there the core's own scan makes every decision again (`checked`), and the peer decides,
 * bench/peers/js-scan.ts on the same facts; where that knows all plugins that decide, a choice that differs is an error.
 *
 * Beside it in `params`: `medianBatch`, the same of the median batch, and `objectsPerSecond`, the same pods through `schedule(podObjects)`, which encodes them first; and
 * `seconds`, from the first node made and added to the last pod made and placed, without what checking took; `cpuSeconds` is
 * what the processor spent on that, the collector's threads included, and `cpuNsPerDecision` what it spent on the value: they say
 * more on a machine that others use.
 */
const FLAVOUR = "release";
const CAPACITY = { nodes: 1 << 20, pods: 4_000_000 };
const CHUNK = 1_000;
/** The peer decides a tenth of the pods, and no more than these; both it and the core's scan look at so many nodes in all. */
const MAX_PEER_PODS = 2_000;
const MAX_PEER_NODES = 4e7;
const MAX_CHECKED_NODES = 2e8;
/** What is placed first on a cluster of its own, so that the code is compiled when the clock runs. */
const WARM_UP = { nodes: 200, pods: 3_000 };

const names = schedulerNames(FLAVOUR);
const built = new Set<string>([...names.filters, ...names.scores]);

/** What a case places: made when asked for. */
interface Work {
  readonly needs: readonly string[];
  nodes(): Iterable<V1Node>;
  readonly nodeCount: number;
  readonly initial: Iterable<V1Pod>;
  readonly podCount: number;
  readonly objects: NonNullable<Shape["objects"]>;
  pod(index: number): V1Pod;
  readonly churn?: Churn;
}

async function measure(name: string, work: Work): Promise<readonly Measurement[]> {
  const missing = work.needs.filter((plugin) => !built.has(plugin));
  if (missing.length > 0) {
    console.log(`scheduler-core ${name}: left out, the core does not have ${missing.join(", ")}`);
    return [];
  }
  await warmUp(work);
  const first = capacityFor(work.nodeCount + 1);
  const core = linkOnCallersThread({ capacity: first, flavour: FLAVOUR });
  const link = new CheckedLink(core, work.needs.length === 0);
  const scheduler: Scheduler = new CoreScheduler(link, names, CAPACITY, undefined, first);
  const start = performance.now();
  const startCpu = process.cpuUsage();
  for (const object of work.objects) scheduler.addObject(object);
  for (const node of work.nodes()) scheduler.addNode(node);
  await scheduler.schedule([...work.initial]);

  const tenth = Math.ceil(work.podCount / 10);
  const checked = Math.min(tenth, Math.ceil(MAX_CHECKED_NODES / work.nodeCount));
  link.start(checked, Math.min(MAX_PEER_PODS, checked, Math.ceil(MAX_PEER_NODES / work.nodeCount)));
  const { totalMs, placed, churned } = await placeAll(scheduler, work);
  const { coreMs, coreCpuMs, corePods, peerMs, peerPods, checkMs, checkCpuMs, checkedPods } = link.timing;
  const seconds = (performance.now() - start - checkMs) / 1_000;
  const cpuMs = cpuMsSince(startCpu) - checkCpuMs;
  await scheduler.close();
  return [
    {
      params: {
        nodes: work.nodeCount,
        pods: work.podCount,
        placed,
        medianBatch: Math.round(link.medianRate),
        objectsPerSecond: Math.round((work.podCount / (totalMs - checkMs)) * 1_000),
        checked: checkedPods,
        seconds: Math.round(seconds * 100) / 100,
        cpuSeconds: Math.round(cpuMs / 10) / 100,
        cpuNsPerDecision: Math.round((coreCpuMs / corePods) * 1e6),
        residentMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
        ...(work.churn === undefined ? {} : { churned }),
      },
      unit: "pods/s",
      value: (corePods / coreMs) * 1_000,
      peer: { name: peerName(work.needs), value: (peerPods / peerMs) * 1_000 },
    },
  ];
}

async function warmUp({ objects, nodes, pod, podCount }: Work): Promise<void> {
  const first = capacityFor(WARM_UP.nodes);
  const link = linkOnCallersThread({ capacity: first, flavour: FLAVOUR });
  const scheduler = new CoreScheduler(link, names, CAPACITY, undefined, first);
  for (const object of objects) scheduler.addObject(object);
  let added = 0;
  for (const node of nodes()) {
    scheduler.addNode(node);
    if (++added === WARM_UP.nodes) break;
  }
  const pods = Array.from({ length: Math.min(WARM_UP.pods, podCount) }, (_, i) => pod(i));
  for (let i = 0; i < pods.length; i += CHUNK) await scheduler.schedule(pods.slice(i, i + CHUNK));
  await scheduler.close();
}

/** Says what the peer leaves out: there the ratio compares more work with less. */
function peerName(needs: readonly string[]): string {
  return needs.length === 0 ? "plain JS scan" : `plain JS scan without ${needs.join(", ")}`;
}

/** Places the measured pods; what making the objects takes is not counted. */
async function placeAll(scheduler: Scheduler, { pod, podCount, churn }: Work) {
  let [totalMs, placed, churned, nextChurnMs] = [0, 0, 0, churn?.everyMs ?? Number.POSITIVE_INFINITY];
  for (let first = 0; first < podCount; first += CHUNK) {
    const pods = Array.from({ length: Math.min(CHUNK, podCount - first) }, (_, i) => pod(first + i));
    const start = performance.now();
    const decisions = await scheduler.schedule(pods);
    if (totalMs >= nextChurnMs && churn !== undefined) {
      await stir(scheduler, churn, churned++);
      nextChurnMs += churn.everyMs;
    }
    totalMs += performance.now() - start;
    placed += decisions.filter(({ node }) => node !== null).length;
  }
  return { totalMs, placed, churned };
}

async function stir(scheduler: Scheduler, churn: Churn, round: number): Promise<void> {
  await scheduler.schedule([churn.pod(round)]);
  if (churn.node === undefined) return;
  if (round > 0) scheduler.removeNode(churn.node(round - 1).metadata!.name!);
  scheduler.addNode(churn.node(round));
}

function* nodesOf(shape: Shape, count: number): Iterable<V1Node> {
  for (let i = 0; i < count; i++) yield shape.node(i);
}

function caseOf(shape: Shape): Case {
  if (shape.name === "PreemptionBasic")
    return { name: shape.name, run: (scale) => measurePreemption(shape, scale) };
  const run = ({ nodes = shape.nodes, pods = shape.pods }: Scale) =>
    measure(shape.name, {
      needs: shape.needs,
      nodes: () => nodesOf(shape, nodes),
      nodeCount: nodes,
      initial: shape.initial?.(nodes / shape.nodes) ?? [],
      podCount: pods,
      objects: shape.objects ?? [],
      pod: shape.pod,
      churn: shape.churn,
    });
  return { name: shape.name, onlyWhenNamed: shape.onlyWhenNamed, run };
}

/** The trace: `--nodes` and `--pods` take the first of its nodes and pods. */
async function openb(scale: Scale): Promise<readonly Measurement[]> {
  const folder = packageFile("../shared/data/openb");
  if (!existsSync(folder)) {
    console.log(`scheduler-core openb: left out, ${folder} is not there`);
    return [];
  }
  const trace = readOpenb(folder);
  const nodes = trace.nodes.slice(0, scale.nodes).map(({ object }) => object);
  const pods = trace.pods.slice(0, scale.pods).map(({ object }) => object);
  return measure("openb", {
    needs: [],
    nodes: () => nodes,
    nodeCount: nodes.length,
    initial: [],
    podCount: pods.length,
    objects: [],
    pod: (i) => pods[i]!,
  });
}

export const suite: Suite = { cases: [...SHAPES.map(caseOf), { name: "openb", run: openb }] };
