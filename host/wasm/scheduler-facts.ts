import type { SchedulerExports } from "./scheduler-module.ts";

/**
 * What crosses to the scheduler core: numbers, and ids that the host interned. `host/scheduler` makes them from
 * Kubernetes objects; nothing here knows an object.
 */
export type CapacityName = Exclude<keyof SchedulerExports["Capacity"], "count">;
/** Rows per dimension. */
export type CoreCapacity = Readonly<Record<CapacityName, number>>;

export type FilterName = keyof SchedulerExports["Filter"];
export type ScoreName = Exclude<keyof SchedulerExports["Score"], "count">;
export type TermKindName = keyof SchedulerExports["TermKind"];
export type VerdictName = keyof SchedulerExports["Verdict"];
export type FitStrategyName = keyof SchedulerExports["FitStrategy"];
export type IndexModeName = keyof SchedulerExports["IndexMode"];
export type InsufficientName = keyof SchedulerExports["Insufficient"];

/** The core's own numbers for the names above, read from its exports. */
export interface CoreNames {
  /** Filter number -> name. */
  readonly filters: readonly FilterName[];
  /** Score number -> name. */
  readonly scores: readonly ScoreName[];
  /** Name -> bit of a refusal. */
  readonly verdicts: Readonly<Record<VerdictName, number>>;
  /** Name -> number of the bit in `insufficient`. */
  readonly insufficient: Readonly<Record<InsufficientName, number>>;
  readonly extendedPerClass: number;
  /** Name -> number of a kind of term. */
  readonly termKinds: Readonly<Record<TermKindName, number>>;
  /** Name -> bit of what a class has to do with a volume. */
  readonly volumeFlags: Readonly<Record<keyof SchedulerExports["VolumeFlag"], number>>;
  /** Name -> bit of why labels speak against a node. */
  readonly volumeRefusals: Readonly<Record<keyof SchedulerExports["VolumeRefusal"], number>>;
  /** Name -> bit of which plugins of volumes a class has to do with. */
  readonly volumeFilters: Readonly<Record<keyof SchedulerExports["VolumeFilter"], number>>;
}

export interface ExtendedAmount {
  /** Interned extended resource. */
  readonly resource: number;
  readonly amount: number;
}

/** What a node offers. Its usage is kept by the core and changed by `changeUsage`. */
export interface NodeNumbers {
  readonly allocatableMilliCpu: number;
  readonly allocatableMemory: number;
  readonly allocatableEphemeral: number;
  readonly allocatablePods: number;
  readonly attributeSet: number;
  readonly extended: readonly ExtendedAmount[];
  /** The node's domain by each topology key; 0 for none. */
  readonly domains: readonly number[];
}

/** What one pod takes of its node. */
export interface Usage {
  readonly requestMilliCpu: number;
  readonly requestMemory: number;
  readonly requestEphemeral: number;
  readonly nonZeroMilliCpu: number;
  readonly nonZeroMemory: number;
  readonly extended: readonly ExtendedAmount[];
  /** Interned host ports it occupies. */
  readonly ports: readonly number[];
}

/** What all pods of one class ask for. Its `ports` are wanted; `conflictingPorts` used by others are in its way. */
export interface ClassNumbers extends Usage {
  readonly scoreMilliCpu: number;
  readonly scoreMemory: number;
  readonly prefersNodes: boolean;
  readonly conflictingPorts: readonly number[];
  /** Images that it names, each time. */
  readonly images: readonly number[];
  readonly containers: number;
  readonly profile: number;
  /** NodeResourcesFit does not filter. */
  readonly skipsFit: boolean;
  /** How many of `extended`, the last, NodeResourcesFit does not check. */
  readonly uncheckedExtended: number;
  /** Those of `extended` that devices stand for. */
  readonly extendedByDevices: readonly number[];
  /** The resources it is scored by; undefined: plainly, by cpu and memory. */
  readonly scored: ScoredResources | undefined;
}

/** What each of the two plugins that score resources looks at, in the order of its configuration. */
export interface ScoredResources {
  readonly fit: readonly ScoredResource[];
  /** Empty: the pod asks for none of them, and is not scored. */
  readonly balanced: readonly ScoredResource[];
}

export interface ScoredResource {
  /** A name, or an interned extended resource. */
  readonly resource: "milliCpu" | "memory" | "ephemeral" | number;
  /** What the class adds to what is in use. */
  readonly amount: number;
  readonly weight: number;
}

/** What classes of one profile have in common. */
export interface ProfileNumbers {
  /** By plugin; one that is not named is not scored. */
  readonly weights: ReadonlyMap<string, number>;
  /** Filters in an order of the profile's own; empty: in kube-scheduler's. */
  readonly filterOrder: readonly string[];
  readonly fitStrategy: FitStrategyName;
  /** RequestedToCapacityRatio: a score, 0 to 100, for each whole percentage in use, 0 to 100. Else empty. */
  readonly utilizationScores: readonly number[];
}

/** What a class makes of an attribute set. */
export interface SetVerdict {
  readonly set: number;
  /** Bits named in CoreNames.verdicts. */
  readonly refusals: number;
  /** PreferNoSchedule taints not tolerated. */
  readonly intolerableTaints: number;
  /** Summed weights of matching preferred terms. */
  readonly affinityWeight: number;
  /** The bits of taint and affinity, also where they refuse nothing. */
  readonly mismatches: number;
}

/** One question of a class about a track, by a topology key. Fields as in assembly/layout/topology.ts. */
export interface TermNumbers {
  /** Number of CoreNames.termKinds. */
  readonly kind: number;
  readonly key: number;
  readonly track: number;
  readonly row: number;
  readonly weight: number;
  readonly minDomains: number;
  readonly self: boolean;
  readonly excluded: number;
}

/** What a class asks of the pods that are there. */
export interface ClassTopology {
  /** In the order of their kinds. */
  readonly terms: readonly TermNumbers[];
  /** How many of them, first, are filters. */
  readonly filterTerms: number;
  readonly requiresAllKeys: boolean;
  readonly matchesOwnAffinity: boolean;
}

/** A pod as a node feels it. */
export interface Presence {
  readonly usage: Usage;
  readonly tracks: readonly number[];
  /** Volumes it uses, each once. */
  readonly volumes: readonly number[];
}

/** The rule that holds nowhere, and the one that holds everywhere. */
export const NO_NODE = 0;
export const EVERY_NODE = 0xffffffff;
/** More devices than any node has. */
export const TOO_MANY_DEVICES = 0xffffffff;

/** What a class has to do with volumes and devices. Fields as in assembly/layout/class.ts and volumes.ts. */
export interface ClassVolumes {
  /** Bits of CoreNames.volumeFilters; 0 for a class that needs none of this. */
  readonly filters: number;
  /** Flags: bits of CoreNames.volumeFlags. Volumes that are counted stand together by driver. */
  readonly volumes: readonly { readonly volume: number; readonly flags: number }[];
  /** Refusal: a bit of CoreNames.volumeRefusals. Those of bound claims are in the pod's order. */
  readonly requirements: readonly { readonly rule: number; readonly refusal: number }[];
  /** How many claims are described by `putBinding` before the class is asked about. */
  readonly bindingClaims: number;
  readonly selectedSlot: number | "any" | "none";
  readonly claimSlot: number | "any" | "none";
  readonly devicesWanted: number;
}

/** A claim to be bound with its pod. */
export interface BindingClaim {
  /** Smallest first; `volume` is a number among those of the binding. */
  readonly candidates: readonly { readonly volume: number; readonly rule: number }[];
  readonly topologyRule: number;
  readonly capacityRule: number;
}

/** Free devices that the nodes of a rule share. */
export interface DevicePool {
  readonly rule: number;
  readonly free: number;
}

/** A node with the pods that are nominated to it, as numbers of shapes. */
export interface NominatedNode {
  readonly slot: number;
  readonly nominated: readonly number[];
}

/** A node that is asked which of its pods have to go. */
export interface DryRunNode extends NominatedNode {
  /** Shapes of the pods that may have to go, in the order in which they are let back. */
  readonly lower: readonly number[];
  /** How many of these, the first, a budget protects. */
  readonly protectedPods: number;
}

/** Candidates of a dry run: nodes where the victims break no budget, and others. */
export interface FoundCandidates {
  readonly whole: number;
  readonly breaking: number;
}

/** A question about many nodes: what preemption would do on each. */
export interface DryRun {
  /** What the numbers of the nodes stand for. */
  readonly shapes: readonly Presence[];
  readonly nodes: readonly DryRunNode[];
  /** How many candidates are enough. */
  readonly wanted: number;
  /** Those that an earlier part of the question has found. */
  readonly found: FoundCandidates;
}

/** What one node says. */
export interface DryRunOutcome {
  /** Places in `lower`; undefined: it refuses the class even without all of them. */
  readonly victims: readonly number[] | undefined;
  /** Filter number, and detail as in Refusals. */
  readonly rejectedBy: number;
  readonly insufficient: number;
}

/** What has to be respected when one pod is placed: pods nominated to nodes, and the node that the pod itself is promised. */
export interface Nominations {
  readonly shapes: readonly Presence[];
  readonly nodes: readonly NominatedNode[];
  /** Its own nominated node: taken if it fits there, whatever the scores. */
  readonly own: number | undefined;
}

/** Why each slot refused a class. */
export interface Refusals {
  /** Filter number per slot. */
  readonly rejectedBy: Uint8Array;
  /** Per slot, bits of CoreNames.insufficient; of VolumeBinding, of CoreNames.volumeRefusals. */
  readonly insufficient: Uint32Array;
}

export interface Evaluation extends Refusals {
  /** Weighted sum per slot; -1 where refused. */
  readonly totals: Int32Array;
  /** raw, normalised, weighted for each score of each slot: index (slot * scores + score) * 3. */
  readonly scores: Float64Array;
}

/** The answers to a batch of requests, in their order. */
export interface PlacedBatch {
  /** A slot for each request, -1 where none is feasible. */
  readonly slots: Int32Array;
  /** For each request without a slot, why, as things stood then. */
  readonly refusals: ReadonlyMap<number, Refusals>;
  /** For each claim that the last request had to bind, the number of the volume it chose, or -1: one is to be provisioned. */
  readonly chosen: readonly number[];
}
