import type { V1Pod } from "../../../host/api/generated/types.ts";
import type { KubernetesObject } from "../../../host/apimachinery/object.ts";
import { seededRandom } from "../../../host/apimachinery/random.ts";
import { profileFor, type SchedulerConfig } from "../model/profile.ts";
import type { ReferenceScheduler } from "../model/scheduler.ts";
import type { Step } from "../session.ts";
import { DeviceGenerator } from "./devices.ts";
import { Draw } from "./draw.ts";
import { NodeGenerator } from "./nodes.ts";
import { PodGenerator } from "./pods.ts";
import { ProfileGenerator } from "./profiles.ts";
import { StorageGenerator } from "./storage.ts";
import { TopologyGenerator } from "./topology.ts";

const SIZES = [1, 2, 3, 5, 8, 13, 30];
/** Takes as long as fifty others, so it is one of many. */
const LARGE = { nodes: 300, every: 150, at: 7 };
const PLACEMENTS = 12;

/** Draws what one seed says: a configuration, a cluster, and what happens to it while pods are placed. */
export class ClusterGenerator {
  readonly config: SchedulerConfig | undefined;
  readonly #draw: Draw;
  readonly #size: number;
  readonly #nodeNames: string[] = [];
  readonly #topology: TopologyGenerator;
  readonly #nodes: NodeGenerator;
  readonly #pods: PodGenerator;
  /** Nodes are full of pods of low priority, and pods of high priority come. */
  readonly #crowded: boolean;
  readonly #storage: StorageGenerator | undefined;
  readonly #devices: DeviceGenerator | undefined;

  constructor(seed: number) {
    const draw = new Draw(seededRandom(seed));
    this.#draw = draw;
    this.#size = seed % LARGE.every === LARGE.at ? LARGE.nodes : draw.pick(SIZES);
    this.config = new ProfileGenerator(draw).config();
    this.#topology = new TopologyGenerator(draw);
    const calm = draw.chance(60);
    this.#nodes = new NodeGenerator(draw, calm);
    const schedulers = this.config?.profiles?.map(({ schedulerName }) => schedulerName) ?? [undefined];
    this.#pods = new PodGenerator(draw, this.#topology, schedulers, this.config !== undefined, calm);
    for (let i = 0; i < this.#size; i++) this.#nodeNames.push(`node-${i}`);
    this.#crowded = draw.chance(35);
    if (draw.chance(50)) this.#storage = new StorageGenerator(draw, this.#nodeNames);
    if (draw.chance(40)) this.#devices = new DeviceGenerator(draw, this.#nodeNames);
  }

  /** Steps, each drawn when the one before it has been played on the model. */
  *steps(model: ReferenceScheduler): Generator<Step> {
    const draw = this.#draw;
    for (const name of [...this.#nodeNames]) yield { node: this.#nodes.node(name) };
    for (let i = 0; i < 4; i++) yield { object: this.#topology.object() };
    for (let i = draw.below(3); i > 0; i--) yield { object: this.#topology.budget() };
    for (const object of this.#storage?.initial() ?? []) yield { object };
    for (const object of this.#devices?.initial() ?? []) yield { object };
    for (let i = 0; i < this.#size; i++) yield* this.#bind(`bound-${i}`, model);
    if (this.#crowded) yield* this.#fill(model);
    for (let step = 0; step < PLACEMENTS; step++) {
      yield* this.#change(step, model);
      // A pod that waits for its victims comes again, often after one of them has gone.
      const waiting = model.waiting();
      if (waiting.length > 0 && draw.chance(35)) {
        const again = draw.pick(waiting);
        const priority = again.spec!.priority ?? 0;
        const there = model.podsOn(model.nominationOf(again)!);
        const lower = there.filter(({ spec }) => (spec!.priority ?? 0) < priority);
        for (const one of draw.some(lower, 3))
          yield draw.chance(40) ? { removePod: one } : { bound: this.#pods.preempted(one) };
        yield { place: again };
        continue;
      }
      const drawn = this.#pods.pod(`pod-${step}`, this.#nodeNames);
      const pod = this.#mounting(this.#crowded ? withPriority(drawn, draw.pick([10, 1000])) : drawn, model);
      const { preFilter } = profileFor(this.config, pod.spec!.schedulerName);
      // Where VolumeBinding does not say so, another's claim is an error of NodeVolumeLimits, which ends the cycle.
      const mustOwn = !preFilter.includes("VolumeBinding");
      for (const object of this.#storage?.ephemeralClaims(pod, mustOwn) ?? []) yield { object };
      const claims = this.#devices && draw.chance(40) ? this.#devices.claimsOf(pod, model.objects()) : [];
      yield { place: claims.length > 0 ? { ...pod, spec: { ...pod.spec!, resourceClaims: claims } } : pod };
    }
  }

  /** A few pods more on every node, and no room for further ones. */
  *#fill(model: ReferenceScheduler): Generator<Step> {
    for (const name of this.#nodeNames.slice(0, 8)) {
      for (let i = 0; i < 3; i++) {
        const pod = this.#pods.boundPod(`full-${name}-${i}`, name, this.#nodeNames, model.podsOn(name));
        yield { bound: withPriority(pod, this.#draw.pick([-5, 0, 0, 10])) };
      }
      const node = model.node(name);
      const pods = String(model.podsOn(name).length);
      const status = { ...node.status, allocatable: { ...node.status?.allocatable, pods } };
      if (this.#draw.chance(80)) yield { node: { ...node, status } };
    }
  }

  *#bind(name: string, model: ReferenceScheduler): Generator<Step> {
    const nodeName = this.#draw.pick(this.#nodeNames);
    const drawn = this.#pods.boundPod(name, nodeName, this.#nodeNames, model.podsOn(nodeName));
    const pod = this.#mounting(drawn, model);
    for (const object of this.#storage?.ephemeralClaims(pod, true) ?? []) yield { object };
    yield { bound: pod };
  }

  #mounting(pod: V1Pod, model: ReferenceScheduler): V1Pod {
    if (!this.#storage || !this.#draw.chance(50)) return pod;
    const volumes = [...(pod.spec!.volumes ?? []), ...this.#storage.volumes(pod, model.objects())];
    return { ...pod, spec: { ...pod.spec!, volumes } };
  }

  *#change(step: number, model: ReferenceScheduler): Generator<Step> {
    const draw = this.#draw;
    if (draw.chance(25)) yield { node: this.#nodes.node(draw.pick(this.#nodeNames)) };
    if (draw.chance(15)) {
      this.#nodeNames.push(`late-${step}`);
      yield { node: this.#nodes.node(`late-${step}`) };
    }
    if (draw.chance(10) && this.#nodeNames.length > 1) yield { removeNode: draw.pick(this.#nodeNames) };
    if (draw.chance(20)) yield { object: this.#topology.object() };
    if (draw.chance(15)) yield { object: this.#topology.budget() };
    if (draw.chance(12))
      yield {
        nominate: this.#pods.modestPod(`nominated-${step}`, this.#nodeNames),
        on: draw.pick(this.#nodeNames),
      };
    if (draw.chance(10)) yield* this.#removeObject(model.objects());
    if (this.#storage && draw.chance(40)) yield { object: this.#storage.change(model.objects()) };
    if (this.#devices && draw.chance(25)) yield { object: this.#devices.change() };
    const pods = model.pods();
    // A bound pod gets other labels, or is being deleted.
    if (draw.chance(20) && pods.length > 0) yield { bound: this.#pods.relabelled(draw.pick(pods)) };
    if (draw.chance(30)) yield* this.#bind(`more-${step}`, model);
    if (draw.chance(30) && pods.length > 0) yield { removePod: draw.pick(pods) };
  }

  /** A claim of devices stays: pods that name it wait for it, and are not scheduled. */
  *#removeObject(objects: readonly KubernetesObject[]): Generator<Step> {
    const removable = objects.filter(({ kind }) => kind !== "ResourceClaim");
    if (removable.length > 0) yield { removeObject: this.#draw.pick(removable) };
  }
}

function withPriority(pod: V1Pod, priority: number): V1Pod {
  return { ...pod, spec: { ...pod.spec!, priority } };
}
