import type { Labels } from "../apimachinery/selectors.ts";

/** The value "" is domain 1 of every key, and 0 is a node without the label (assembly/layout/topology.ts). */
const NONE = 0;
const EMPTY = 1;
const FIRST = 2;

/** The domains of one key: values that nodes have. A number is given to another value when no node has its own any more. */
class Domains {
  readonly #byValue = new Map<string, { readonly id: number; nodes: number }>();
  readonly #free: number[] = [];
  #next = FIRST;

  /** The size that one more value may need. */
  get limit(): number {
    return this.#next + 1;
  }

  acquire(value: string | undefined): number {
    if (value === undefined) return NONE;
    if (value === "") return EMPTY;
    const known = this.#byValue.get(value);
    if (known !== undefined) {
      known.nodes++;
      return known.id;
    }
    const id = this.#free.pop() ?? this.#next++;
    this.#byValue.set(value, { id, nodes: 1 });
    return id;
  }

  release(value: string | undefined): void {
    const known = value ? this.#byValue.get(value) : undefined;
    if (known === undefined) return;
    known.nodes--;
    if (known.nodes > 0) return;
    this.#byValue.delete(value!);
    this.#free.push(known.id);
  }
}

/** The node labels that some pod spreads or gathers by. A key that was looked at once is kept; few are. */
export class TopologyKeys {
  readonly #keys: { readonly name: string; readonly domains: Domains }[] = [];
  readonly #ids = new Map<string, number>();

  /** @param ensure  called with the size needed before a key or a domain is given out; may throw */
  constructor(private readonly ensure: (dimension: "topologyKeys" | "domains", size: number) => void) {}

  find(name: string): number | undefined {
    return this.#ids.get(name);
  }

  /** Begins to look at a key; gives the domain of each of the nodes. */
  add(name: string, nodes: readonly Labels[]): { readonly id: number; readonly domains: readonly number[] } {
    this.ensure("topologyKeys", this.#keys.length + 1);
    this.ensure("domains", FIRST + new Set(nodes.map((labels) => labelOf(labels, name))).size);
    const domains = new Domains();
    const id = this.#keys.length;
    this.#ids.set(name, id);
    this.#keys.push({ name, domains });
    return { id, domains: nodes.map((labels) => domains.acquire(labelOf(labels, name))) };
  }

  /** A node's domain by each key, counted. */
  acquire(labels: Labels): number[] {
    for (const { domains } of this.#keys) this.ensure("domains", domains.limit);
    return this.#keys.map(({ name, domains }) => domains.acquire(labelOf(labels, name)));
  }

  release(labels: Labels): void {
    for (const { name, domains } of this.#keys) domains.release(labelOf(labels, name));
  }
}

function labelOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
