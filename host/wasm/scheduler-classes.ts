import type {
  ClassNumbers,
  CoreCapacity,
  ScoredResource,
  ScoredResources,
  SetVerdict,
} from "./scheduler-facts.ts";
import type { SchedulerExports } from "./scheduler-module.ts";
import { openViews, type Views } from "./scheduler-views.ts";

/** The tables of classes: what the pods of each ask of a node by itself. */
export class ClassTables {
  readonly #core: SchedulerExports;
  readonly #capacity: CoreCapacity;
  readonly #views: Views;
  readonly #isInUse: (set: number) => boolean;

  /** @param isInUse  whether some node has the attribute set */
  constructor(core: SchedulerExports, capacity: CoreCapacity, isInUse: (set: number) => boolean) {
    this.#core = core;
    this.#capacity = capacity;
    this.#views = openViews(core);
    this.#isInUse = isInUse;
  }

  /** Describes a class anew. Its verdicts on attribute sets stay until they are put. */
  putClass(id: number, numbers: ClassNumbers): void {
    const { classes, classImages } = this.#views;
    classes.requestMilliCpu.set(id, numbers.requestMilliCpu);
    classes.requestMemory.set(id, numbers.requestMemory);
    classes.requestEphemeral.set(id, numbers.requestEphemeral);
    classes.scoreMilliCpu.set(id, numbers.scoreMilliCpu);
    classes.scoreMemory.set(id, numbers.scoreMemory);
    classes.nonZeroMilliCpu.set(id, numbers.nonZeroMilliCpu);
    classes.nonZeroMemory.set(id, numbers.nonZeroMemory);
    classes.extendedCount.set(id, numbers.extended.length);
    classes.wantsPorts.set(id, numbers.ports.length > 0 ? 1 : 0);
    classes.prefersNodes.set(id, numbers.prefersNodes ? 1 : 0);
    classes.profile.set(id, numbers.profile);
    classes.containerCount.set(id, numbers.containers);
    classes.imageCount.set(id, numbers.images.length);
    for (const [i, image] of numbers.images.entries())
      classImages.image.set(id * this.#capacity.classImages + i, image);
    classes.skipsFit.set(id, numbers.skipsFit ? 1 : 0);
    classes.uncheckedExtended.set(id, numbers.uncheckedExtended);
    this.#putScoredResources(id, numbers.scored);
    this.#putExtendedRequests(id, numbers);
    this.#putClassPorts(id, numbers.ports, numbers.conflictingPorts);
    this.#core.classChanged(id);
    // Set 0 is the slot without a node: refused by every class.
    this.putVerdicts(id, [
      { set: 0, refusals: this.#core.Verdict.absent, intolerableTaints: 0, affinityWeight: 0, mismatches: 0 },
    ]);
  }

  putVerdicts(id: number, all: readonly SetVerdict[]): void {
    const { verdicts } = this.#views;
    for (const verdict of all) {
      const row = id * this.#capacity.attributeSets + verdict.set;
      verdicts.refusals.set(row, verdict.refusals);
      verdicts.intolerableTaints.set(row, verdict.intolerableTaints);
      verdicts.affinityWeight.set(row, verdict.affinityWeight);
      verdicts.mismatches.set(row, verdict.mismatches);
      // Nodes that are given a new set are looked at again after this. Those that have it already would not be.
      if (this.#isInUse(verdict.set)) this.#core.classChanged(id);
    }
  }

  #putExtendedRequests(id: number, { extended, extendedByDevices: byDevices }: ClassNumbers): void {
    const { extendedRequests } = this.#views;
    extended.forEach(({ resource, amount }, i) => {
      const row = id * this.#core.Limit.extendedPerClass + i;
      extendedRequests.resource.set(row, resource);
      extendedRequests.amount.set(row, amount);
      extendedRequests.byDevices.set(row, byDevices.includes(resource) ? 1 : 0);
    });
  }

  #putScoredResources(id: number, scored: ScoredResources | undefined): void {
    const { classes, scoredResources } = this.#views;
    const { fit = [], balanced = [] } = scored ?? {};
    const { ScoredKind } = this.#core;
    classes.scoresByRow.set(id, scored === undefined ? 0 : 1);
    classes.fitResources.set(id, fit.length);
    classes.balancedResources.set(id, balanced.length);
    [...fit, ...balanced].forEach(({ resource, amount, weight }: ScoredResource, i) => {
      const row = id * this.#capacity.scoredResources + i;
      const isExtended = typeof resource === "number";
      scoredResources.kind.set(row, isExtended ? ScoredKind.extended : ScoredKind[resource]);
      scoredResources.resource.set(row, isExtended ? resource : 0);
      scoredResources.amount.set(row, amount);
      scoredResources.weight.set(row, weight);
    });
  }

  #putClassPorts(id: number, wanted: readonly number[], conflicting: readonly number[]): void {
    const words = this.#capacity.portWords;
    for (let word = 0; word < words; word++) {
      this.#views.classPorts.wanted.set(id * words + word, bitsOf(wanted, word));
      this.#views.classPorts.conflicting.set(id * words + word, bitsOf(conflicting, word));
    }
  }
}

/** The bits of one 32-bit word of a set of numbers. */
function bitsOf(numbers: readonly number[], word: number): number {
  let bits = 0;
  for (const number of numbers) if (number >>> 5 === word) bits |= 1 << (number & 31);
  return bits >>> 0;
}
