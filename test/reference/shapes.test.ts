import { expect, test } from "vitest";
import { SHAPES } from "../../bench/scheduling/shapes.ts";
import { capacityFor } from "../../host/scheduler/core-capacity.ts";
import { CoreScheduler } from "../../host/scheduler/core-scheduler.ts";
import { SchedulerCore } from "../../host/wasm/scheduler-core.ts";
import { linkTo } from "../../host/wasm/scheduler-link.ts";
import { schedulerNames } from "../../host/wasm/scheduler-module.ts";

/** Every shape of the bench in a short form: the million, too, and as many owners and classes as it has in so many pods. */
const NODES = 400;
const PODS = 1_500;
const CHUNK = 500;

/** What is evicted for whom is another test's. */
const PLACING = SHAPES.filter(({ needs }) => !needs.includes("DefaultPreemption"));

test.each(PLACING.map((shape) => [shape.name, shape] as const))(
  "%s: an index decides, and what the scan decides",
  async (_, shape) => {
    const nodes = Math.min(shape.nodes, NODES);
    const capacity = capacityFor(nodes);
    const core = new SchedulerCore({ capacity, flavour: "release", indexes: "checked" });
    const names = schedulerNames("release");
    const bounds = { nodes: 1_000, pods: 100_000 };
    const scheduler = new CoreScheduler(linkTo(core), names, bounds, undefined, capacity);
    for (const object of shape.objects ?? []) scheduler.addObject(object);
    for (let i = 0; i < nodes; i++) scheduler.addNode(shape.node(i));
    await scheduler.schedule([...(shape.initial?.(nodes / shape.nodes) ?? [])]);
    for (let first = 0; first < PODS; first += CHUNK) {
      await scheduler.schedule(Array.from({ length: CHUNK }, (_, i) => shape.pod(first + i)));
      if (shape.churn === undefined) continue;
      await scheduler.schedule([shape.churn.pod(first)]);
      if (shape.churn.node !== undefined) scheduler.addNode(shape.churn.node(first));
    }
    const { decisions, indexed } = core.indexUse;
    expect(indexed / decisions).toBeGreaterThan(0.85);
  },
);
