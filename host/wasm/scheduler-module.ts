import { type Flavour, instantiateCore } from "./core-module.ts";
import type { instantiate } from "./generated/scheduler-exports.ts";
import type { CoreNames } from "./scheduler-facts.ts";

/** What the built core exports: functions, enums (rows, tables, filters) and its memory. */
export type SchedulerExports = Awaited<ReturnType<typeof instantiate>>;

export type { Flavour };

/** A new instance, with nothing reserved. */
export function instantiateScheduler(flavour: Flavour): SchedulerExports {
  return instantiateCore<SchedulerExports>("scheduler", flavour);
}

/** The names behind the core's numbers. They are the same in every instance of a build. */
export function schedulerNames(flavour: Flavour): CoreNames {
  const { Filter, Score, Verdict, Insufficient, Limit, TermKind, VolumeFlag, VolumeFilter, VolumeRefusal } =
    instantiateScheduler(flavour);
  return {
    filters: namesByNumber(Filter),
    scores: namesByNumber(Score).filter((name) => name !== "count") as CoreNames["scores"],
    verdicts: { ...Verdict },
    insufficient: { ...Insufficient },
    extendedPerClass: Limit.extendedPerClass,
    termKinds: { ...TermKind },
    volumeFlags: { ...VolumeFlag },
    volumeFilters: { ...VolumeFilter },
    volumeRefusals: { ...VolumeRefusal },
  };
}

function namesByNumber<Enum extends object>(members: Enum): (keyof Enum)[] {
  const names: (keyof Enum)[] = [];
  for (const name of Object.keys(members) as (keyof Enum)[]) names[members[name] as number] = name;
  return names;
}
