import { ClassTables } from "./scheduler-classes.ts";
import type {
  ClassTopology,
  CoreCapacity,
  Evaluation,
  FilterName,
  IndexModeName,
  NodeNumbers,
  PlacedBatch,
  Presence,
  ProfileNumbers,
  Refusals,
  ScoreName,
} from "./scheduler-facts.ts";
import type { Flavour, SchedulerExports } from "./scheduler-module.ts";
import { PreemptionQuestions } from "./scheduler-preemption.ts";
import { copyTables, imageWords, PERCENTAGES } from "./scheduler-tables.ts";
import { TopologyTables } from "./scheduler-topology.ts";
import { openViews, reserve, type Views } from "./scheduler-views.ts";
import { VolumeTables } from "./scheduler-volumes.ts";

export interface CoreOptions {
  readonly capacity: CoreCapacity;
  readonly flavour: Flavour;
  /** Draw among equal nodes from this seed; absent: the lowest slot. */
  readonly tieSeed?: number;
  /**
   * Whether classes have indexes. "checked" lets a scan make every decision of an index again, and throws where they differ:
   * the default of the debug build. Else "on".
   */
  readonly indexes?: IndexModeName;
}

/** What the core remembers of columns and pages that its indexes hold. */
const POOL_HEADS = [
  "freeColumns",
  "columnLimit",
  "columnsTaken",
  "freePages",
  "pageLimit",
  "pagesTaken",
] as const;

/** The attribute set of a slot without a node. */
const NO_NODE = 0;

/**
 * One scheduler core in the domain's words, on the thread that calls it. Slots, attribute sets, classes, resources and
 * ports are ids that the caller gives out, each below its capacity.
 */
export class SchedulerCore {
  #capacity: CoreCapacity;
  #core: SchedulerExports;
  #views: Views;
  #classes: ClassTables;
  #topology: TopologyTables;
  #volumes: VolumeTables;
  #preemption: PreemptionQuestions;
  readonly #flavour: Flavour;
  /** Nodes of each attribute set. */
  readonly #nodesOfSet: number[] = [];

  constructor(options: CoreOptions) {
    this.#capacity = options.capacity;
    this.#flavour = options.flavour;
    this.#core = reserve(options.flavour, options.capacity);
    this.#views = openViews(this.#core);
    this.#classes = new ClassTables(this.#core, this.#capacity, (set) => this.#isInUse(set));
    this.#topology = new TopologyTables(this.#core, this.#capacity);
    this.#volumes = new VolumeTables(this.#core, this.#capacity);
    this.setIndexMode(options.indexes ?? (options.flavour === "debug" ? "checked" : "on"));
    this.#preemption = this.#openPreemption();
    if (options.tieSeed !== undefined) {
      this.#views.state.randomTies.set(0, 1);
      this.#core.seedTies(options.tieSeed);
    }
  }

  /** Moves everything to a larger core: tables are reserved once, so views stay valid and memory is never moved. */
  grow(capacity: CoreCapacity): void {
    const larger = reserve(this.#flavour, capacity);
    copyTables(this.#core, this.#capacity, larger, capacity);
    this.#core = larger;
    this.#capacity = capacity;
    this.#views = openViews(larger);
    this.#classes = new ClassTables(larger, capacity, (set) => this.#isInUse(set));
    this.#topology = new TopologyTables(larger, capacity);
    this.#volumes = new VolumeTables(larger, capacity);
    this.#preemption = this.#openPreemption();
    // The indexes stayed behind: the lists of what they hold begin anew.
    const { state } = this.#views;
    for (const field of POOL_HEADS) state[field].set(0, 0);
  }

  setIndexMode(mode: IndexModeName): void {
    this.#core.setIndexMode(this.#core.IndexMode[mode]);
  }

  /**
   * Decisions since indexes were switched on, those of them that an index made, indexes copied from another's, and how many
   * changes of nodes there had been when a class caught up with several at once.
   */
  get indexUse(): Record<"decisions" | "indexed" | "copied" | "paired", number> {
    const { decisions, indexedDecisions, copiedIndexes, pairedChanges } = this.#views.state;
    return {
      decisions: decisions.get(0),
      indexed: indexedDecisions.get(0),
      copied: copiedIndexes.get(0),
      paired: pairedChanges.get(0),
    };
  }

  /** Decisions where pods are nominated to nodes, and what preemption would do. */
  get preemption(): PreemptionQuestions {
    return this.#preemption;
  }

  #openPreemption(): PreemptionQuestions {
    return new PreemptionQuestions(this.#core, {
      schedule: (id) => this.schedule([id]),
      evaluate: (id) => this.evaluate(id),
      chosenOn: (id, slot) => this.#chosenByLast([id], Int32Array.of(slot)),
    });
  }

  /** Adds a node, or changes what it offers. Its usage stays. */
  putNode(slot: number, node: NodeNumbers): void {
    const { nodes, state, extended } = this.#views;
    nodes.allocatableMilliCpu.set(slot, node.allocatableMilliCpu);
    nodes.allocatableMemory.set(slot, node.allocatableMemory);
    nodes.allocatableEphemeral.set(slot, node.allocatableEphemeral);
    nodes.allocatablePods.set(slot, node.allocatablePods);
    this.#putAttributeSet(slot, node.attributeSet);
    for (let resource = 0; resource < this.#capacity.extendedResources; resource++)
      extended.allocatable.set(this.#extendedRow(resource, slot), 0);
    for (const { resource, amount } of node.extended)
      extended.allocatable.set(this.#extendedRow(resource, slot), amount);
    this.#topology.putNode(slot, node.domains);
    if (state.nodeLimit.get(0) <= slot) state.nodeLimit.set(0, slot + 1);
    this.#core.touch(slot);
  }

  /** Empties the slot, usage included. */
  removeNode(slot: number): void {
    this.#putAttributeSet(slot, NO_NODE);
    for (const field of Object.values(this.#views.nodes)) field.set(slot, 0);
    for (const field of Object.values(this.#views.extended)) {
      for (let resource = 0; resource < this.#capacity.extendedResources; resource++)
        field.set(this.#extendedRow(resource, slot), 0);
    }
    const words = this.#capacity.portWords;
    for (let word = 0; word < words; word++) this.#views.usedPorts.bits.set(slot * words + word, 0);
    this.#topology.removeNode(slot);
    this.#volumes.removeNode(slot);
    this.#core.touch(slot);
  }

  /** An image that classes ask for: its size, and slots that have it now (1) or no more (-1); they are told once. */
  putImage(id: number, sizeBytes: number, changes: readonly (readonly [slot: number, has: 1 | -1])[]): void {
    const { images, imageNodes, state } = this.#views;
    images.sizeBytes.set(id, sizeBytes);
    state.imageVersion.set(0, state.imageVersion.get(0) + 1);
    for (const [slot, has] of changes) {
      const row = id * imageWords(this.#capacity) + (slot >>> 5);
      const bit = 1 << (slot & 31);
      imageNodes.bits.set(row, has > 0 ? imageNodes.bits.get(row) | bit : imageNodes.bits.get(row) & ~bit);
      images.nodes.set(id, images.nodes.get(id) + has);
    }
  }

  /** Describes a profile: the plugins' weights, and how NodeResourcesFit scores. Profile 0 is the default one until then. */
  putProfile(id: number, { weights, filterOrder, fitStrategy, utilizationScores }: ProfileNumbers): void {
    const { Filter, Score, FitStrategy, Limit } = this.#core;
    const { profiles, profileFilters, scoreWeights } = this.#views;
    profiles.fitStrategy.set(id, FitStrategy[fitStrategy]);
    const scores = Object.keys(Score).filter((name) => name !== "count") as ScoreName[];
    for (const name of scores)
      scoreWeights.weight.set(id * Score.count + Score[name], weights.get(name) ?? 0);
    for (let cls = 0; cls < this.#capacity.classes; cls++) this.#core.classChanged(cls);
    const order = filterOrder.filter((name): name is FilterName => Object.hasOwn(Filter, name));
    profiles.filterCount.set(id, order.length);
    order.forEach((name, i) => {
      profileFilters.filter.set(id * Limit.filtersPerProfile + i, Filter[name]);
    });
    utilizationScores.forEach((score, percentage) => {
      this.#views.utilizationScores.score.set(id * PERCENTAGES + percentage, score);
    });
  }

  putClass(...numbers: Parameters<ClassTables["putClass"]>): void {
    this.#classes.putClass(...numbers);
  }

  putVerdicts(...verdicts: Parameters<ClassTables["putVerdicts"]>): void {
    this.#classes.putVerdicts(...verdicts);
  }

  /** Counts a pod on a node (`pods` 1), or takes it off again (-1). */
  changeUsage(slot: number, { usage, tracks, volumes }: Presence, pods: 1 | -1): void {
    const { nodes, extended, usedPorts } = this.#views;
    const add = (field: keyof Views["nodes"], amount: number) =>
      nodes[field].set(slot, nodes[field].get(slot) + pods * amount);
    add("podCount", 1);
    add("requestedMilliCpu", usage.requestMilliCpu);
    add("requestedMemory", usage.requestMemory);
    add("requestedEphemeral", usage.requestEphemeral);
    add("nonZeroMilliCpu", usage.nonZeroMilliCpu);
    add("nonZeroMemory", usage.nonZeroMemory);
    for (const { resource, amount } of usage.extended) {
      const row = this.#extendedRow(resource, slot);
      extended.requested.set(row, extended.requested.get(row) + pods * amount);
    }
    this.#topology.addToTracks(slot, tracks, pods);
    for (const volume of volumes) this.#volumes.changeUse(volume, slot, pods, 0);
    // A set, not a count: taking one of two pods with the same port off frees it, as in kube-scheduler.
    for (const port of usage.ports) {
      const row = slot * this.#capacity.portWords + (port >>> 5);
      const bit = 1 << (port & 31);
      usedPorts.bits.set(row, pods > 0 ? usedPorts.bits.get(row) | bit : usedPorts.bits.get(row) & ~bit);
    }
    this.#core.touch(slot);
  }

  putTopologyKey(...key: Parameters<TopologyTables["putKey"]>): void {
    this.#topology.putKey(...key);
  }

  putTerms(id: number, topology: ClassTopology): void {
    this.#topology.putTerms(id, topology);
  }

  putClassTracks(id: number, tracks: readonly number[]): void {
    this.#topology.putClassTracks(id, tracks);
  }

  addToTrack(...pods: Parameters<TopologyTables["addToTrack"]>): void {
    this.#topology.addToTrack(...pods);
  }

  clearTrack(track: number): void {
    this.#topology.clearTrack(track);
  }

  putVolume(...volume: Parameters<VolumeTables["putVolume"]>): void {
    this.#volumes.putVolume(...volume);
  }

  putDriver(...driver: Parameters<VolumeTables["putDriver"]>): void {
    this.#volumes.putDriver(...driver);
  }

  putRule(...rule: Parameters<VolumeTables["putRule"]>): void {
    this.#volumes.putRule(...rule);
  }

  putSetRules(...rules: Parameters<VolumeTables["putSetRules"]>): void {
    this.#volumes.putSetRules(...rules);
  }

  putClassVolumes(...numbers: Parameters<VolumeTables["putClassVolumes"]>): void {
    this.#volumes.putClassVolumes(...numbers);
  }

  putBinding(...binding: Parameters<VolumeTables["putBinding"]>): void {
    this.#volumes.putBinding(...binding);
  }

  changeUse(...use: Parameters<VolumeTables["changeUse"]>): void {
    this.#volumes.changeUse(...use);
  }

  putNodeDevices(...devices: Parameters<VolumeTables["putNodeDevices"]>): void {
    this.#volumes.putNodeDevices(...devices);
  }

  putDevicePools(...pools: Parameters<VolumeTables["putDevicePools"]>): void {
    this.#volumes.putDevicePools(...pools);
  }

  /** Places pods of the given classes in order, each assumed before the next. */
  schedule(classes: readonly number[]): PlacedBatch {
    const slots = new Int32Array(classes.length);
    const refusals = new Map<number, Refusals>();
    const ringLength = this.#capacity.requests;
    for (let start = 0; start < classes.length; start += ringLength)
      this.#scheduleRing(classes.slice(start, start + ringLength), start, slots, refusals);
    return { slots, refusals, chosen: this.#chosenByLast(classes, slots) };
  }

  #chosenByLast(classes: readonly number[], slots: Int32Array): readonly number[] {
    const id = classes.at(-1);
    const slot = slots.at(-1) ?? -1;
    return id === undefined || slot < 0
      ? []
      : this.#volumes.chosen(id, this.#views.nodes.attributeSet.get(slot));
  }

  /** Judges every node for one class, and places nothing. */
  evaluate(id: number): Evaluation {
    const refusals = this.#refusals(id);
    const limit = refusals.rejectedBy.length;
    const { evaluations, scores } = this.#views;
    const scoreCount = this.#core.Score.count;
    const totals = Int32Array.from({ length: limit }, (_, slot) => evaluations.total.get(slot));
    const flat = new Float64Array(limit * scoreCount * 3);
    for (let row = 0; row < limit * scoreCount; row++) {
      if (totals[Math.floor(row / scoreCount)]! < 0) continue;
      flat[row * 3] = scores.raw.get(row);
      flat[row * 3 + 1] = scores.normalized.get(row);
      flat[row * 3 + 2] = scores.weighted.get(row);
    }
    return { ...refusals, totals, scores: flat };
  }

  #scheduleRing(
    classes: readonly number[],
    start: number,
    slots: Int32Array,
    refusals: Map<number, Refusals>,
  ): void {
    const { requests, results } = this.#views;
    classes.forEach((id, i) => {
      requests.podClass.set(i, id);
    });
    // While nothing is placed, a class is refused for the same reasons: the arrays are shared.
    const known = new Map<number, Refusals>();
    for (let answered = 0; answered < classes.length; ) {
      const first = answered;
      answered = this.#core.scheduleBatch(first, classes.length);
      this.#checkAgreement();
      for (let i = first; i < answered; i++) slots[start + i] = results.node.get(i);
      const last = answered - 1;
      if (answered - first > 1) known.clear();
      if (slots[start + last]! >= 0) continue;
      const id = classes[last]!;
      const why = known.get(id) ?? this.#refusals(id);
      known.set(id, why);
      refusals.set(start + last, why);
    }
  }

  #refusals(id: number): Refusals {
    this.#core.evaluate(id);
    const { evaluations, state } = this.#views;
    const limit = state.nodeLimit.get(0);
    const rejectedBy = new Uint8Array(limit);
    const insufficient = new Uint32Array(limit);
    for (let slot = 0; slot < limit; slot++) {
      rejectedBy[slot] = evaluations.rejectedBy.get(slot);
      insufficient[slot] = evaluations.insufficient.get(slot);
    }
    return { rejectedBy, insufficient };
  }

  #isInUse(set: number): boolean {
    return (this.#nodesOfSet[set] ?? 0) > 0;
  }

  /** A set more, or less; the node is new, or gone, if it had, or will have, none. */
  #putAttributeSet(slot: number, set: number): void {
    const { nodes, state } = this.#views;
    const before = nodes.attributeSet.get(slot);
    nodes.attributeSet.set(slot, set);
    state.nodeCount.set(0, state.nodeCount.get(0) + Number(set !== NO_NODE) - Number(before !== NO_NODE));
    this.#nodesOfSet[before] = (this.#nodesOfSet[before] ?? 0) - 1;
    this.#nodesOfSet[set] = (this.#nodesOfSet[set] ?? 0) + 1;
  }

  #checkAgreement(): void {
    const { state } = this.#views;
    if (state.disagreements.get(0) === 0) return;
    const [cls, indexed, scanned] = [state.disagreedClass, state.indexedSlot, state.scannedSlot].map(
      (field) => field.get(0),
    );
    throw new Error(`class ${cls}: its index chose slot ${indexed}, the scan ${scanned}`);
  }

  #extendedRow(resource: number, slot: number): number {
    return resource * this.#capacity.nodes + slot;
  }
}
