import { isDeepStrictEqual } from "node:util";
import type { V1Node, V1Pod } from "../../host/api/generated/types.ts";
import type { KubernetesObject } from "../../host/apimachinery/object.ts";
import type { DecidingScheduler, Refusal } from "../../host/scheduler/deciding-scheduler.ts";
import {
  createDecidingScheduler,
  type Explanation,
  type SchedulerOptions,
} from "../../host/scheduler/library.ts";
import type { Candidate } from "./model/preemption.ts";
import type { SchedulerConfig } from "./model/profile.ts";
import { ReferenceScheduler } from "./model/scheduler.ts";

/** One thing that happens to both schedulers. A bound pod and an object are named by themselves. */
export type Step =
  | { readonly node: V1Node }
  | { readonly removeNode: string }
  | { readonly object: KubernetesObject }
  | { readonly removeObject: KubernetesObject }
  | { readonly bound: V1Pod }
  | { readonly removePod: V1Pod }
  | { readonly nominate: V1Pod; readonly on: string }
  | { readonly place: V1Pod };

/** Everything that a disagreement needs to be seen again. */
export interface Case {
  readonly config?: SchedulerConfig;
  readonly steps: readonly Step[];
}

/** What differed first. */
export interface Disagreement {
  readonly pod: string;
  readonly what: "node" | "choice" | "message" | "placement" | "preemption" | "error";
  readonly expected: unknown;
  readonly actual: unknown;
}

/** The core and the reference model side by side: what is done to one is done to the other. */
export class Session {
  readonly model: ReferenceScheduler;
  readonly #core: DecidingScheduler;
  readonly #randomTies: boolean;

  private constructor(core: DecidingScheduler, config: SchedulerConfig | undefined, randomTies: boolean) {
    this.#core = core;
    this.#randomTies = randomTies;
    this.model = new ReferenceScheduler(config);
  }

  static async open(config: SchedulerConfig | undefined, options: SchedulerOptions): Promise<Session> {
    const all = { thread: "caller" as const, ...options, ...(config ? { config } : {}) };
    return new Session(await createDecidingScheduler(all), config, options.ties === "random");
  }

  close(): Promise<void> {
    return this.#core.close();
  }

  async play(step: Step): Promise<Disagreement | undefined> {
    if ("place" in step) {
      const expected = this.model.explain(step.place);
      return (await this.#explain(step.place, expected)) ?? (await this.#place(step.place, expected));
    }
    if ("node" in step) {
      this.#core.addNode(step.node);
      this.model.putNode(step.node);
    } else if ("removeNode" in step) {
      this.#core.removeNode(step.removeNode);
      this.model.removeNode(step.removeNode);
    } else if ("object" in step) {
      this.#core.addObject(step.object);
      this.model.putObject(step.object);
    } else if ("removeObject" in step) {
      this.#core.removeObject(step.removeObject);
      this.model.removeObject(step.removeObject);
    } else if ("bound" in step) {
      this.#core.addPod(step.bound);
      this.model.addPod(step.bound);
    } else if ("nominate" in step) {
      this.#core.nominate(step.nominate, step.on);
      this.model.nominate(step.nominate, step.on);
    } else {
      const { namespace, name } = step.removePod.metadata!;
      this.#core.removePod(namespace!, name!);
      this.model.removePod(step.removePod);
    }
    return undefined;
  }

  /** Every node's refusal or scores, and the choice. */
  async #explain(pod: V1Pod, expected: Explanation): Promise<Disagreement | undefined> {
    const actual = await this.#core.explain(pod);
    for (let i = 0; i < Math.max(expected.nodes.length, actual.nodes.length); i++)
      if (!isDeepStrictEqual(plain(expected.nodes[i]), plain(actual.nodes[i])))
        return disagree(pod, "node", plain(expected.nodes[i]), plain(actual.nodes[i]));
    return expected.chosen === actual.chosen
      ? undefined
      : disagree(pod, "choice", expected.chosen, actual.chosen);
  }

  /** Where the pod goes, or the whole message. */
  async #place(pod: V1Pod, expected: Explanation): Promise<Disagreement | undefined> {
    const [decision] = await this.#core.decide([pod]);
    if (decision!.node === null) return this.#compareRefusals(pod, decision as Refusal);
    const best = Math.max(...expected.nodes.map((node) => node.total ?? -1));
    const chosen = expected.nodes.find((node) => node.node === decision!.node);
    // The node that the pod is nominated to is taken whatever its score.
    const isDrawn = this.#randomTies && this.model.nominationOf(pod) !== expected.chosen;
    const right = isDrawn ? chosen?.total === best : decision!.node === expected.chosen;
    if (!right) return disagree(pod, "placement", expected.chosen, decision!.node);
    this.model.assume(pod, this.model.node(decision!.node));
    return undefined;
  }

  /** The whole message, and whom preemption would take away for which node. */
  #compareRefusals(pod: V1Pod, refusal: Refusal): Disagreement | undefined {
    const expected = this.model.refuse(pod);
    if (expected.message !== refusal.message)
      return disagree(pod, "message", expected.message, refusal.message);
    const { preemption, nominated } = refusal;
    // With random ties the search begins anywhere: another node will do, with the victims that it has.
    const chosen =
      this.#randomTies && preemption !== undefined
        ? this.model.candidateOn(pod, preemption.node, expected.chosen)
        : expected.chosen;
    if (!isDeepStrictEqual(planOf(chosen), preemption))
      return disagree(pod, "preemption", planOf(chosen), preemption);
    const node = chosen === undefined ? expected.nominated : chosen.node;
    if (node !== nominated) return disagree(pod, "preemption", { nominated: node }, { nominated });
    if (nominated !== undefined) this.model.renominate(pod, nominated);
    return undefined;
  }
}

/** Where preemption makes room, and at whose cost. */
function planOf(candidate: Candidate | undefined) {
  if (candidate === undefined) return undefined;
  const victims = candidate.victims.map(({ metadata }) => `${metadata!.namespace}/${metadata!.name}`);
  return { node: candidate.node, victims };
}

/** Plays a case from its beginning. */
export async function play(
  { config, steps }: Case,
  options: SchedulerOptions = {},
): Promise<Disagreement | undefined> {
  const session = await Session.open(config, options);
  try {
    for (const step of steps) {
      const found = await session.play(step);
      if (found !== undefined) return found;
    }
    return undefined;
  } finally {
    await session.close();
  }
}

function disagree(pod: V1Pod, what: Disagreement["what"], expected: unknown, actual: unknown): Disagreement {
  return { pod: pod.metadata!.name!, what, expected, actual };
}

/** Without what does not count: the order of several reasons, and a plugin that says 0 of everything, as one that is skipped. */
function plain(one: Explanation["nodes"][number] | undefined): unknown {
  if (one === undefined) return undefined;
  const { node, rejectedBy, reasons = [], scores = {}, total } = one;
  if (rejectedBy !== undefined) return { node, rejectedBy, reasons: [...reasons].sort() };
  const entries = Object.entries(scores).filter(
    ([, { raw, normalized, weighted }]) => raw !== 0 || normalized !== 0 || weighted !== 0,
  );
  return {
    node,
    scores: Object.fromEntries(
      entries.map(([name, { raw, normalized, weighted }]) => [name, { raw, normalized, weighted }]),
    ),
    total,
  };
}
