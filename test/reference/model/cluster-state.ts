import type { V1Node, V1Pod } from "../../../host/api/generated/types.ts";
import type { KubernetesObject } from "../../../host/apimachinery/object.ts";
import type { Cycle, ImageSizes, Place } from "./cycle.ts";
import { assumedClaims } from "./devices.ts";
import { assumedObjects } from "./volume-binding.ts";

const keyOf = ({ kind = "Pod", metadata }: KubernetesObject) =>
  `${kind}/${metadata!.namespace ?? ""}/${metadata!.name}`;

interface Assumption {
  readonly object: KubernetesObject;
  /** Keys of the pods that assumed it and are not confirmed: it falls with any of them, as in kube-scheduler. */
  readonly pods: ReadonlySet<string>;
}

/** The nodes, pods and objects of the reference model, as they were given and as they were assumed since. */
export class ClusterState {
  /** By slot; a removed node leaves a hole that the next node fills. */
  #slots: (V1Node | undefined)[] = [];
  #pods = new Map<string, V1Pod>();
  #world = new Map<string, KubernetesObject>();
  #assumed = new Map<string, Assumption>();
  #images = new Map<string, number>();
  /** 5.7: pods by the node they are nominated to, in the order in which they were. */
  #nominated = new Map<string, { readonly pod: V1Pod; readonly node: string }>();

  get images(): ImageSizes {
    return this.#images;
  }

  putNode(node: V1Node): void {
    const known = this.#slots.findIndex((one) => one?.metadata?.name === node.metadata?.name);
    if (known >= 0) this.#slots[known] = undefined;
    this.#forgetImages();
    const hole = known >= 0 ? known : this.#slots.indexOf(undefined);
    this.#slots[hole >= 0 ? hole : this.#slots.length] = node;
    for (const { names = [], sizeBytes = 0 } of node.status?.images ?? [])
      for (const name of names) if (!this.#images.has(name)) this.#images.set(name, sizeBytes);
  }

  removeNode(name: string): void {
    const slot = this.#slots.findIndex((one) => one?.metadata?.name === name);
    if (slot >= 0) this.#slots[slot] = undefined;
    this.#forgetImages();
  }

  /** An image that no node has any more is introduced anew. */
  #forgetImages(): void {
    const names = this.#slots.flatMap((one) =>
      (one?.status?.images ?? []).flatMap((image) => image.names ?? []),
    );
    for (const name of this.#images.keys()) if (!names.includes(name)) this.#images.delete(name);
  }

  nominate(pod: V1Pod, node: string | null): void {
    this.#nominated.delete(keyOf(pod));
    const isThere = this.#pods.has(keyOf(pod));
    if (node !== null && !isThere) this.#nominated.set(keyOf(pod), { pod, node });
  }

  nominationOf(pod: V1Pod): string | undefined {
    return this.#nominated.get(keyOf(pod))?.node;
  }

  nominatedTo(node: string): V1Pod[] {
    return [...this.#nominated.values()].filter((one) => one.node === node).map(({ pod }) => pod);
  }

  waiting(): V1Pod[] {
    return [...this.#nominated.values()].map(({ pod }) => pod);
  }

  addPod(pod: V1Pod): void {
    this.#nominated.delete(keyOf(pod));
    this.#pods.set(keyOf(pod), pod);
    for (const [key, one] of this.#assumed) {
      const pods = new Set([...one.pods].filter((other) => other !== keyOf(pod)));
      this.#assumed.set(key, { ...one, pods });
    }
  }

  removePod(pod: V1Pod): void {
    this.#nominated.delete(keyOf(pod));
    this.#pods.delete(keyOf(pod));
    for (const [key, one] of this.#assumed) if (one.pods.has(keyOf(pod))) this.#assumed.delete(key);
  }

  putObject(object: KubernetesObject): void {
    this.#world.set(keyOf(object), object);
    this.#assumed.delete(keyOf(object));
  }

  removeObject(object: KubernetesObject): void {
    this.#world.delete(keyOf(object));
    this.#assumed.delete(keyOf(object));
  }

  objects(): KubernetesObject[] {
    return [...this.#world].map(([key, object]) => this.#assumed.get(key)?.object ?? object);
  }

  pods(): V1Pod[] {
    return [...this.#pods.values()];
  }

  podsOn(node: string): V1Pod[] {
    return this.pods().filter((pod) => pod.spec!.nodeName === node);
  }

  node(name: string): V1Node {
    return this.#slots.find((one) => one?.metadata?.name === name)!;
  }

  protected places(): Place[] {
    return this.#slots
      .filter((node) => node !== undefined)
      .map((node) => ({ node, pods: this.podsOn(node.metadata!.name!) }));
  }

  /** Reserve (1.1, 2.9, 2.13): the pod takes its room, its volumes and its devices, until it is removed or confirmed. */
  protected reserve(cycle: Cycle, node: V1Node): void {
    const { pod, profile } = cycle;
    this.#nominated.delete(keyOf(pod));
    const reserves = { VolumeBinding: assumedObjects, DynamicResources: assumedClaims };
    for (const [plugin, assume] of Object.entries(reserves))
      for (const object of profile.reserve.includes(plugin) ? assume(cycle, node) : [])
        this.#assumed.set(keyOf(object), {
          object,
          pods: new Set([...(this.#assumed.get(keyOf(object))?.pods ?? []), keyOf(pod)]),
        });
    const spec = { ...pod.spec!, nodeName: node.metadata!.name! };
    this.#pods.set(keyOf(pod), { ...pod, spec, status: {} });
  }
}
