import type {
  DryRun,
  DryRunNode,
  DryRunOutcome,
  Evaluation,
  NominatedNode,
  Nominations,
  PlacedBatch,
  Presence,
  Refusals,
} from "./scheduler-facts.ts";
import type { SchedulerExports } from "./scheduler-module.ts";
import { openTable } from "./table-view.ts";

/** What these questions need of the core around them: decisions without regard to nominations. */
interface Decisions {
  schedule(id: number): PlacedBatch;
  evaluate(id: number): Evaluation;
  /** The volumes that claims of the class chose on this node. */
  chosenOn(id: number, slot: number): readonly number[];
}

/** Questions about pods that are not where they are: nominated to a node, or taken off it. */
export class PreemptionQuestions {
  readonly #core: SchedulerExports;
  readonly #decisions: Decisions;
  readonly #views: ReturnType<typeof openViews>;

  constructor(core: SchedulerExports, decisions: Decisions) {
    this.#core = core;
    this.#decisions = decisions;
    this.#views = openViews(core);
  }

  /**
   * Places pods of these classes in order, each assumed before the next, or says why not, where pods are nominated to nodes. One
   * that is nominated itself (`own`) is asked about alone.
   */
  scheduleNominated(classes: readonly number[], nominations: Nominations): PlacedBatch {
    const [only] = classes;
    const { own } = nominations;
    if (own !== undefined && only !== undefined && this.#fits(only, own, nominations)) {
      this.#core.assume(only, own);
      return { slots: Int32Array.of(own), refusals: new Map(), chosen: this.#decisions.chosenOn(only, own) };
    }
    const slots = new Int32Array(classes.length);
    const refusals = new Map<number, Refusals>();
    let chosen: readonly number[] = [];
    for (let first = 0; first < classes.length; ) {
      const id = classes[first]!;
      let end = first + 1;
      if (this.#isOfNodes(id)) while (classes[end] === id) end++;
      const run = this.#placeAlike(id, end - first, nominations);
      slots.set(run.slots, first);
      for (const [i, why] of run.refusals) refusals.set(first + i, why);
      chosen = run.chosen;
      first = end;
    }
    return { slots, refusals, chosen };
  }

  /** Whether what a node says to the class changes with the node alone: then nodes are asked once for many pods. */
  #isOfNodes(id: number): boolean {
    const { termCount, volumeFilters } = this.#views.classes;
    return termCount.get(id) === 0 && volumeFilters.get(id) === 0;
  }

  /** Pods of one class. Of several, each closes the node where it was placed, if the next does not fit there any more. */
  #placeAlike(id: number, count: number, nominations: Nominations): PlacedBatch {
    const nominated = new Map(nominations.nodes.map((node) => [node.slot, node]));
    const slots = new Int32Array(count).fill(-1);
    const refusals = new Map<number, Refusals>();
    let chosen: readonly number[] = [];
    this.#withClosedNodes(id, nominations, (closed) => {
      for (let i = 0; i < count; i++) {
        const placed = this.#decisions.schedule(id);
        const why = placed.refusals.get(0);
        if (why !== undefined) {
          // Nothing is placed any more: the others are refused for the same.
          const corrected = correctRefusals(why, closed);
          for (let rest = i; rest < count; rest++) refusals.set(rest, corrected);
          return;
        }
        const slot = placed.slots[0]!;
        slots[i] = slot;
        chosen = placed.chosen;
        const node = nominated.get(slot);
        if (node !== undefined && i + 1 < count)
          this.#closeIfRefused(node, this.#askNominated(id, node), closed);
      }
    });
    return { slots, refusals, chosen };
  }

  /** As `evaluate`, where pods are nominated to nodes. */
  evaluateNominated(id: number, nominations: Nominations): Evaluation {
    return this.#withClosedNodes(id, nominations, (closed) => {
      const evaluation = this.#decisions.evaluate(id);
      return { ...evaluation, ...correctRefusals(evaluation, closed) };
    });
  }

  /** Asks nodes in turn, until enough candidates are found: at least one that breaks no budget among them. */
  dryRun(id: number, { shapes, nodes, wanted, found }: DryRun): DryRunOutcome[] {
    this.#putShapes(shapes);
    this.#core.prepareTopology(id);
    this.#core.prepareVolumes(id);
    const outcomes: DryRunOutcome[] = [];
    let { whole, breaking } = found;
    for (const node of nodes) {
      if (whole > 0 && Math.min(whole, wanted) + Math.min(breaking, wanted) >= wanted) break;
      const outcome = this.#tryNode(id, node);
      outcomes.push(outcome);
      if (outcome.victims === undefined) continue;
      if (outcome.victims.some((pod) => pod < node.protectedPods)) breaking++;
      else whole++;
    }
    return outcomes;
  }

  /** Whether the class fits on the node that is promised to it, beside others that are nominated there. */
  #fits(id: number, own: number, { shapes, nodes }: Nominations): boolean {
    const others = nodes.find(({ slot }) => slot === own) ?? { slot: own, nominated: [] };
    const [outcome] = this.#judge(id, shapes, [others]);
    return outcome!.rejectedBy === this.#core.Filter.none;
  }

  /**
   * Closes the nodes that refuse the class with the pods nominated to them, or without, for one decision. A closed node has
   * less than no room for pods: nobody is placed there, but its pods and labels still count for others' sums and scores.
   */
  #withClosedNodes<T>(id: number, { shapes, nodes }: Nominations, decide: (closed: ClosedNode[]) => T): T {
    const outcomes = this.#judge(id, shapes, nodes);
    const closed: ClosedNode[] = [];
    nodes.forEach((node, i) => {
      this.#closeIfRefused(node, outcomes[i]!, closed);
    });
    try {
      return decide(closed);
    } finally {
      for (const { slot } of closed) this.#invertRoom(slot);
    }
  }

  #closeIfRefused({ slot }: NominatedNode, outcome: DryRunOutcome, closed: ClosedNode[]): void {
    const { rejectedBy, insufficient } = outcome;
    if (rejectedBy === this.#core.Filter.none) return;
    closed.push({ slot, rejectedBy, insufficient });
    this.#invertRoom(slot);
  }

  /** Closes a node, or opens it again. */
  #invertRoom(slot: number): void {
    const { allocatablePods } = this.#views.nodes;
    allocatablePods.set(slot, ~allocatablePods.get(slot));
    this.#core.touch(slot);
  }

  #judge(id: number, shapes: readonly Presence[], nodes: readonly NominatedNode[]): DryRunOutcome[] {
    this.#putShapes(shapes);
    this.#core.prepareTopology(id);
    this.#core.prepareVolumes(id);
    return nodes.map((node) => this.#askNominated(id, node));
  }

  /** Asks one node, with the pods nominated to it and without. The shapes have to be there. */
  #askNominated(id: number, { slot, nominated }: NominatedNode): DryRunOutcome {
    const { shape } = this.#views.triedPods;
    for (let i = 0; i < nominated.length; i++) shape.set(i, nominated[i]!);
    this.#core.judgeNominated(id, slot, nominated.length);
    return this.#outcome(slot, undefined);
  }

  #tryNode(id: number, { slot, lower, nominated }: DryRunNode): DryRunOutcome {
    const { triedPods } = this.#views;
    lower.forEach((shape, i) => {
      triedPods.shape.set(i, shape);
    });
    nominated.forEach((shape, i) => {
      triedPods.shape.set(lower.length + i, shape);
    });
    const refusal = this.#core.dryRun(id, slot, lower.length, nominated.length);
    if (refusal !== this.#core.Filter.none) return this.#outcome(slot, undefined);
    const victims: number[] = [];
    for (let i = 0; i < lower.length; i++) if (triedPods.isVictim.get(i) !== 0) victims.push(i);
    return this.#outcome(slot, victims);
  }

  #outcome(slot: number, victims: readonly number[] | undefined): DryRunOutcome {
    const { evaluations } = this.#views;
    return victims === undefined
      ? {
          victims,
          rejectedBy: evaluations.rejectedBy.get(slot),
          insufficient: evaluations.insufficient.get(slot),
        }
      : { victims, rejectedBy: 0, insufficient: 0 };
  }

  #putShapes(shapes: readonly Presence[]): void {
    const { shapes: rows, shapeParts } = this.#views;
    const { ShapePart } = this.#core;
    let part = 0;
    const add = (kind: number, id: number, amount: number) => {
      shapeParts.kind.set(part, kind);
      shapeParts.id.set(part, id);
      shapeParts.amount.set(part, amount);
      part++;
    };
    shapes.forEach(({ usage, tracks, volumes }, row) => {
      rows.requestMilliCpu.set(row, usage.requestMilliCpu);
      rows.requestMemory.set(row, usage.requestMemory);
      rows.requestEphemeral.set(row, usage.requestEphemeral);
      rows.nonZeroMilliCpu.set(row, usage.nonZeroMilliCpu);
      rows.nonZeroMemory.set(row, usage.nonZeroMemory);
      rows.firstPart.set(row, part);
      for (const { resource, amount } of usage.extended) add(ShapePart.extended, resource, amount);
      for (const port of usage.ports) add(ShapePart.port, port, 0);
      for (const track of tracks) add(ShapePart.track, track, 0);
      for (const volume of volumes) add(ShapePart.volume, volume, 0);
      rows.partCount.set(row, part - rows.firstPart.get(row));
    });
  }
}

/** A node that is not to take the pod of one decision, and what is said of it. */
interface ClosedNode {
  readonly slot: number;
  readonly rejectedBy: number;
  readonly insufficient: number;
}

/** A closed node is refused for what it said with its nominated pods, not for being closed. */
function correctRefusals(why: Refusals, closed: readonly ClosedNode[]): Refusals {
  const rejectedBy = why.rejectedBy.slice();
  const insufficient = why.insufficient.slice();
  for (const node of closed) {
    rejectedBy[node.slot] = node.rejectedBy;
    insufficient[node.slot] = node.insufficient;
  }
  return { rejectedBy, insufficient };
}

/** What a presence takes besides amounts. */
export function partsOf({ usage, tracks, volumes }: Presence): number {
  return usage.extended.length + usage.ports.length + tracks.length + volumes.length;
}

function openViews(core: SchedulerExports) {
  const { memory, Table } = core;
  const at = (table: number) => core.tableAddress(table) >>> 0;
  return {
    nodes: openTable(memory, core.NodeField, at(Table.nodes)),
    classes: openTable(memory, core.ClassField, at(Table.classes)),
    shapes: openTable(memory, core.ShapeField, at(Table.shapes)),
    shapeParts: openTable(memory, core.ShapePartField, at(Table.shapeParts)),
    triedPods: openTable(memory, core.TriedPodField, at(Table.triedPods)),
    evaluations: openTable(memory, core.EvaluationField, at(Table.evaluations)),
  };
}
