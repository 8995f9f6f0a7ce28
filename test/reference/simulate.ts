import type { V1Pod } from "../../host/api/generated/types.ts";
import { seededRandom } from "../../host/apimachinery/random.ts";
import { createScheduler, type Explanation, type SchedulerOptions } from "../../host/scheduler/library.ts";
import { Generator } from "./generator.ts";
import { ReferenceScheduler } from "./scheduler.ts";

/** What differed first: enough to see the case. The seed gives it again. */
export interface Disagreement {
  readonly seed: number;
  readonly step: number;
  readonly pod: V1Pod;
  readonly what: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

const SIZES = [1, 2, 3, 5, 8, 13, 30];

/**
 * Runs one seed: a cluster that changes while pods are placed on the core and on the reference model alike. For each pod
 * every node's refusal or scores, the choice and the whole message have to agree.
 */
export async function compareWithReference(
  seed: number,
  options: SchedulerOptions,
): Promise<Disagreement | undefined> {
  const core = await createScheduler({ ...options, thread: options.thread ?? "caller", seed });
  try {
    return await new Comparison(seed, core, options.ties === "random").run();
  } finally {
    await core.close();
  }
}

class Comparison {
  readonly #generator: Generator;
  readonly #model = new ReferenceScheduler();
  readonly #nodeNames: string[] = [];

  constructor(
    private readonly seed: number,
    private readonly core: Awaited<ReturnType<typeof createScheduler>>,
    private readonly randomTies: boolean,
  ) {
    this.#generator = new Generator(seededRandom(seed));
  }

  #putObject(): void {
    const object = this.#generator.object();
    this.core.addObject(object);
    this.#model.putObject(object);
  }

  async run(): Promise<Disagreement | undefined> {
    const size = this.seed % 50 === 7 ? 300 : this.#generator.pick(SIZES);
    for (let i = 0; i < size; i++) this.#addNode(`node-${i}`);
    for (let i = 0; i < 4; i++) this.#putObject();
    for (let i = 0; i < size; i++) this.#bindPod(`bound-${i}`);
    for (let step = 0; step < 12; step++) {
      this.#change(step);
      const pod = this.#generator.pod(`pod-${step}`, this.#nodeNames);
      const found = (await this.#compareExplanation(step, pod)) ?? (await this.#comparePlacement(step, pod));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #addNode(name: string): void {
    const node = this.#generator.node(name);
    this.core.addNode(node);
    this.#model.putNode(node);
    if (!this.#nodeNames.includes(name)) this.#nodeNames.push(name);
  }

  #bindPod(name: string): void {
    const nodeName = this.#generator.pick(this.#nodeNames);
    const pod = this.#generator.boundPod(name, nodeName, this.#nodeNames, this.#model.podsOn(nodeName));
    this.core.addPod(pod);
    this.#model.addPod(pod);
  }

  #change(step: number): void {
    if (this.#generator.chance(25)) this.#addNode(this.#generator.pick(this.#nodeNames));
    if (this.#generator.chance(15)) this.#addNode(`late-${step}`);
    if (this.#generator.chance(10) && this.#nodeNames.length > 1) {
      const name = this.#generator.pick(this.#nodeNames);
      this.core.removeNode(name);
      this.#model.removeNode(name);
    }
    if (this.#generator.chance(20)) this.#putObject();
    const objects = this.#model.objects();
    if (this.#generator.chance(10) && objects.length > 0) {
      const object = this.#generator.pick(objects);
      this.core.removeObject(object);
      this.#model.removeObject(object);
    }
    if (this.#generator.chance(20)) this.#relabelPod();
    if (this.#generator.chance(30)) this.#bindPod(`more-${step}`);
    if (this.#generator.chance(30)) {
      const keys = this.#model.podKeys();
      if (keys.length === 0) return;
      const key = this.#generator.pick(keys);
      const [namespace, name] = key.split("/");
      this.core.removePod(namespace!, name!);
      this.#model.removePod(key);
    }
  }

  /** A bound pod gets other labels, or is being deleted. */
  #relabelPod(): void {
    const keys = this.#model.podKeys();
    if (keys.length === 0) return;
    const pod = this.#generator.relabelled(this.#model.pod(this.#generator.pick(keys)));
    this.core.addPod(pod);
    this.#model.addPod(pod);
  }

  async #compareExplanation(step: number, pod: V1Pod): Promise<Disagreement | undefined> {
    const expected = this.#model.explain(pod);
    const actual = await this.core.explain(pod);
    const same = JSON.stringify(plain(expected)) === JSON.stringify(plain(actual));
    if (same) return undefined;
    const at = expected.nodes.findIndex(
      (node, i) => JSON.stringify(plainNode(node)) !== JSON.stringify(plainNode(actual.nodes[i])),
    );
    return at < 0
      ? this.#disagree(step, pod, "choice", expected.chosen, actual.chosen)
      : this.#disagree(step, pod, "node", expected.nodes[at], actual.nodes[at]);
  }

  async #comparePlacement(step: number, pod: V1Pod): Promise<Disagreement | undefined> {
    const expected = this.#model.explain(pod);
    const [decision] = await this.core.schedule([pod]);
    if (decision!.node === null) {
      const message = this.#model.message(pod);
      if (message !== decision!.message)
        return this.#disagree(step, pod, "message", message, decision!.message);
      return undefined;
    }
    const best = Math.max(...expected.nodes.map((node) => node.total ?? -1));
    const chosen = expected.nodes.find((node) => node.node === decision!.node);
    const right = this.randomTies ? chosen?.total === best : decision!.node === expected.chosen;
    if (!right) return this.#disagree(step, pod, "placement", expected.chosen, decision!.node);
    this.#model.assume(pod, decision!.node);
    return undefined;
  }

  #disagree(step: number, pod: V1Pod, what: string, expected: unknown, actual: unknown): Disagreement {
    return { seed: this.seed, step, pod, what, expected, actual };
  }
}

/** The same explanation in one order of fields; the order of several reasons does not count. */
function plain(explanation: Explanation): unknown {
  return [explanation.chosen, explanation.nodes.map(plainNode)];
}

function plainNode(one: Explanation["nodes"][number] | undefined): unknown {
  const scores = Object.entries(one?.scores ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    one?.node,
    one?.rejectedBy,
    [...(one?.reasons ?? [])].sort(),
    scores.map(([name, { raw, normalized, weighted }]) => [name, raw, normalized, weighted]),
    one?.total,
  ];
}
