import { seededRandom } from "../../host/apimachinery/random.ts";
import { FIRST_CAPACITY } from "../../host/scheduler/core-capacity.ts";
import { CoreScheduler } from "../../host/scheduler/core-scheduler.ts";
import { linkOnCallersThread, type SchedulerLink } from "../../host/wasm/scheduler-link.ts";
import { schedulerNames } from "../../host/wasm/scheduler-module.ts";
import { JsPreemption } from "../peers/js-preemption.ts";
import type { Measurement, Scale } from "../suite.ts";
import type { Shape } from "./shapes.ts";

const FLAVOUR = "release";
const NODE = { milliCpu: 4_000, memory: 32 * 2 ** 30, pods: 110 };
const MEMORY = 500 * 2 ** 20;

/**
 * PreemptionBasic: victims decided a second. Each pod is refused, its victims are found and taken away, and it is placed where
 * it was nominated. The value is what the core takes for all of that, from encoded facts; `objectsPerSecond` is the same from
 * objects, with the host's half. The peer does it in plain JavaScript, by resources alone.
 */
export async function measurePreemption(shape: Shape, scale: Scale): Promise<Measurement> {
  const { nodes = shape.nodes, pods = shape.pods } = scale;
  const timing = { coreMs: 0 };
  const link = timed(linkOnCallersThread({ capacity: FIRST_CAPACITY, flavour: FLAVOUR }), timing);
  const capacity = { nodes: 1 << 20, pods: 4_000_000 };
  const random = seededRandom(1);
  const scheduler = new CoreScheduler(
    link,
    schedulerNames(FLAVOUR),
    capacity,
    undefined,
    FIRST_CAPACITY,
    random.fork("core"),
  );
  for (let i = 0; i < nodes; i++) scheduler.addNode(shape.node(i));
  const initial = [...(shape.initial?.(nodes / shape.nodes) ?? [])];
  for (const [i, one] of initial.entries())
    scheduler.addPod({ ...one, spec: { ...one.spec!, nodeName: shape.node(i % nodes).metadata!.name! } });
  const preemptors = Array.from({ length: pods }, (_, i) => shape.pod(i));

  timing.coreMs = 0;
  let victims = 0;
  let placed = 0;
  const start = performance.now();
  const startCpu = process.cpuUsage();
  for (const one of preemptors) {
    const [refused] = await scheduler.schedule([one]);
    if (refused!.node !== null || refused!.preemption === undefined) continue;
    for (const key of refused!.preemption.victims) {
      const [namespace = "", name = ""] = key.split("/");
      scheduler.removePod(namespace, name);
      victims++;
    }
    const [decision] = await scheduler.schedule([one]);
    if (decision!.node !== null) placed++;
  }
  const totalMs = performance.now() - start;
  const cpu = process.cpuUsage(startCpu);
  const { coreMs } = timing;
  await scheduler.close();

  const peer = new JsPreemption(nodes, NODE.milliCpu, NODE.memory, NODE.pods);
  for (const i of initial.keys()) peer.add(i % nodes, { milliCpu: 900, memory: MEMORY, priority: 0 });
  const peerStart = performance.now();
  let peerVictims = 0;
  for (let i = 0; i < pods; i++)
    peerVictims += peer.preempt({ milliCpu: 3_000, memory: MEMORY, priority: 10 }, random.below(nodes));
  const peerMs = performance.now() - peerStart;
  if (peerVictims !== victims)
    throw new Error(`the core decided ${victims} victims, the peer ${peerVictims}`);
  return {
    params: {
      nodes,
      pods,
      placed,
      victims,
      objectsPerSecond: Math.round((victims / totalMs) * 1_000),
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
    },
    unit: "victims/s",
    value: (victims / coreMs) * 1_000,
    peer: { name: "plain JS preemption by resources alone", value: (victims / peerMs) * 1_000 },
  };
}

/** The same link; what its questions take is added up. */
function timed(link: SchedulerLink, timing: { coreMs: number }): SchedulerLink {
  const clocked =
    <Args extends readonly unknown[], T>(ask: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      const start = performance.now();
      const answer = await ask(...args);
      timing.coreMs += performance.now() - start;
      return answer;
    };
  return {
    ...link,
    schedule: clocked(link.schedule),
    scheduleNominated: clocked(link.scheduleNominated),
    dryRun: clocked(link.dryRun),
  };
}
