import type { V1Pod } from "../api/generated/types.ts";
import type { CoreNames, Evaluation } from "../wasm/scheduler-facts.ts";
import type { SchedulerLink } from "../wasm/scheduler-link.ts";
import { CapacityError } from "./capacity.ts";
import type { CoreTables, NodeSlots } from "./core-tables.ts";
import type { Placement, Refusal } from "./deciding-scheduler.ts";
import { explainEvaluation, explainUnasked } from "./explanations.ts";
import type { Explanation } from "./library.ts";
import type { PlacedPod, PlacedPods } from "./placed-pods.ts";
import { byImportance, type Candidate } from "./preemption/choose-node.ts";
import type { NominatedPods } from "./preemption/nominated-pods.ts";
import {
  choosePreemption,
  type Preemption,
  type PreemptionFinding,
  type PreemptionSearch,
} from "./preemption/preemption.ts";
import type { AskedPod, PodPreparation } from "./prepared-pods.ts";
import type { NodeRefusal } from "./reasons.ts";
import { RefusedNodes } from "./refused-nodes.ts";
import { type RefusedPods, refusedBefore } from "./refused-pods.ts";

/** What every node says of a pod at one moment. */
export interface Judgement {
  readonly pod: V1Pod;
  /** Nodes that take it, in the order of the cache, with their sums of scores. */
  readonly feasible: readonly { readonly node: string; readonly total: number }[];
  /** The node that it is promised, if that takes it: the others need not be asked. */
  readonly nominated: string | undefined;
  /** Why a node does not take it; undefined for one that does, or is not there. */
  refusalOf(node: string): NodeRefusal | undefined;
}

/** A node where others would make room for a pod: `namespace/name` of each, the most important first. */
export interface VictimOffer {
  readonly node: string;
  readonly victims: readonly string[];
  /** Victims that a budget protects. */
  readonly violations: number;
  /** Everybody there who could be a victim. */
  readonly lower: readonly string[];
}

/** What somebody else makes of the offers. */
export type Consulted =
  | { readonly offers: readonly Omit<VictimOffer, "lower">[] }
  /** Preemption fails with this text. */
  | { readonly failed: string };

/** A decision in steps, for pods in which others have a say. Between the steps the cluster goes on. */
export interface StepwiseScheduler {
  /** What all nodes say; or the whole answer, for a pod about which no node is asked. */
  judge(pod: V1Pod): Promise<Judgement | Refusal>;
  /** Assumes it on that node if it still fits there; undefined: it does not. */
  placeOn(pod: V1Pod, node: string): Promise<Placement | undefined>;
  /**
   * Says why no node takes the pod, and who would have to go.
   *
   * @param others   nodes that others have refused, besides those that refused by themselves
   * @param consult  is asked about victims, if there are any to offer
   */
  refuse(
    judged: Judgement,
    others: ReadonlyMap<string, NodeRefusal>,
    consult: (offers: readonly VictimOffer[]) => Promise<Consulted>,
  ): Promise<Refusal>;
  /** Where the leaving of others would make room, among these nodes. */
  offersOn(pod: V1Pod, nodes: ReadonlySet<string>): Promise<readonly VictimOffer[]>;
}

interface Parts {
  readonly link: SchedulerLink;
  readonly names: CoreNames;
  readonly tables: CoreTables;
  readonly preparation: PodPreparation;
  readonly nominated: NominatedPods;
  readonly pods: PlacedPods;
  readonly preemption: Preemption;
  readonly refused: RefusedPods;
  /** Runs a step when no batch is under way. */
  inTurn<T>(step: () => Promise<T>): Promise<T>;
  placeOn(pod: V1Pod, node: string): Promise<Placement | undefined>;
}

class CoreJudgement implements Judgement {
  readonly feasible;
  readonly nominated: string | undefined;

  constructor(
    readonly one: AskedPod,
    readonly nodes: NodeSlots,
    readonly evaluation: Evaluation,
    private readonly names: CoreNames,
    nominated: number | undefined,
  ) {
    this.feasible = nodes.flatMap(([node, slot]) => {
      const total = evaluation.totals[slot]!;
      return total < 0 ? [] : [{ node, total }];
    });
    const own = nodes.find(([, slot]) => slot === nominated);
    this.nominated = own !== undefined && evaluation.totals[own[1]]! >= 0 ? own[0] : undefined;
  }

  get pod(): V1Pod {
    return this.one.pod;
  }

  refusalOf(node: string): NodeRefusal | undefined {
    this.#refused ??= this.refusedWith(new Map());
    this.#slots ??= new Map(this.nodes);
    const slot = this.#slots.get(node);
    return slot === undefined || this.evaluation.totals[slot]! >= 0 ? undefined : this.#refused.of(slot);
  }
  #refused: RefusedNodes | undefined;
  #slots: ReadonlyMap<string, number> | undefined;

  refusedWith(others: ReadonlyMap<string, NodeRefusal>): RefusedNodes {
    const bySlot = new Map(
      this.nodes.flatMap(([node, slot]) => {
        const refusal = others.get(node);
        return refusal === undefined ? [] : [[slot, refusal] as const];
      }),
    );
    return new RefusedNodes(this.evaluation, this.nodes, this.names, this.one, bySlot);
  }
}

/** Decides about one pod in steps, each in its turn among the batches. Besides, it explains. */
export class StepwiseDecisions implements StepwiseScheduler {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  judge(pod: V1Pod): Promise<Judgement | Refusal> {
    const { tables, preparation, inTurn } = this.#parts;
    return inTurn(async () => {
      tables.holdClasses();
      const prepared = preparation.prepareOrRefuse(pod);
      try {
        const nodes = tables.nodes();
        if (!("classId" in prepared)) return refusedBefore(prepared, nodes);
        const { evaluation, own } = await this.#evaluate(prepared);
        return new CoreJudgement(prepared, nodes, evaluation, this.#parts.names, own);
      } finally {
        preparation.letGo([prepared]);
      }
    });
  }

  placeOn(pod: V1Pod, node: string): Promise<Placement | undefined> {
    return this.#parts.inTurn(() => this.#parts.placeOn(pod, node));
  }

  async refuse(
    judged: Judgement,
    others: ReadonlyMap<string, NodeRefusal>,
    consult: (offers: readonly VictimOffer[]) => Promise<Consulted>,
  ): Promise<Refusal> {
    const { one, nodes } = judged as CoreJudgement;
    const refused = (judged as CoreJudgement).refusedWith(others);
    const conclude = (again: AskedPod, finding: PreemptionFinding | undefined) =>
      this.#parts.refused.conclude(again, nodes, refused, finding);
    const searched = await this.#again(one, async (again) => {
      const search = await this.#search(again, nodes, refused);
      if (search?.kind === "candidates" && search.candidates.length > 0) return search;
      return conclude(again, search?.kind === "candidates" ? choosePreemption(search) : search);
    });
    if (!("kind" in searched)) return searched;
    const consulted = await consult(searched.candidates.map((one) => this.#offer(judged.pod, one)));
    return this.#again(one, async (again) => conclude(again, this.#chosen(consulted)));
  }

  async offersOn(pod: V1Pod, names: ReadonlySet<string>): Promise<readonly VictimOffer[]> {
    const judged = await this.judge(pod);
    if (!("feasible" in judged)) return [];
    const { one, nodes, evaluation } = judged as CoreJudgement;
    const asked = nodes.filter(([name, slot]) => names.has(name) && evaluation.totals[slot]! < 0);
    const refused = (judged as CoreJudgement).refusedWith(new Map());
    const offers = await this.#again(one, async (again) => {
      const search = await this.#parts.preemption.searchAll(again, asked, refused);
      return { offers: search.map((candidate) => this.#offer(pod, candidate)) };
    });
    return "offers" in offers ? offers.offers : [];
  }

  async explain(pod: V1Pod): Promise<Explanation> {
    const { tables, preparation, names, refused } = this.#parts;
    const prepared = preparation.prepare(pod);
    const nodes = tables.nodes();
    if (!("classId" in prepared)) return explainUnasked(prepared, nodes);
    const asking = this.#evaluate(prepared);
    preparation.letGo([prepared]);
    const { evaluation, own } = await asking;
    const explanation = explainEvaluation(prepared, nodes, evaluation, names, own);
    const plan = explanation.chosen === null ? await refused.planFor(prepared, nodes, evaluation) : undefined;
    return plan === undefined ? explanation : { ...explanation, preemption: plan };
  }

  /** Asks at once, and awaits only the answer: what was posted before holds for it. */
  async #evaluate(one: AskedPod): Promise<{ evaluation: Evaluation; own: number | undefined }> {
    const { classId, volumes, key, pod } = one;
    const { link, nominated, tables } = this.#parts;
    if (volumes !== undefined) tables.volumes.postPlan(volumes);
    const priority = pod.spec?.priority ?? 0;
    const question = nominated.concerns(key, priority) ? nominated.questionFor(key, priority) : undefined;
    const evaluation = await (question === undefined
      ? link.evaluate(classId)
      : link.evaluateNominated(classId, question));
    return { evaluation, own: question?.own };
  }

  /** A later step about the same pod: its class is looked up anew, since others may have taken its row meanwhile. */
  #again<T>({ pod }: AskedPod, step: (again: AskedPod) => Promise<T>): Promise<T | Refusal> {
    const { tables, preparation, inTurn } = this.#parts;
    return inTurn(async () => {
      tables.holdClasses();
      const prepared = preparation.prepareOrRefuse(pod);
      try {
        if (!("classId" in prepared)) return refusedBefore(prepared, tables.nodes());
        return await tables.holdingSlots(() => step(prepared));
      } catch (error) {
        if (!(error instanceof CapacityError)) throw error;
        return { pod: prepared.key, node: null, message: error.message, nodes: {}, plugins: [] };
      } finally {
        preparation.letGo([prepared]);
      }
    });
  }

  async #search(
    one: AskedPod,
    nodes: NodeSlots,
    refused: RefusedNodes,
  ): Promise<PreemptionSearch | undefined> {
    if (!one.profile.postFilters.includes("DefaultPreemption")) return undefined;
    return this.#parts.preemption.search(one, nodes, refused);
  }

  #offer(pod: V1Pod, { node, victims, violations }: Candidate<PlacedPod>): VictimOffer {
    const priority = pod.spec?.priority ?? 0;
    const lower = this.#parts.pods.on(node).filter((one) => one.priority < priority);
    return { node, victims: victims.map(({ key }) => key), violations, lower: lower.map(({ key }) => key) };
  }

  #chosen(consulted: Consulted): PreemptionFinding {
    if ("failed" in consulted) return { kind: "failed", why: consulted.failed };
    const candidates = consulted.offers.flatMap(({ node, victims, violations }) => {
      const known = victims.flatMap((key) => this.#parts.pods.find(key) ?? []).sort(byImportance);
      return known.length === 0 ? [] : [{ node, victims: known, violations }];
    });
    return choosePreemption(
      { kind: "candidates", candidates, trials: new Map() },
      "no candidate node for preemption",
    );
  }
}
