import type { V1Pod } from "../../api/generated/types.ts";
import { DEFAULT_SCHEDULER_NAME, type Profile, type SchedulerConfiguration } from "./profile.ts";
import { defaultConfiguration } from "./read-configuration.ts";

/** The profiles of a scheduler, and which of them judges a pod. */
export class Profiles {
  readonly all: readonly Profile[];
  readonly #byName: ReadonlyMap<string, Profile>;
  readonly #takesAll: boolean;

  /** Without a configuration there is the default profile, and every pod is judged by it, whatever its schedulerName. */
  constructor(configuration?: SchedulerConfiguration) {
    this.all = (configuration ?? defaultConfiguration()).profiles;
    this.#byName = new Map(this.all.map((profile) => [profile.schedulerName, profile]));
    this.#takesAll = configuration === undefined;
  }

  find(pod: V1Pod): Profile | undefined {
    return this.#takesAll ? this.all[0] : this.#byName.get(schedulerNameOf(pod));
  }
}

export function schedulerNameOf(pod: V1Pod): string {
  return pod.spec?.schedulerName || DEFAULT_SCHEDULER_NAME;
}
