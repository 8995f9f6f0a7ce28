import type { V1Node, V1Pod } from "../api/generated/types.ts";
import { forbiddenField, invalidObject } from "../apimachinery/field-error.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { seededRandom } from "../apimachinery/random.ts";
import type { SchedulerLink } from "../wasm/scheduler-link.ts";
import { linkOnCallersThread } from "../wasm/scheduler-link.ts";
import { type Flavour, schedulerNames } from "../wasm/scheduler-module.ts";
import { linkInWorker } from "../wasm/scheduler-pool.ts";
import type { KubeSchedulerConfiguration } from "./configuration/kube-scheduler-configuration.ts";
import { Profiles } from "./configuration/profiles.ts";
import { CONFIGURATION_KIND, readConfiguration } from "./configuration/read-configuration.ts";
import { capacityFor, FIRST_CAPACITY } from "./core-capacity.ts";
import { CoreScheduler } from "./core-scheduler.ts";
import type { DecidingScheduler } from "./deciding-scheduler.ts";
import type { DeviceAllocation } from "./devices.ts";
import type { ClaimBinding } from "./volumes.ts";

export type { KubeSchedulerConfiguration } from "./configuration/kube-scheduler-configuration.ts";

/** `pintle/scheduler`: kube-scheduler's decisions without an API server (shared/contract.md). */
export interface Scheduler {
  addNode(node: V1Node): void;
  updateNode(node: V1Node): void;
  removeNode(name: string): void;
  /** A bound pod: spec.nodeName is set. Adding a pod that was assumed confirms it. */
  addPod(pod: V1Pod): void;
  /** A bound pod is gone, or an assumed one is forgotten. */
  removePod(namespace: string, name: string): void;
  /** Namespaces, PVs, PVCs, storage classes, device claims, classes and slices, Services, owners, PDBs, priority classes that decisions read. */
  addObject(object: KubernetesObject): void;
  /** Such an object is gone. */
  removeObject(object: KubernetesObject): void;
  /** In the given order; each placement is assumed before the next. A pod for which others would have to go is nominated to their node. */
  schedule(pods: readonly V1Pod[]): Promise<Decision[]>;
  /** As `schedule`, and all or none: if fewer than `minCount` pods have nodes then, those that got one do not keep it. */
  scheduleGroup(pods: readonly V1Pod[], gang: Gang): Promise<Decision[]>;
  explain(pod: V1Pod): Promise<Explanation>;
  close(): Promise<void>;
}

/** What pods that are of use only together need. */
export interface Gang {
  readonly minCount: number;
  /** How many pods of the group have nodes already; none unless told otherwise. */
  readonly placed?: number;
}

export type Decision =
  | {
      readonly pod: string;
      readonly node: string;
      /** Claims that are bound together with the pod, if any: to a volume, or (null) to one to be provisioned for the node. */
      readonly claims?: readonly ClaimBinding[];
      /** Claims of devices that the pod uses, if any, with what is allocated together with the pod. */
      readonly devices?: readonly DeviceAllocation[];
    }
  | {
      readonly pod: string;
      readonly node: null;
      /** The FitError text, whole. */
      readonly message: string;
      /** node -> reasons */
      readonly nodes: Readonly<Record<string, string[]>>;
      /** Where it would fit if these pods ("namespace/name", the most important first) were gone. Nobody is evicted. */
      readonly preemption?: PreemptionPlan;
    };

export interface PreemptionPlan {
  readonly node: string;
  readonly victims: readonly string[];
}

export interface Explanation {
  readonly pod: string;
  readonly chosen: string | null;
  /** For a pod that fits nowhere: where it would fit, and who would have to go. */
  readonly preemption?: PreemptionPlan;
  readonly nodes: readonly {
    readonly node: string;
    readonly rejectedBy?: string;
    readonly reasons?: readonly string[];
    readonly scores?: Readonly<Record<string, { raw: number; normalized: number; weighted: number }>>;
    readonly total?: number;
  }[];
}

export interface SchedulerOptions {
  /**
   * Which plugins judge a pod, with which weights and arguments: the profile of its spec.schedulerName. Without it, the
   * default profile is for every pod.
   */
  readonly config?: KubeSchedulerConfiguration;
  /** Told of what in `config` has no effect; Node's process warnings unless given. */
  readonly onWarning?: (text: string) => void;
  readonly ties?: "lowest" | "random";
  readonly seed?: number;
  /** The most it shall hold; memory for it is reserved at once. */
  readonly capacity?: { readonly nodes: number; readonly pods: number };
  /** Another build of the core; "debug" checks itself as it goes. */
  readonly flavour?: Flavour;
  /**
   * Indexes answer for classes of pods that are asked for again, and choose what a scan of all nodes would. "checked" lets the
   * scan decide too, and rejects where they differ: the default of the debug build.
   */
  readonly indexes?: "on" | "off" | "checked";
  /** Where the core runs: in a Piscina worker (the default), or on the caller's thread (virtual time needs that). */
  readonly thread?: "worker" | "caller";
}

/** What a scheduler holds when it is not told; tables start small and grow. */
const DEFAULT_CAPACITY = { nodes: 1_000_000, pods: 4_000_000 };

/**
 * A scheduler with the plugins of kube-scheduler 1.36, by the profiles of its configuration (docs/configuration.md). All nodes
 * are filtered and scored. What each plugin does and leaves out is in docs/scheduling.md.
 *
 * A configuration with mistakes rejects with ApiError 422 and every field.
 * Bad objects make the call that brings them throw: ApiError 422 with every field, or CapacityError. In `schedule`, where
 * one bad pod must not stop the others, they are the decision's message instead.
 */
export async function createScheduler(options: SchedulerOptions = {}): Promise<Scheduler> {
  const { extenders = [] } = options.config ?? {};
  // Without a network nobody can be asked, and a decision without them would be a wrong one.
  const errors = extenders.map((_, i) =>
    forbiddenField(`extenders[${i}]`, "only a scheduler of a cluster asks extenders"),
  );
  if (errors.length > 0) throw invalidObject(CONFIGURATION_KIND, "", errors);
  return createDecidingScheduler(options);
}

/** The same, for a component that queues pods and has to know more of a refusal than its text. */
export async function createDecidingScheduler(options: SchedulerOptions = {}): Promise<DecidingScheduler> {
  const flavour = options.flavour ?? "release";
  const profiles = profilesOf(options);
  // Who says how much it will be has the tables reserved at once.
  const first = options.capacity === undefined ? FIRST_CAPACITY : capacityFor(options.capacity.nodes);
  const coreOptions = {
    capacity: first,
    flavour,
    tieSeed: options.ties === "random" ? (options.seed ?? 0) >>> 0 : undefined,
    indexes: options.indexes,
  };
  const link: SchedulerLink =
    options.thread === "caller" ? linkOnCallersThread(coreOptions) : await linkInWorker(coreOptions);
  const { capacity = DEFAULT_CAPACITY, ties, seed = 0 } = options;
  // Where a search for victims begins is drawn with the ties.
  const random = ties === "random" ? seededRandom(seed).fork("preemption") : undefined;
  return new CoreScheduler(link, schedulerNames(flavour), capacity, profiles, first, random);
}

function profilesOf({ config, onWarning = warn }: SchedulerOptions): Profiles {
  if (config === undefined) return new Profiles();
  const configuration = readConfiguration(config);
  for (const warning of configuration.warnings) onWarning(warning);
  return new Profiles(configuration);
}

function warn(text: string): void {
  process.emitWarning(text, "KubeSchedulerConfiguration");
}
