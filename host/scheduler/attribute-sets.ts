import type { V1Taint } from "../api/generated/types.ts";
import type { NodeFacts } from "./node-facts.ts";

/**
 * Attributes that several nodes share: (labels some selector asks for, taints, unschedulable, declared
 * features that matter to scheduling). Nodes with equal attributes
 * have one set, so selectors and taints are matched once per class and set, never per node.
 */
export interface AttributeSet {
  readonly id: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly V1Taint[];
  readonly unschedulable: boolean;
  readonly features: readonly string[];
  /** A node's name, where some class looks at names; then every node is a set of its own. */
  readonly name: string;
  nodes: number;
}

/** Set 0 is the core's: a slot without a node. */
const FIRST_ID = 1;

/**
 * Interns attribute sets. Ids are reused once no node has the set. Bounded by the number of nodes: no set is without one.
 */
export class AttributeSets {
  readonly #keys = new Set<string>();
  #looksAtName = false;
  readonly #byText = new Map<string, AttributeSet>();
  readonly #byId = new Map<number, AttributeSet>();
  /** The text of each set, by id: its key in #byText. */
  readonly #texts = new Map<number, string>();
  readonly #free: number[] = [];
  #next = FIRST_ID;

  /** One above the highest id ever given out. */
  get limit(): number {
    return this.#next;
  }

  all(): Iterable<AttributeSet> {
    return this.#byId.values();
  }

  /**
   * Notes what a class looks at.
   *
   * @returns whether something new was among it: then every node has to be interned again
   */
  lookAt(labelKeys: readonly string[], name: boolean): boolean {
    const before = this.#keys.size;
    for (const key of labelKeys) this.#keys.add(key);
    const wider = this.#keys.size > before || (name && !this.#looksAtName);
    this.#looksAtName ||= name;
    return wider;
  }

  /** The node's set, counted; `isNew` says that no class has judged it yet. */
  acquire(node: NodeFacts): { readonly set: AttributeSet; readonly isNew: boolean } {
    const labels = Object.fromEntries(
      [...this.#keys].filter((key) => Object.hasOwn(node.labels, key)).map((key) => [key, node.labels[key]!]),
    );
    const name = this.#looksAtName ? node.name : "";
    const text = JSON.stringify([
      name,
      labels,
      node.unschedulable,
      node.features,
      node.taints.map(({ key, value, effect }) => [key, value, effect]),
    ]);
    const known = this.#byText.get(text);
    if (known !== undefined) {
      known.nodes++;
      return { set: known, isNew: false };
    }
    const id = this.#free.pop() ?? this.#next++;
    const { taints, unschedulable, features } = node;
    const set: AttributeSet = { id, labels, taints, unschedulable, features, name, nodes: 1 };
    this.#byText.set(text, set);
    this.#byId.set(id, set);
    this.#texts.set(id, text);
    return { set, isNew: true };
  }

  release(set: AttributeSet): void {
    set.nodes--;
    if (set.nodes > 0) return;
    this.#byText.delete(this.#texts.get(set.id)!);
    this.#texts.delete(set.id);
    this.#byId.delete(set.id);
    this.#free.push(set.id);
  }
}
