import type { V1Deployment, V1ReplicaSet } from "../../api/generated/types.ts";
import { Deployment, ReplicaSet } from "../../api/workload-kinds.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import { type Change, note, update } from "../change.ts";
import { sizeAnnotations } from "./annotations.ts";
import { sizeOf } from "./rollout.ts";

/**
 * Gives a set the last of `sizes`, with a note for each step on the way, and refreshes its size annotations.
 * Nothing to write: no change.
 */
export function resize(deployment: V1Deployment, set: V1ReplicaSet, ...sizes: readonly number[]): Change[] {
  const from = sizeOf(set);
  const to = sizes.at(-1) ?? from;
  const annotations = { ...set.metadata?.annotations, ...sizeAnnotations(deployment) };
  if (to === from && deepEqual(annotations, set.metadata?.annotations)) return [];
  const resized: V1ReplicaSet = {
    ...set,
    metadata: { ...set.metadata, annotations },
    spec: { ...set.spec!, replicas: to },
  };
  return [update(ReplicaSet, resized, { success: () => notes(deployment, set.metadata?.name, from, sizes) })];
}

function notes(
  deployment: V1Deployment,
  name: string | undefined,
  from: number,
  sizes: readonly number[],
): Change[] {
  let before = from;
  return sizes.flatMap((size) => {
    const words = scaledWords(name, before, size);
    before = size;
    return words === undefined ? [] : [note(Deployment, deployment, "Normal", "ScalingReplicaSet", words)];
  });
}

/** `Scaled up replica set web-bfb6488d7 from 0 to 3`; undefined when the size stays. */
export function scaledWords(name: string | undefined, from: number, to: number): string | undefined {
  if (from === to) return undefined;
  return `Scaled ${to > from ? "up" : "down"} replica set ${name} from ${from} to ${to}`;
}
