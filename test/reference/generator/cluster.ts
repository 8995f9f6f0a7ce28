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
    if (draw.chance(50)) this.#storage = new StorageGenerator(draw, this.#nodeNames);
    if (draw.chance(40)) this.#devices = new DeviceGenerator(draw, this.#nodeNames);
  }

  /** Steps, each drawn when the one before it has been played on the model. */
  *steps(model: ReferenceScheduler): Generator<Step> {
    const draw = this.#draw;
    for (const name of [...this.#nodeNames]) yield { node: this.#nodes.node(name) };
    for (let i = 0; i < 4; i++) yield { object: this.#topology.object() };
    for (const object of this.#storage?.initial() ?? []) yield { object };
    for (const object of this.#devices?.initial() ?? []) yield { object };
    for (let i = 0; i < this.#size; i++) yield* this.#bind(`bound-${i}`, model);
    for (let step = 0; step < PLACEMENTS; step++) {
      yield* this.#change(step, model);
      const pod = this.#mounting(this.#pods.pod(`pod-${step}`, this.#nodeNames), model);
      const { preFilter } = profileFor(this.config, pod.spec!.schedulerName);
      // Where VolumeBinding does not say so, another's claim is an error of NodeVolumeLimits, which ends the cycle.
      const mustOwn = !preFilter.includes("VolumeBinding");
      for (const object of this.#storage?.ephemeralClaims(pod, mustOwn) ?? []) yield { object };
      const claims = this.#devices && draw.chance(40) ? this.#devices.claimsOf(pod, model.objects()) : [];
      yield { place: claims.length > 0 ? { ...pod, spec: { ...pod.spec!, resourceClaims: claims } } : pod };
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
