import type { DryRunNode } from "../../wasm/scheduler-facts.ts";
import type { CoreTables } from "../core-tables.ts";
import type { PlacedPod, PlacedPods } from "../placed-pods.ts";
import type { Budgets } from "./budgets.ts";
import type { NominatedPods } from "./nominated-pods.ts";
import { hasKnownShape, type ShapedPod, type Shapes } from "./shapes.ts";

/** A node whose pods of lower priority may make room. */
export interface Potential {
  readonly node: string;
  /** In the order in which they are let back: those that a budget protects first. */
  readonly lower: readonly PlacedPod[];
  readonly asked: DryRunNode;
  /** What it was made of, and holds as long as. */
  readonly shapes: Shapes;
  readonly budgets: number;
  readonly departures: number;
  readonly withVolumes: boolean;
}

interface Parts {
  readonly tables: CoreTables;
  readonly pods: PlacedPods;
  readonly nominated: NominatedPods;
  readonly budgets: Budgets;
}

/**
 * What nodes are asked in the dry runs of one preemptor. A preemptor asks a hundred nodes, of which the one before it changed
 * one: the others are asked what they were asked before.
 */
export class Potentials {
  readonly #parts: Parts;
  readonly #shapes: Shapes;

  constructor(parts: Parts, shapes: Shapes) {
    this.#parts = parts;
    this.#shapes = shapes;
  }

  /** @returns undefined: nobody on the node is less important, or the node has gone */
  of(key: string, priority: number, node: string, slot: number): Potential | undefined {
    const { pods, nominated, budgets, tables } = this.#parts;
    if (tables.slotOf(node) !== slot) return undefined;
    const lesser = pods.lesserOn(node, priority);
    if (lesser === undefined || lesser.pods.length === 0) return undefined;
    const beside = nominated.beside(node, key, priority);
    if (beside.length === 0 && lesser.asked !== undefined && this.#holds(lesser.asked, slot))
      return lesser.asked;
    const numberOf = (pod: ShapedPod) => this.#shapes.numberOf(pod);
    const guarded = budgets.protectedAmong(lesser.pods);
    const lower = [...guarded, ...lesser.pods.filter((pod) => !guarded.has(pod))];
    lesser.asked = {
      node,
      lower,
      asked: {
        slot,
        lower: lower.map(numberOf),
        protectedPods: guarded.size,
        nominated: beside.map(numberOf),
      },
      shapes: this.#shapes,
      budgets: budgets.version,
      departures: tables.topology.departures,
      withVolumes: lower.some(({ holdings }) => holdings.length > 0),
    };
    return lesser.asked;
  }

  /** Whether a node without nominated pods is to be asked what it was asked before. */
  #holds({ shapes, budgets, departures, withVolumes, lower, asked }: Potential, slot: number): boolean {
    return (
      shapes === this.#shapes &&
      asked.slot === slot &&
      asked.nominated.length === 0 &&
      budgets === this.#parts.budgets.version &&
      departures === this.#parts.tables.topology.departures &&
      (!withVolumes || lower.every(hasKnownShape))
    );
  }
}
