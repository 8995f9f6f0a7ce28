import type { Random } from "../../apimachinery/random.ts";
import type { CoreNames, DryRunOutcome } from "../../wasm/scheduler-facts.ts";
import type { SchedulerLink } from "../../wasm/scheduler-link.ts";
import type { CoreTables, NodeSlots } from "../core-tables.ts";
import type { PlacedPod, PlacedPods } from "../placed-pods.ts";
import type { AskedPod } from "../prepared-pods.ts";
import { describeRefusal, NEVER, NO_VICTIMS, NOT_HELPFUL, SEPARATOR } from "../reasons.ts";
import type { RefusedNodes } from "../refused-nodes.ts";
import type { Budgets } from "./budgets.ts";
import { byImportance, type Candidate, chooseNode } from "./choose-node.ts";
import type { NominatedPods } from "./nominated-pods.ts";
import { type Potential, Potentials } from "./potential.ts";
import { Shapes } from "./shapes.ts";

/** What DefaultPreemption finds: a node and who has to leave it; or, of each node, why not; or that the pod may not ask. */
export type PreemptionFinding =
  | { readonly kind: "candidate"; readonly node: string; readonly victims: readonly PlacedPod[] }
  /** Reasons, joined by SEPARATOR -> nodes that give them. */
  | { readonly kind: "none"; readonly trials: ReadonlyMap<string, number> }
  | { readonly kind: "ineligible"; readonly why: string }
  /** Somebody who was asked about it does not answer. */
  | { readonly kind: "failed"; readonly why: string };

/** The same before the best of the candidates is chosen. */
export type PreemptionSearch =
  | Extract<PreemptionFinding, { kind: "none" | "ineligible" }>
  | {
      readonly kind: "candidates";
      readonly candidates: readonly Candidate<PlacedPod>[];
      readonly trials: ReadonlyMap<string, number>;
    };

const TERMINATING = "not eligible due to a terminating pod on the nominated node.";

/** Shapes that are kept from one question to the next: each is told to the core with every question. */
const MAX_SHAPES = 256;
const MAX_PARTS = 1_024;

interface Parts {
  readonly link: SchedulerLink;
  readonly names: CoreNames;
  readonly tables: CoreTables;
  readonly pods: PlacedPods;
  readonly nominated: NominatedPods;
  readonly budgets: Budgets;
  /** Draws where the search begins; undefined: at the first node. */
  readonly random: Random | undefined;
}

/** Who would have to go so that a pod finds a node. Source: kube-scheduler DefaultPreemption. */
export class Preemption {
  readonly #parts: Parts;
  /** Of all questions, until there are too many: most pods are like those of the last question. */
  #shapes = new Shapes();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** @param refused  every node's refusal of this pod */
  async find(one: AskedPod, nodes: NodeSlots, refused: RefusedNodes): Promise<PreemptionFinding> {
    const search = await this.search(one, nodes, refused);
    return search.kind === "candidates" ? choosePreemption(search) : search;
  }

  /** Every candidate among these nodes, however many there are. */
  async searchAll(one: AskedPod, nodes: NodeSlots, refused: RefusedNodes): Promise<Candidate<PlacedPod>[]> {
    const helpful = nodes.filter(([, slot]) => refused.of(slot).resolvable);
    if (helpful.length === 0) return [];
    const priority = one.pod.spec?.priority ?? 0;
    return this.#search(one, priority, { helpful, wanted: helpful.length }, new Map());
  }

  async search(one: AskedPod, nodes: NodeSlots, refused: RefusedNodes): Promise<PreemptionSearch> {
    const priority = one.pod.spec?.priority ?? 0;
    if (one.pod.spec?.preemptionPolicy === "Never") return { kind: "ineligible", why: NEVER };
    if (this.#waitsForVictims(one.key, priority, refused)) return { kind: "ineligible", why: TERMINATING };
    const helpful = nodes.filter(([, slot]) => refused.of(slot).resolvable);
    const trials = new Map<string, number>();
    if (nodes.length > helpful.length) trials.set(NOT_HELPFUL, nodes.length - helpful.length);
    if (helpful.length === 0) return { kind: "none", trials };
    const { minCandidateNodesPercentage, minCandidateNodesAbsolute } = one.profile.args.DefaultPreemption;
    const share = Math.floor((helpful.length * minCandidateNodesPercentage) / 100);
    const wanted = Math.min(Math.max(share, minCandidateNodesAbsolute), helpful.length);
    const candidates = await this.#search(one, priority, { helpful, wanted }, trials);
    return { kind: "candidates", candidates, trials };
  }

  /** Pods of lower priority are on their way out of the pod's node, for its sake: no others have to go. */
  #waitsForVictims(key: string, priority: number, refused: RefusedNodes): boolean {
    const { nominated, tables, pods } = this.#parts;
    const node = nominated.find(key)?.node;
    const slot = node === undefined ? undefined : tables.slotOf(node);
    if (node === undefined || slot === undefined || !refused.of(slot).resolvable) return false;
    return pods.on(node).some((pod) => pod.priority < priority && pod.isPreempted);
  }

  /** Asks nodes, a part at a time, until there are candidates enough. What the others say is added to `trials`. */
  async #search(
    one: AskedPod,
    priority: number,
    { helpful, wanted }: { readonly helpful: NodeSlots; readonly wanted: number },
    trials: Map<string, number>,
  ): Promise<Candidate<PlacedPod>[]> {
    const offset = this.#parts.random?.below(helpful.length) ?? 0;
    const whole: Candidate<PlacedPod>[] = [];
    const breaking: Candidate<PlacedPod>[] = [];
    const count = (trial: string) => trials.set(trial, (trials.get(trial) ?? 0) + 1);
    const anyLower = this.#parts.pods.anyBelow(priority);
    if (this.#shapes.list.length > MAX_SHAPES || this.#shapes.parts > MAX_PARTS) this.#shapes = new Shapes();
    const shapes = this.#shapes;
    const potentials = new Potentials(this.#parts, shapes);
    for (let next = 0; next < helpful.length; ) {
      const part: Potential[] = [];
      for (; next < helpful.length && part.length < wanted; next++) {
        const [node, slot] = helpful[(offset + next) % helpful.length]!;
        const potential = anyLower ? potentials.of(one.key, priority, node, slot) : undefined;
        if (potential === undefined) count(NO_VICTIMS);
        else part.push(potential);
      }
      const found = { whole: whole.length, breaking: breaking.length };
      const outcomes = await this.#ask(one, { part, shapes, wanted, found });
      outcomes.forEach((outcome, i) => {
        const candidate = candidateOf(part[i]!, outcome);
        if (candidate === undefined) count(this.#inWords(outcome, one));
        else {
          const list = candidate.violations > 0 ? breaking : whole;
          if (list.length < wanted) list.push(candidate);
        }
      });
      if (whole.length > 0 && whole.length + breaking.length >= wanted) break;
    }
    return [...whole, ...breaking];
  }

  #ask(
    one: AskedPod,
    {
      part,
      shapes,
      wanted,
      found,
    }: Readonly<{
      part: readonly Potential[];
      shapes: Shapes;
      wanted: number;
      found: { whole: number; breaking: number };
    }>,
  ): Promise<DryRunOutcome[]> | DryRunOutcome[] {
    if (part.length === 0) return [];
    const { link, tables } = this.#parts;
    let most = 0;
    // Not Math.max of all: a tenth of a million nodes is nearly more arguments than a call may have.
    for (const { asked } of part) most = Math.max(most, asked.lower.length + asked.nominated.length);
    tables.ensureDryRun(shapes, most);
    if (one.volumes !== undefined) tables.volumes.postPlan(one.volumes);
    const nodes = part.map(({ asked }) => asked);
    return link.dryRun(one.classId, { shapes: shapes.list, nodes, wanted, found });
  }

  #inWords({ rejectedBy, insufficient }: DryRunOutcome, one: AskedPod): string {
    const why = { rejectedBy: Uint8Array.of(rejectedBy), insufficient: Uint32Array.of(insufficient) };
    return describeRefusal(why, 0, this.#parts.names, one)!.reasons.join(SEPARATOR);
  }
}

/** @param nobody  what is said when no candidate is left, instead of what the nodes say */
export function choosePreemption(
  { candidates, trials }: Extract<PreemptionSearch, { kind: "candidates" }>,
  nobody?: string,
): PreemptionFinding {
  const chosen = chooseNode(candidates);
  if (chosen !== undefined) return { kind: "candidate", ...chosen };
  return nobody === undefined ? { kind: "none", trials } : { kind: "ineligible", why: nobody };
}

function candidateOf(
  { node, lower, asked }: Potential,
  outcome: DryRunOutcome,
): Candidate<PlacedPod> | undefined {
  if (outcome.victims === undefined) return undefined;
  const victims = outcome.victims.map((pod) => lower[pod]!);
  if (asked.protectedPods === 0) return { node, victims, violations: 0 };
  const violations = outcome.victims.filter((pod) => pod < asked.protectedPods).length;
  return { node, victims: victims.sort(byImportance), violations };
}
