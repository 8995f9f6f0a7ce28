import type { ClassNumbers, NodeNumbers, SetVerdict, Usage } from "../../host/wasm/scheduler-facts.ts";
import type { CoreCall } from "../../host/wasm/scheduler-link.ts";

/**
 * The peer of the scheduler core: a scan of all nodes in plain JavaScript over typed arrays, as one would write it without
 * WebAssembly. It is fed the same encoded facts as the core and knows the filters by attributes and resources, and the
 * scores TaintToleration, NodeAffinity, LeastAllocated and BalancedAllocation. Host ports it does not know, and what other
 * plugins are told passes it by.
 */
export class JsScan {
  #limit = 0;
  #columns = columnsFor(64);
  /** A column for each extended resource: what is free of it, by slot. */
  readonly #extended: Float64Array[] = [];
  readonly #classes: ClassNumbers[] = [];
  readonly #verdicts: Verdicts[] = [];
  #totals = new Int32Array(64);

  post(call: CoreCall): void {
    if (call[0] === "putNode") this.#putNode(call[1], call[2]);
    else if (call[0] === "removeNode") this.#columns.attributeSet[call[1]] = 0;
    else if (call[0] === "putClass") this.#putClass(call[1], call[2]);
    else if (call[0] === "putVerdicts") this.#putVerdicts(call[1], call[2]);
    else if (call[0] === "changeUsage") this.#changeUsage(call[1], call[2].usage, call[3]);
  }

  /** The lowest slot of the best nodes for a class, or -1. One loop over local arrays: what engines are fastest at. */
  scan(id: number): number {
    const asked = this.#classes[id]!;
    const { refusals, taints, affinity } = this.#verdicts[id]!;
    const totals = this.#totals;
    const { attributeSet, pods, allocatablePods, freeEphemeral } = this.#columns;
    const { cpu, allocatableCpu, nonZeroCpu, memory, allocatableMemory, nonZeroMemory } = this.#columns;
    const { requestMilliCpu: askedCpu, requestMemory: askedMemory, requestEphemeral: askedEphemeral } = asked;
    const { scoreMilliCpu, scoreMemory } = asked;
    const scoresBalance = askedCpu !== 0 || askedMemory !== 0;
    const wantsExtended = asked.extended.length > 0;
    const limit = this.#limit;
    let [highestTaints, highestAffinity, best, bestTotal] = [0, 0, -1, -1];
    for (let slot = 0; slot < limit; slot++) {
      const set = attributeSet[slot]!;
      const offeredCpu = allocatableCpu[slot]!;
      const offeredMemory = allocatableMemory[slot]!;
      const usedCpu = cpu[slot]!;
      const usedMemory = memory[slot]!;
      if (
        refusals[set] !== 0 ||
        pods[slot]! >= allocatablePods[slot]! ||
        (askedCpu !== 0 && askedCpu > offeredCpu - usedCpu) ||
        (askedMemory !== 0 && askedMemory > offeredMemory - usedMemory) ||
        (askedEphemeral !== 0 && askedEphemeral > freeEphemeral[slot]!) ||
        (wantsExtended && !this.#fitsExtended(asked, slot))
      ) {
        totals[slot] = -1;
        continue;
      }
      if (taints[set]! > highestTaints) highestTaints = taints[set]!;
      if (affinity[set]! > highestAffinity) highestAffinity = affinity[set]!;
      const freeCpu = freeScore(offeredCpu, nonZeroCpu[slot]! + scoreMilliCpu);
      let total = (freeCpu + freeScore(offeredMemory, nonZeroMemory[slot]! + scoreMemory)) >> 1;
      if (scoresBalance) {
        const after = balance(usedCpu + askedCpu, offeredCpu, usedMemory + askedMemory, offeredMemory);
        const change = after - balance(usedCpu, offeredCpu, usedMemory, offeredMemory);
        total += (50 + (50 + change) / 2) | 0;
      }
      totals[slot] = total;
      if (total > bestTotal) {
        bestTotal = total;
        best = slot;
      }
    }
    if (highestTaints === 0 && highestAffinity === 0) return best;
    return this.#bestByPreference(taints, affinity, highestTaints, highestAffinity, asked.prefersNodes);
  }

  /** Counts a pod of a class on a node. */
  assume(id: number, slot: number): void {
    this.#changeUsage(slot, this.#classes[id]!, 1);
  }

  /** Normalised scores need the highest raw score first: a second pass, taints with weight 3, affinity with 2. */
  #bestByPreference(
    taints: Int32Array,
    affinity: Int32Array,
    highestTaints: number,
    highestAffinity: number,
    prefersNodes: boolean,
  ): number {
    let best = -1;
    let bestTotal = -1;
    for (let slot = 0; slot < this.#limit; slot++) {
      let total = this.#totals[slot]!;
      if (total < 0) continue;
      const set = this.#columns.attributeSet[slot]!;
      if (highestTaints > 0) total += 3 * (100 - Math.trunc((100 * taints[set]!) / highestTaints));
      if (prefersNodes && highestAffinity > 0)
        total += 2 * Math.trunc((100 * affinity[set]!) / highestAffinity);
      if (total > bestTotal) {
        bestTotal = total;
        best = slot;
      }
    }
    return best;
  }

  #fitsExtended({ extended }: ClassNumbers, slot: number): boolean {
    return extended.every(({ resource, amount }) => amount <= (this.#extended[resource]?.[slot] ?? 0));
  }

  #putNode(slot: number, numbers: NodeNumbers): void {
    if (slot >= this.#totals.length) this.#grow(this.#totals.length * 2);
    const node = this.#columns;
    node.allocatableCpu[slot] = numbers.allocatableMilliCpu;
    node.allocatableMemory[slot] = numbers.allocatableMemory;
    node.freeEphemeral[slot] = numbers.allocatableEphemeral;
    node.allocatablePods[slot] = numbers.allocatablePods;
    node.attributeSet[slot] = numbers.attributeSet;
    for (const { resource, amount } of numbers.extended) this.#extendedColumn(resource)[slot] = amount;
    this.#limit = Math.max(this.#limit, slot + 1);
  }

  #grow(slots: number): void {
    const larger = columnsFor(slots);
    for (const name of Object.keys(larger) as (keyof Columns)[]) larger[name].set(this.#columns[name]);
    this.#columns = larger;
    this.#totals = new Int32Array(slots);
    this.#extended.forEach((column, resource) => {
      this.#extended[resource] = new Float64Array(slots);
      this.#extended[resource].set(column);
    });
  }

  #extendedColumn(resource: number): Float64Array {
    this.#extended[resource] ??= new Float64Array(this.#totals.length);
    return this.#extended[resource];
  }

  #putClass(id: number, numbers: ClassNumbers): void {
    this.#classes[id] = numbers;
    // Set 0: no node in the slot.
    this.#putVerdicts(id, [{ set: 0, refusals: 1, intolerableTaints: 0, affinityWeight: 0, mismatches: 0 }]);
  }

  #putVerdicts(id: number, verdicts: readonly SetVerdict[]): void {
    const highest = verdicts.reduce((max, { set }) => Math.max(max, set), 0);
    let known = this.#verdicts[id];
    if (known === undefined || known.refusals.length <= highest) {
      known = largerVerdicts(known, 2 * (highest + 1));
      this.#verdicts[id] = known;
    }
    for (const { set, refusals, intolerableTaints, affinityWeight } of verdicts) {
      known.refusals[set] = refusals;
      known.taints[set] = intolerableTaints;
      known.affinity[set] = affinityWeight;
    }
  }

  #changeUsage(slot: number, usage: Usage, pods: 1 | -1): void {
    const node = this.#columns;
    node.pods[slot]! += pods;
    node.cpu[slot]! += pods * usage.requestMilliCpu;
    node.memory[slot]! += pods * usage.requestMemory;
    node.freeEphemeral[slot]! -= pods * usage.requestEphemeral;
    node.nonZeroCpu[slot]! += pods * usage.nonZeroMilliCpu;
    node.nonZeroMemory[slot]! += pods * usage.nonZeroMemory;
    for (const { resource, amount } of usage.extended) this.#extendedColumn(resource)[slot]! -= pods * amount;
  }
}

/** What a class makes of each attribute set. */
interface Verdicts {
  readonly refusals: Int32Array;
  readonly taints: Int32Array;
  readonly affinity: Int32Array;
}

function largerVerdicts(known: Verdicts | undefined, sets: number): Verdicts {
  const larger = {
    refusals: new Int32Array(sets),
    taints: new Int32Array(sets),
    affinity: new Int32Array(sets),
  };
  if (known !== undefined) {
    larger.refusals.set(known.refusals);
    larger.taints.set(known.taints);
    larger.affinity.set(known.affinity);
  }
  return larger;
}

type Columns = ReturnType<typeof columnsFor>;

function columnsFor(slots: number) {
  return {
    allocatableCpu: new Int32Array(slots),
    allocatableMemory: new Float64Array(slots),
    allocatablePods: new Int32Array(slots),
    freeEphemeral: new Float64Array(slots),
    attributeSet: new Int32Array(slots),
    pods: new Int32Array(slots),
    cpu: new Int32Array(slots),
    memory: new Float64Array(slots),
    nonZeroCpu: new Int32Array(slots),
    nonZeroMemory: new Float64Array(slots),
  };
}

function freeScore(allocatable: number, used: number): number {
  return used > allocatable ? 0 : (((allocatable - used) * 100) / allocatable) | 0;
}

function balance(cpu: number, offeredCpu: number, memory: number, offeredMemory: number): number {
  const cpuFraction = cpu >= offeredCpu ? 1 : cpu / offeredCpu;
  const memoryFraction = memory >= offeredMemory ? 1 : memory / offeredMemory;
  return ((1 - Math.abs(cpuFraction - memoryFraction) / 2) * 100) | 0;
}
