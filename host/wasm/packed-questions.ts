import type { DryRun, DryRunNode, DryRunOutcome, NominatedNode, Nominations } from "./scheduler-facts.ts";

/**
 * Questions and answers about many nodes, as numbers in one array: a hundred small objects cost a worker's two ends many times
 * what the dry run itself takes.
 */
export interface PackedNominations extends Omit<Nominations, "nodes"> {
  /** Of each node: slot, how many are nominated, and these. */
  readonly nodes: Int32Array;
}

export interface PackedDryRun extends Omit<DryRun, "nodes"> {
  /** Of each node: slot, how many are nominated, and these; how many are lower, and these; how many of them are protected. */
  readonly nodes: Int32Array;
}

/** Of each node: filter number, detail, and how many victims (REFUSED: none would help), and these. */
export type PackedOutcomes = Uint32Array;

/** In place of a count: the node refuses the class even without all of them. */
const REFUSED = 0xffffffff;

export function packNominations({ nodes, ...rest }: Nominations): PackedNominations {
  const numbers: number[] = [];
  for (const node of nodes) packNode(node, numbers);
  return { ...rest, nodes: Int32Array.from(numbers) };
}

export function unpackNominations({ nodes: numbers, ...rest }: PackedNominations): Nominations {
  const nodes: NominatedNode[] = [];
  const reader = new Reader(numbers);
  while (reader.hasMore) nodes.push({ slot: reader.next(), nominated: reader.list() });
  return { ...rest, nodes };
}

export function packDryRun({ nodes, ...rest }: DryRun): PackedDryRun {
  const numbers: number[] = [];
  for (const node of nodes) {
    packNode(node, numbers);
    numbers.push(node.lower.length);
    for (const shape of node.lower) numbers.push(shape);
    numbers.push(node.protectedPods);
  }
  return { ...rest, nodes: Int32Array.from(numbers) };
}

export function unpackDryRun({ nodes: numbers, ...rest }: PackedDryRun): DryRun {
  const nodes: DryRunNode[] = [];
  const reader = new Reader(numbers);
  while (reader.hasMore)
    nodes.push({
      slot: reader.next(),
      nominated: reader.list(),
      lower: reader.list(),
      protectedPods: reader.next(),
    });
  return { ...rest, nodes };
}

export function packOutcomes(outcomes: readonly DryRunOutcome[]): PackedOutcomes {
  const numbers: number[] = [];
  for (const { victims, rejectedBy, insufficient } of outcomes) {
    numbers.push(rejectedBy, insufficient, victims?.length ?? REFUSED);
    for (const victim of victims ?? []) numbers.push(victim);
  }
  return Uint32Array.from(numbers);
}

export function unpackOutcomes(numbers: PackedOutcomes): DryRunOutcome[] {
  const outcomes: DryRunOutcome[] = [];
  const reader = new Reader(numbers);
  while (reader.hasMore) {
    const [rejectedBy, insufficient, count] = [reader.next(), reader.next(), reader.next()];
    outcomes.push({ rejectedBy, insufficient, victims: count === REFUSED ? undefined : reader.many(count) });
  }
  return outcomes;
}

function packNode({ slot, nominated }: NominatedNode, numbers: number[]): void {
  numbers.push(slot, nominated.length);
  for (const shape of nominated) numbers.push(shape);
}

class Reader {
  readonly #numbers: Int32Array | Uint32Array;
  #at = 0;

  constructor(numbers: Int32Array | Uint32Array) {
    this.#numbers = numbers;
  }

  get hasMore(): boolean {
    return this.#at < this.#numbers.length;
  }

  next(): number {
    return this.#numbers[this.#at++]!;
  }

  /** A count, and as many numbers. */
  list(): number[] {
    return this.many(this.next());
  }

  many(count: number): number[] {
    const found = new Array<number>(count);
    for (let i = 0; i < count; i++) found[i] = this.next();
    return found;
  }
}
