import type { V1Pod } from "../../api/generated/types.ts";
import { type ProfileFacts, readProfileFacts } from "../profile-facts.ts";
import { DEFAULT_SCHEDULER_NAME, type SchedulerConfiguration } from "./profile.ts";
import { defaultConfiguration } from "./read-configuration.ts";

/** The profiles of a scheduler, and which of them judges a pod. */
export class Profiles {
  readonly all: readonly ProfileFacts[];
  readonly #byName: ReadonlyMap<string, ProfileFacts>;
  readonly #takesAll: boolean;

  /** Without a configuration there is the default profile, and every pod is judged by it, whatever its schedulerName. */
  constructor(configuration?: SchedulerConfiguration) {
    const { profiles } = configuration ?? defaultConfiguration();
    this.all = profiles.map(readProfileFacts);
    this.#byName = new Map(profiles.map(({ schedulerName }, i) => [schedulerName, this.all[i]!]));
    this.#takesAll = configuration === undefined;
  }

  find(pod: V1Pod): ProfileFacts | undefined {
    return this.#takesAll ? this.all[0] : this.#byName.get(schedulerNameOf(pod));
  }
}

export function schedulerNameOf(pod: V1Pod): string {
  return pod.spec?.schedulerName || DEFAULT_SCHEDULER_NAME;
}
