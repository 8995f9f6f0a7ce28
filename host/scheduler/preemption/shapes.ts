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
}

interface Known {
  readonly leaving: readonly Track[];
  readonly volumes: readonly (readonly CoreVolume[])[];
  readonly shape: Shape;
}

interface Shape {
  readonly presence: Presence;
  readonly parts: number;
}

/** Looked up by the pod; what was found holds as long as its group counts on the same tracks. */
const known = new WeakMap<ShapedPod, Known>();

/** Pods that are alike share a shape. At the bound all are forgotten, and found again. */
const interned = new Map<string, Shape>();
const MAX_INTERNED = 16_384;

/** The shapes of the pods of one question: pods that are alike share a number. */
export class Shapes {
  readonly #numbers = new Map<Shape, number>();
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
    const before = known.get(pod);
    const shape = before !== undefined && stillHolds(before, pod) ? before.shape : describe(pod);
    const number = this.#numbers.get(shape);
    if (number !== undefined) return number;
    this.#numbers.set(shape, this.#list.length);
    this.#parts += shape.parts;
    return this.#list.push(shape.presence) - 1;
  }
}

function stillHolds({ leaving, volumes }: Known, { group, holdings }: ShapedPod): boolean {
  if (leaving !== group.leaving) return false;
  for (let i = 0; i < holdings.length; i++) if (holdings[i]!.volumes !== volumes[i]) return false;
  return true;
}

function describe(pod: ShapedPod): Shape {
  const { usage, group, holdings } = pod;
  const presence = presenceOf(usage, group.leaving, volumesOf(holdings));
  const text = JSON.stringify(presence);
  let shape = interned.get(text);
  if (shape === undefined) {
    if (interned.size >= MAX_INTERNED) interned.clear();
    shape = { presence, parts: partsOf(presence) };
    interned.set(text, shape);
  }
  known.set(pod, { leaving: group.leaving, volumes: holdings.map(({ volumes }) => volumes), shape });
  return shape;
}
