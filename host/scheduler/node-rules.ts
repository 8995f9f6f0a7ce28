import type { CapacityName } from "../wasm/scheduler-facts.ts";
import { EVERY_NODE, NO_NODE } from "../wasm/scheduler-facts.ts";
import type { SchedulerLink } from "../wasm/scheduler-link.ts";
import type { AttributeSet } from "./attribute-sets.ts";
import type { NodeIdentity } from "./node-affinity.ts";

/** A predicate on nodes. Two with the same key are the same. */
export interface NodePredicate {
  readonly key: string;
  readonly matches: (node: NodeIdentity) => boolean;
  /** The label keys it looks at. */
  readonly labelKeys: readonly string[];
  readonly looksAtName: boolean;
}

/** Where something holds: on every node, on none, or where a predicate says so. */
export type Where = "everywhere" | "nowhere" | NodePredicate;

interface Rule {
  readonly id: number;
  readonly predicate: NodePredicate;
  users: number;
}

interface Parts {
  readonly post: SchedulerLink["post"];
  readonly ensure: (dimension: CapacityName, rows: number) => void;
  readonly sets: () => Iterable<AttributeSet>;
  /** Notes that labels (and names) are looked at, so that nodes that differ in them have different sets. */
  readonly lookAt: (labelKeys: readonly string[], name: boolean) => void;
}

/** Row 0 of the core is the rule that holds nowhere. */
const FIRST_ID = 1;

/** Predicates as the core knows them: a number each, and a bit for every attribute set. Alive while somebody needs them. */
export class NodeRules {
  readonly #parts: Parts;
  readonly #rules = new Map<string, Rule>();
  readonly #byId = new Map<number, Rule>();
  readonly #free: number[] = [];
  #next = FIRST_ID;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The number of the rule, for one user more. */
  acquire(where: Where): number {
    if (where === "everywhere") return EVERY_NODE;
    if (where === "nowhere") {
      this.#parts.ensure("rules", FIRST_ID);
      return NO_NODE;
    }
    const rule = this.#rules.get(where.key) ?? this.#add(where);
    rule.users++;
    return rule.id;
  }

  release(id: number): void {
    const rule = this.#byId.get(id);
    if (rule === undefined) return;
    rule.users--;
    if (rule.users > 0) return;
    this.#rules.delete(rule.predicate.key);
    this.#byId.delete(id);
    this.#free.push(id);
  }

  /** Judges attribute sets that are new. */
  judge(sets: readonly AttributeSet[]): void {
    if (this.#next === FIRST_ID) return;
    for (const set of sets) {
      const holding = [...this.#byId.values()].filter(({ predicate }) => predicate.matches(set));
      this.#parts.post(["putSetRules", set.id, holding.map(({ id }) => id), this.#next]);
    }
  }

  #add(predicate: NodePredicate): Rule {
    this.#parts.lookAt(predicate.labelKeys, predicate.looksAtName);
    const id = this.#free.pop() ?? this.#next;
    try {
      this.#parts.ensure("rules", id + 1);
    } catch (error) {
      if (id !== this.#next) this.#free.push(id);
      throw error;
    }
    if (id === this.#next) this.#next++;
    const rule: Rule = { id, predicate, users: 0 };
    this.#rules.set(predicate.key, rule);
    this.#byId.set(id, rule);
    const sets = [...this.#parts.sets()].filter((set) => predicate.matches(set));
    this.#parts.post(["putRule", id, sets.map((set) => set.id)]);
    return rule;
  }
}
