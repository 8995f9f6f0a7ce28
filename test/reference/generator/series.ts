import type { V1Node, V1Pod } from "../../../host/api/generated/types.ts";
import type { KubernetesObject } from "../../../host/apimachinery/object.ts";
import { seededRandom } from "../../../host/apimachinery/random.ts";
import type { SchedulerConfig } from "../model/profile.ts";
import { Draw } from "./draw.ts";
import { NodeGenerator } from "./nodes.ts";
import { PodGenerator } from "./pods.ts";
import { ProfileGenerator } from "./profiles.ts";
import { TopologyGenerator } from "./topology.ts";

/** What happens next in a series: pods placed together, or one change. */
export type SeriesStep =
  | { readonly place: readonly V1Pod[] }
  | { readonly node: V1Node }
  | { readonly removeNode: string }
  | { readonly object: KubernetesObject }
  | { readonly bound: V1Pod }
  | { readonly removePod: V1Pod };

const SIZES = [1, 2, 3, 5, 8, 13, 30, 30, 60, 130];
const ROUNDS = 14;
const HOSTNAME = "kubernetes.io/hostname";

/**
 * Draws series of pods: few templates, each asked for many times in bursts or in turn, while nodes, other pods, labels and
 * namespaces change in between. This is where an index is made, kept and dropped.
 */
export class SeriesGenerator {
  readonly config: SchedulerConfig | undefined;
  readonly #draw: Draw;
  readonly #nodes: NodeGenerator;
  readonly #pods: PodGenerator;
  readonly #topology: TopologyGenerator;
  readonly #names: string[] = [];
  readonly #templates: V1Pod[];
  /** Pods that were placed or bound, by name. */
  readonly #there: V1Pod[] = [];
  /** Many templates that ask for cpu, memory and attributes alone: each has changes to catch up with when its turn comes. */
  readonly #isPlain: boolean;
  #serial = 0;

  constructor(seed: number) {
    const draw = new Draw(seededRandom(seed));
    this.#draw = draw;
    this.config = draw.chance(70) ? undefined : new ProfileGenerator(draw).config();
    const calm = draw.chance(75);
    this.#isPlain = draw.chance(25);
    this.#topology = new TopologyGenerator(draw);
    this.#nodes = new NodeGenerator(draw, calm);
    const schedulers = this.config?.profiles?.map(({ schedulerName }) => schedulerName) ?? [undefined];
    this.#pods = new PodGenerator(draw, this.#topology, schedulers, this.config !== undefined, calm);
    const size = draw.pick(SIZES);
    for (let i = 0; i < size; i++) this.#names.push(`node-${i}`);
    this.#templates = Array.from({ length: 1 + draw.below(this.#isPlain ? 14 : 6) }, (_, i) =>
      this.#template(`template-${i}`),
    );
    if (draw.chance(50)) this.#templates.push(...this.#templates.slice(0, 2).map(twinOf));
  }

  *steps(): Generator<SeriesStep> {
    const draw = this.#draw;
    for (const name of [...this.#names]) yield { node: this.#node(name) };
    for (let i = 0; i < 3; i++) yield { object: this.#topology.object() };
    for (let round = 0; round < ROUNDS; round++) {
      yield { place: this.#series() };
      for (let i = draw.below(4); i > 0; i--) yield* this.#change();
    }
  }

  /** Where a pod went, so that it may be removed or changed later. */
  placed(pod: V1Pod, nodeName: string): void {
    this.#there.push({ ...pod, spec: { ...pod.spec!, nodeName } });
  }

  #template(name: string): V1Pod {
    const pod = this.#pods.pod(name, this.#names);
    // Priorities end batches, and gates keep pods back: not what is to be seen here.
    const { priority: _, schedulingGates: __, nodeName: ___, ...spec } = pod.spec!;
    return this.#isPlain ? plainly({ ...pod, spec }) : { ...pod, spec };
  }

  #node(name: string): V1Node {
    const node = this.#nodes.node(name);
    if (!this.#draw.chance(4)) return node;
    // Labels that should be unique and are not.
    const labels = { ...node.metadata!.labels, [HOSTNAME]: this.#draw.pick(this.#names) };
    return { ...node, metadata: { ...node.metadata!, labels } };
  }

  #series(): V1Pod[] {
    const draw = this.#draw;
    const burst = draw.chance(50) ? draw.pick(this.#templates) : undefined;
    return Array.from({ length: 1 + draw.below(25) }, () => {
      const template = burst ?? draw.pick(this.#templates);
      return { ...template, metadata: { ...template.metadata!, name: `pod-${this.#serial++}` } };
    });
  }

  *#change(): Generator<SeriesStep> {
    const draw = this.#draw;
    if (draw.chance(30)) yield { node: this.#node(draw.pick(this.#names)) };
    if (draw.chance(12)) {
      this.#names.push(`late-${this.#serial++}`);
      yield { node: this.#node(this.#names.at(-1)!) };
    }
    if (draw.chance(12)) yield { removeNode: draw.pick(this.#names) };
    if (draw.chance(10)) yield { object: this.#topology.object() };
    if (draw.chance(8))
      this.#templates[draw.below(this.#templates.length)] = this.#template(`t-${this.#serial++}`);
    if (draw.chance(30)) {
      const node = draw.pick(this.#names);
      const bound = this.#pods.boundPod(`bound-${this.#serial++}`, node, this.#names, []);
      this.#there.push(bound);
      yield { bound };
    }
    if (this.#there.length === 0) return;
    if (draw.chance(15)) yield { bound: this.#pods.relabelled(draw.pick(this.#there)) };
    for (let i = draw.below(8); i > 0; i--) yield { removePod: draw.pick(this.#there) };
  }
}

/** The pod without ports, images, devices, and whatever it asks of other pods. */
function plainly({ metadata, spec }: V1Pod): V1Pod {
  const { containers, nodeSelector, tolerations, affinity, schedulerName, overhead } = spec!;
  const { nodeAffinity } = affinity ?? {};
  const resources = containers[0]?.resources;
  const kept = { schedulerName, nodeSelector, tolerations, overhead, affinity: { nodeAffinity } };
  return {
    metadata: { name: metadata!.name, namespace: metadata!.namespace, uid: metadata!.uid },
    spec: { ...kept, containers: [{ name: "c0", resources }] },
  };
}

/** The same pod of another application: it asks the same of other pods. */
function twinOf(pod: V1Pod): V1Pod {
  const text = JSON.stringify(pod);
  return JSON.parse(text.replaceAll('"web"', '"twin"').replaceAll('"front"', '"twin"'));
}
