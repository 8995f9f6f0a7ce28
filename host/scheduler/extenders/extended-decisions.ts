import type { V1Pod } from "../../api/generated/types.ts";
import type { Logger } from "../../apimachinery/log.ts";
import { objectKey } from "../../apimachinery/object.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { FullDecision } from "../deciding-scheduler.ts";
import type { NodeRefusal } from "../reasons.ts";
import type { Consulted, Judgement, StepwiseScheduler, VictimOffer } from "../stepwise-decisions.ts";
import type { HttpExtender } from "./http-extender.ts";

/** A score of 0 to 10 counts as one of 0 to 100. */
const SCORE_SCALE = 10;
/** How often a pod is judged anew whose node was taken while extenders were asked. */
const MAX_TRIES = 3;
/** What a queue calls extenders: any event may help a pod that they refused. */
const PLUGIN = "Extender";

/**
 * Decides about pods that extenders have a say in, each by itself: the core judges all nodes, extenders are asked one after
 * the other, and the core places the pod where they leave it, if it still fits there.
 *
 *   judge ──► filter … ──► prioritize (all at once) ──► placeOn ──► placed
 *     ▲           │ none left                              │ taken meanwhile
 *     │           └──► victims? ──► preempt … ──► refused  │
 *     └────────────────────────────────────────────────────┘
 *
 * While an extender is asked, others are decided about. Source: scheduling sheet 7.6.
 */
export class ExtendedDecisions {
  readonly #extenders: readonly HttpExtender[];
  readonly #random: Random | undefined;
  readonly #log: Logger;

  /** @param random  draws among nodes that are alike; without it, the first */
  constructor(extenders: readonly HttpExtender[], random: Random | undefined, log: Logger) {
    this.#extenders = extenders;
    this.#random = random;
    this.#log = log;
  }

  /** Those that have a say in where the pod goes. */
  interestedIn(pod: V1Pod): readonly HttpExtender[] {
    return this.#extenders.filter((one) => {
      const { filterVerb, prioritizeVerb, preemptVerb } = one.configuration;
      return (filterVerb || prioritizeVerb || preemptVerb) && one.isInterested(pod);
    });
  }

  /** The one that binds the pod, if any does. */
  binderOf(pod: V1Pod): HttpExtender | undefined {
    return this.#extenders.find((one) => one.configuration.bindVerb !== "" && one.isInterested(pod));
  }

  close(): void {
    for (const one of this.#extenders) one.close();
  }

  async decide(core: StepwiseScheduler, pod: V1Pod): Promise<FullDecision> {
    const asked = this.interestedIn(pod);
    for (let tries = 1; ; tries++) {
      const judged = await core.judge(pod);
      if (!("feasible" in judged)) return judged;
      const refused = new Map<string, NodeRefusal>();
      let node: string | undefined;
      try {
        node = await this.#choose(asked, judged, refused);
      } catch (error) {
        return somethingWrong(pod, messageOf(error));
      }
      if (node === undefined)
        return core.refuse(judged, refused, (offers) => this.#consult(asked, pod, offers));
      const placed = await core.placeOn(pod, node);
      if (placed !== undefined) return placed;
      if (tries === MAX_TRIES)
        return somethingWrong(pod, `node "${node}" was taken while extenders were asked`);
    }
  }

  /** @param refused  is filled with the nodes that extenders refuse. @returns undefined: none is left */
  async #choose(
    asked: readonly HttpExtender[],
    judged: Judgement,
    refused: Map<string, NodeRefusal>,
  ): Promise<string | undefined> {
    const { pod, nominated, feasible } = judged;
    if (nominated !== undefined) {
      // What goes wrong here is said, and then all nodes are asked, as in kube-scheduler.
      const [own] = await this.#filter(asked, pod, [nominated], refused).catch((error: unknown) => {
        this.#log.warn("the nominated node was not tried", { pod: objectKey(pod), error: messageOf(error) });
        return [];
      });
      if (own !== undefined) return own;
    }
    const nodes = feasible.map(({ node }) => node);
    const left = await this.#filter(asked, pod, nodes, refused);
    if (left.length <= 1) return left[0];
    const totals = new Map(feasible.map(({ node, total }) => [node, total]));
    return this.#best(await this.#scores(asked, pod, left), left, totals);
  }

  /** One after the other, each among those that are left. */
  async #filter(
    asked: readonly HttpExtender[],
    pod: V1Pod,
    nodes: readonly string[],
    refused: Map<string, NodeRefusal>,
  ): Promise<readonly string[]> {
    let left = nodes;
    for (const extender of asked) {
      if (left.length === 0) break;
      if (extender.configuration.filterVerb === "") continue;
      try {
        const { nodes: kept, failed, unresolvable } = await extender.filter(pod, left);
        const stays = new Set(kept);
        for (const node of left) {
          if (stays.has(node)) continue;
          const why = unresolvable.get(node) ?? failed.get(node);
          const resolvable = !unresolvable.has(node) && failed.has(node);
          refused.set(node, { rejectedBy: PLUGIN, reasons: why === undefined ? [] : [why], resolvable });
        }
        left = kept;
      } catch (error) {
        if (!extender.configuration.ignorable) throw error;
        this.#ignored(extender, pod, error);
      }
    }
    return left;
  }

  /** What extenders add; one that fails adds nothing. Nodes that none has scored are not in it. */
  async #scores(
    asked: readonly HttpExtender[],
    pod: V1Pod,
    nodes: readonly string[],
  ): Promise<ReadonlyMap<string, number>> {
    const sums = new Map<string, number>();
    const scorers = asked.filter(({ configuration }) => configuration.prioritizeVerb !== "");
    await Promise.all(
      scorers.map(async (extender) => {
        try {
          for (const [node, score] of await extender.prioritize(pod, nodes))
            sums.set(node, (sums.get(node) ?? 0) + score * extender.configuration.weight * SCORE_SCALE);
        } catch (error) {
          this.#ignored(extender, pod, error);
        }
      }),
    );
    return sums;
  }

  /** Among the best, those that an extender has scored come first, and one of them is drawn. */
  #best(
    added: ReadonlyMap<string, number>,
    nodes: readonly string[],
    totals: ReadonlyMap<string, number>,
  ): string {
    const sumOf = (node: string) => totals.get(node)! + (added.get(node) ?? 0);
    const most = nodes.reduce((best, node) => Math.max(best, sumOf(node)), Number.NEGATIVE_INFINITY);
    const alike = nodes.filter((node) => sumOf(node) === most);
    const scored = alike.filter((node) => added.has(node));
    const drawn = scored.length > 0 ? scored : alike;
    return drawn[this.#random?.below(drawn.length) ?? 0]!;
  }

  /** What each extender that knows of preemption leaves of the offers. */
  async #consult(
    asked: readonly HttpExtender[],
    pod: V1Pod,
    offers: readonly VictimOffer[],
  ): Promise<Consulted> {
    let left = offers;
    for (const extender of asked) {
      const { preemptVerb, ignorable } = extender.configuration;
      if (preemptVerb === "") continue;
      try {
        const answered = await extender.preempt(pod, left);
        const empty = answered.find(({ victims }) => victims.length === 0);
        if (empty !== undefined && !ignorable)
          return { failed: `expected at least one victim pod on node "${empty.node}"` };
        left = answered.filter(({ victims }) => victims.length > 0);
      } catch (error) {
        if (!ignorable) return { failed: messageOf(error) };
        this.#ignored(extender, pod, error);
      }
      if (left.length === 0) break;
    }
    return { offers: left };
  }

  #ignored({ configuration }: HttpExtender, pod: V1Pod, error: unknown): void {
    const extender = configuration.urlPrefix;
    this.#log.warn("an extender was ignored", { extender, pod: objectKey(pod), error: messageOf(error) });
  }
}

function somethingWrong(pod: V1Pod, message: string): FullDecision {
  return { pod: objectKey(pod), node: null, message, nodes: {}, plugins: [] };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
