import type { CoreNames, Refusals } from "../wasm/scheduler-facts.ts";
import type { NodeSlots } from "./core-tables.ts";
import type { AskedPod } from "./prepared-pods.ts";
import { describeRefusal, type NodeRefusal } from "./reasons.ts";

/** Every node's refusal of a class, in words. Nodes that say the same share one refusal, so a thousand cost little more than one. */
export class RefusedNodes {
  readonly #why: Refusals;
  readonly #nodes: NodeSlots;
  readonly #names: CoreNames;
  readonly #pod: AskedPod;
  readonly #others: ReadonlyMap<number, NodeRefusal>;
  /** By the filter, and then by what it said of resources. */
  readonly #refusals: (Map<number, NodeRefusal> | undefined)[] = [];
  /** Of the slot that was asked about last: neighbours mostly say the same. */
  #last:
    | { readonly rejectedBy: number; readonly insufficient: number; readonly refusal: NodeRefusal }
    | undefined;
  #counts: ReadonlyMap<NodeRefusal, number> | undefined;
  #reasons: Readonly<Record<string, string[]>> | undefined;

  /** @param others  refusals by slot that are not the core's: of extenders */
  constructor(
    why: Refusals,
    nodes: NodeSlots,
    names: CoreNames,
    pod: AskedPod,
    others: ReadonlyMap<number, NodeRefusal> = new Map(),
  ) {
    this.#why = why;
    this.#nodes = nodes;
    this.#names = names;
    this.#pod = pod;
    this.#others = others;
  }

  of(slot: number): NodeRefusal {
    const other = this.#others.get(slot);
    if (other !== undefined) return other;
    const rejectedBy = this.#why.rejectedBy[slot]!;
    const insufficient = this.#why.insufficient[slot]!;
    if (this.#last?.rejectedBy === rejectedBy && this.#last.insufficient === insufficient)
      return this.#last.refusal;
    const alike = this.#refusals[rejectedBy] ?? new Map<number, NodeRefusal>();
    this.#refusals[rejectedBy] = alike;
    const refusal = alike.get(insufficient) ?? describeRefusal(this.#why, slot, this.#names, this.#pod)!;
    alike.set(insufficient, refusal);
    this.#last = { rejectedBy, insufficient, refusal };
    return refusal;
  }

  /** Refusal -> how many nodes give it. */
  get counts(): ReadonlyMap<NodeRefusal, number> {
    if (this.#counts === undefined) {
      const counts = new Map<NodeRefusal, number>();
      for (const [, slot] of this.#nodes) {
        const refusal = this.of(slot);
        counts.set(refusal, (counts.get(refusal) ?? 0) + 1);
      }
      this.#counts = counts;
    }
    return this.#counts;
  }

  /** The plugins that refused, sorted by name. */
  get plugins(): string[] {
    return [...new Set([...this.counts.keys()].map(({ rejectedBy }) => rejectedBy))].sort();
  }

  /** node -> reasons */
  get reasons(): Readonly<Record<string, string[]>> {
    this.#reasons ??= Object.fromEntries(
      this.#nodes.map(([name, slot]) => [name, [...this.of(slot).reasons]]),
    );
    return this.#reasons;
  }

  /** Nodes refused by this filter of the core. */
  refusedBy(filter: CoreNames["filters"][number]): string[] {
    return this.#nodes
      .filter(([, slot]) => this.#names.filters[this.#why.rejectedBy[slot]!] === filter)
      .map(([name]) => name);
  }
}
