import type { V1Pod } from "../api/generated/types.ts";
import { ApiError } from "../apimachinery/errors.ts";
import { quoteText } from "../apimachinery/field-error.ts";
import type { Usage } from "../wasm/scheduler-facts.ts";
import { CapacityError } from "./capacity.ts";
import { type Profiles, schedulerNameOf } from "./configuration/profiles.ts";
import { MAX_CLASSES } from "./core-capacity.ts";
import type { CoreTables } from "./core-tables.ts";
import { type PodFacts, podKey, readPod, signatureOf } from "./pod-facts.ts";
import type { ProfileFacts } from "./profile-facts.ts";
import { AFFINITY_CONFLICT } from "./reasons.ts";
import type { PodGroup } from "./track-table.ts";
import type { PrefilterRefusal } from "./volume-resolution.ts";
import type { AskedVolumes } from "./volumes.ts";

/** A pod that is worth asking the core about. Its group is held until `letGo`. */
export interface AskedPod {
  readonly pod: V1Pod;
  readonly key: string;
  readonly profile: ProfileFacts;
  readonly classId: number;
  readonly usage: Usage;
  /** Names of its extended resources, in the order of the core's bits. */
  readonly extended: readonly string[];
  readonly group: PodGroup;
  readonly volumes: AskedVolumes | undefined;
}

/** A pod that some plugin's PreFilter refuses on every node alike. */
export interface PrefilteredPod extends PrefilterRefusal {
  readonly pod: V1Pod;
  readonly key: string;
  readonly profile: ProfileFacts;
}

/** A pod that cannot be read, or that there is no room for; the text is the whole answer. */
export interface UnreadablePod {
  readonly key: string;
  readonly message: string;
  /** There was no room for it: perhaps there is when the batch before it is over. */
  readonly isCrowdedOut?: boolean;
}

/** A pod that its scheduling gates, or claims of devices that are not there, keep from being looked at. */
export interface GatedPod {
  readonly key: string;
  readonly plugin: "SchedulingGates" | "DynamicResources";
  readonly message: string;
}

export type PreparedPod = AskedPod | PrefilteredPod | GatedPod | UnreadablePod;

/** Turns pods into classes of the core, or into the reason why that is not worth it. */
export class PodPreparation {
  readonly #tables: CoreTables;
  readonly #profiles: Profiles;
  /** Facts of recent signatures, so that the pods of one template are read once. */
  readonly #facts = new Map<string, PodFacts>();

  readonly #checkRoom: (key: string) => void;

  /** @param checkRoom  throws CapacityError if there is no room for a pod of this key */
  constructor(tables: CoreTables, profiles: Profiles, checkRoom: (key: string) => void) {
    this.#tables = tables;
    this.#profiles = profiles;
    this.#checkRoom = checkRoom;
  }

  /** @throws ApiError 422 for a pod that cannot be read, 404 for one that no profile is for; or CapacityError */
  prepare(pod: V1Pod, key = podKey(pod)): AskedPod | PrefilteredPod | GatedPod {
    const profile = this.#profileOf(pod);
    const gates = pod.spec?.schedulingGates ?? [];
    if (profile.holdsGated && gates.length > 0) {
      const names = gates.map(({ name }) => name).join(" ");
      return { key, plugin: "SchedulingGates", message: `waiting for scheduling gates: [${names}]` };
    }
    const facts = this.#factsOf(pod);
    const waiting =
      facts.volumes && profile.waitsForClaims && this.#tables.volumes.devices.whyWaiting(facts.volumes);
    if (waiting) return { key, plugin: "DynamicResources", message: waiting };
    const refusal = this.#findRefusal(facts, profile);
    if (refusal !== undefined) return { pod, key, profile, ...refusal };
    const { id, usage, extended } = this.#tables.classFor(facts, profile);
    const group = this.#tables.topology.acquireGroup(facts.topology);
    const volumes = facts.volumes && this.#tables.volumes.ask(id, facts.volumes, profile);
    return { pod, key, profile, classId: id, usage, extended, group, volumes };
  }

  /** The same for a pod of a batch, where one bad pod must not stop the others. */
  prepareOrRefuse(pod: V1Pod): PreparedPod {
    const key = podKey(pod);
    try {
      this.#checkRoom(key);
      return this.prepare(pod, key);
    } catch (error) {
      if (error instanceof ApiError) return { key, message: error.message };
      if (error instanceof CapacityError) return { key, message: error.message, isCrowdedOut: true };
      throw error;
    }
  }

  /** Whether the pod's profile asks for its room at all. */
  checksFit(pod: V1Pod): boolean {
    return this.#profiles.find(pod)?.filters.has("NodeResourcesFit") ?? false;
  }

  letGo(pods: readonly PreparedPod[]): void {
    for (const pod of pods) {
      if (!("group" in pod)) continue;
      this.#tables.topology.releaseGroup(pod.group);
      if (pod.volumes !== undefined) this.#tables.volumes.letGo(pod.volumes);
    }
  }

  /** In kube-scheduler's words, though there such a pod is somebody else's and gets no answer at all. */
  #profileOf(pod: V1Pod): ProfileFacts {
    const profile = this.#profiles.find(pod);
    if (profile !== undefined) return profile;
    const name = quoteText(schedulerNameOf(pod));
    throw new ApiError("NotFound", `profile not found for scheduler name ${name}`);
  }

  /** The first PreFilter that refuses the pod, in the profile's order. */
  #findRefusal(facts: PodFacts, profile: ProfileFacts): PrefilterRefusal | undefined {
    const resolved = facts.volumes && this.#tables.volumes.resolve(facts.volumes, profile);
    const byVolumes = resolved !== undefined && "reason" in resolved ? resolved : undefined;
    if (facts.affinity.onlyNodes?.size !== 0) return byVolumes;
    for (const plugin of profile.prefilters) {
      if (plugin === "NodeAffinity") return { plugin, reason: AFFINITY_CONFLICT };
      if (plugin === byVolumes?.plugin) return byVolumes;
    }
    return byVolumes;
  }

  #factsOf(pod: V1Pod): PodFacts {
    const signature = signatureOf(pod);
    const known = this.#facts.get(signature);
    if (known !== undefined) return known;
    const facts = readPod(pod, signature);
    // At the bound everything is forgotten and read again: simpler than an order of use, and seldom.
    if (this.#facts.size >= MAX_CLASSES) this.#facts.clear();
    this.#facts.set(signature, facts);
    return facts;
  }
}
