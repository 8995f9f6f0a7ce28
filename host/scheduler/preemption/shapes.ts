import type { Presence } from "../../wasm/scheduler-facts.ts";
import { partsOf } from "../../wasm/scheduler-preemption.ts";
import { presenceOf } from "../topology.ts";
import type { PodGroup } from "../track-table.ts";
import type { Track } from "../tracks.ts";
import type { CoreVolume, Holding } from "../volume-holdings.ts";
import { volumesOf } from "../volumes.ts";

/** What a pod, bound or nominated, would be to a node in a dry run. */
export interface ShapedPod {
  readonly usage: Presence["usage"];
  readonly group: PodGroup;
  readonly holdings: readonly Holding[];
  shape?: KnownShape;
}

/** What was found of a pod: it holds as long as its group counts on the same tracks, and its volumes are the same. */
export interface KnownShape {
  readonly leaving: readonly Track[];
  readonly volumes: readonly (readonly CoreVolume[])[];
  readonly shape: Shape;
}

interface Shape {
  readonly presence: Presence;
  readonly parts: number;
  /** Which questions it was numbered for last, and its number there. */
  questions: Shapes | undefined;
  number: number;
}

/** Pods that are alike share a shape. At the bound all are forgotten, and found again. */
const interned = new Map<string, Shape>();
const MAX_INTERNED = 16_384;

/** The shapes of the pods of one or more questions: pods that are alike share a number. */
export class Shapes {
  readonly #list: Presence[] = [];
  #parts = 0;

  get list(): readonly Presence[] {
    return this.#list;
  }

  /** Resources, ports, tracks and volumes of all of them together. */
  get parts(): number {
    return this.#parts;
  }

  numberOf(pod: ShapedPod): number {
    const shape = hasKnownShape(pod) ? pod.shape.shape : describe(pod);
    if (shape.questions === this) return shape.number;
    shape.questions = this;
    shape.number = this.#list.length;
    this.#parts += shape.parts;
    this.#list.push(shape.presence);
    return shape.number;
  }
}

/** Whether what was found of the pod still holds. */
export function hasKnownShape(pod: ShapedPod): pod is ShapedPod & { readonly shape: KnownShape } {
  const { shape, group, holdings } = pod;
  if (shape === undefined || shape.leaving !== group.leaving) return false;
  for (let i = 0; i < holdings.length; i++) if (holdings[i]!.volumes !== shape.volumes[i]) return false;
  return true;
}

function describe(pod: ShapedPod): Shape {
  const { usage, group, holdings } = pod;
  const presence = presenceOf(usage, group.leaving, volumesOf(holdings));
  const text = JSON.stringify(presence);
  let shape = interned.get(text);
  if (shape === undefined) {
    if (interned.size >= MAX_INTERNED) interned.clear();
    shape = { presence, parts: partsOf(presence), questions: undefined, number: 0 };
    interned.set(text, shape);
  }
  pod.shape = { leaving: group.leaving, volumes: holdings.map(({ volumes }) => volumes), shape };
  return shape;
}
