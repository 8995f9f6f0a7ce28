import type { V1Node, V1Pod } from "../../../host/api/generated/types.ts";
import type { KubernetesObject } from "../../../host/apimachinery/object.ts";
import type { Profile } from "./profile.ts";

/** What every plugin of the reference model is given: one pod, and everything there is. */
export interface Cycle {
  readonly pod: V1Pod;
  readonly places: readonly Place[];
  readonly world: World;
  readonly profile: Profile;
  readonly images: ImageSizes;
}

/** A node and the pods on it. */
export interface Place {
  readonly node: V1Node;
  readonly pods: readonly V1Pod[];
}

/** Pods that a place is asked without, or with: victims of preemption, and pods that are nominated to it. */
export interface Moved {
  readonly leaving: readonly V1Pod[];
  readonly coming: readonly V1Pod[];
}

export const NOBODY: Moved = { leaving: [], coming: [] };

export function podsThen({ pods }: Place, { leaving, coming }: Moved): V1Pod[] {
  return [...pods.filter((one) => !leaving.includes(one)), ...coming];
}

/** Everything that is neither a node nor a pod. */
export type World = readonly KubernetesObject[];

/** Bytes by name, as the first node said that had the image. */
export type ImageSizes = ReadonlyMap<string, number>;

export interface Refusal {
  readonly reasons: string[];
  /** Status UnschedulableAndUnresolvable. */
  readonly unresolvable: boolean;
}

export const refuse = (reason: string): Refusal => ({ reasons: [reason], unresolvable: true });
export const refuseForNow = (reason: string): Refusal => ({ reasons: [reason], unresolvable: false });

/** Raw and normalised, of the feasible places in their order. */
export type Scores = [raw: number[], normalized: number[]];

export interface Plugin {
  /** Refuses the whole pod, or names the nodes that are left. */
  readonly preFilter?: (cycle: Cycle) => { refusal?: Refusal; names?: string[] };
  readonly filter?: (cycle: Cycle, place: Place, moved: Moved) => Refusal | undefined;
  readonly score?: (cycle: Cycle, feasible: readonly Place[]) => Scores;
}

/** All objects of a kind, or the one of a name. */
export function all<T extends KubernetesObject>(world: World, kind: string): T[] {
  return world.filter((one) => one.kind === kind) as T[];
}

export function find<T extends KubernetesObject>(
  world: World,
  kind: string,
  name: string | undefined,
  namespace?: string,
): T | undefined {
  return all<T>(world, kind).find(
    ({ metadata }) => metadata!.name === name && metadata!.namespace === namespace,
  );
}

export const labelsOf = (object: KubernetesObject): Record<string, string> => object.metadata?.labels ?? {};
export const namespaceOf = (pod: V1Pod) => pod.metadata!.namespace!;
export const hasKey = (node: V1Node, key: string) => Object.keys(labelsOf(node)).includes(key);
