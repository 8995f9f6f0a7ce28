import { CapacityError } from "../../host/scheduler/capacity.ts";
import { Profiles } from "../../host/scheduler/configuration/profiles.ts";
import { readConfiguration } from "../../host/scheduler/configuration/read-configuration.ts";
import { FIRST_CAPACITY } from "../../host/scheduler/core-capacity.ts";
import { CoreScheduler } from "../../host/scheduler/core-scheduler.ts";
import { SchedulerCore } from "../../host/wasm/scheduler-core.ts";
import { linkTo } from "../../host/wasm/scheduler-link.ts";
import { type Flavour, schedulerNames } from "../../host/wasm/scheduler-module.ts";
import { SeriesGenerator, type SeriesStep } from "./generator/series.ts";

/** What came of a seed: see SchedulerCore. */
export type IndexRun = SchedulerCore["indexUse"];

export interface IndexOptions {
  readonly flavour: Flavour;
  readonly tieSeed?: number;
}

/**
 * Plays a series with every decision of an index made again by a scan.
 *
 * @throws  where they differ
 */
export async function playSeries(seed: number, options: IndexOptions): Promise<IndexRun> {
  const generator = new SeriesGenerator(seed);
  const core = new SchedulerCore({ capacity: FIRST_CAPACITY, indexes: "checked", ...options });
  const { config } = generator;
  const profiles = new Profiles(config && readConfiguration(config));
  const scheduler = new CoreScheduler(
    linkTo(core),
    schedulerNames(options.flavour),
    { nodes: 1_000, pods: 100_000 },
    profiles,
  );
  for (const step of generator.steps())
    await play(scheduler, generator, step).catch((error: unknown) => {
      // A drawn pod that takes a node beyond what can be counted is not taken.
      if (!(error instanceof CapacityError)) throw error;
    });
  return core.indexUse;
}

async function play(scheduler: CoreScheduler, generator: SeriesGenerator, step: SeriesStep): Promise<void> {
  if ("place" in step) {
    const decisions = await scheduler.schedule(step.place);
    for (const [i, { node }] of decisions.entries())
      if (node !== null) generator.placed(step.place[i]!, node);
  } else if ("node" in step) scheduler.addNode(step.node);
  else if ("removeNode" in step) scheduler.removeNode(step.removeNode);
  else if ("object" in step) scheduler.addObject(step.object);
  else if ("bound" in step) scheduler.addPod(step.bound);
  else scheduler.removePod(step.removePod.metadata!.namespace || "default", step.removePod.metadata!.name!);
}
