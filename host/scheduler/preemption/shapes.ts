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
  readonly text: string;
  readonly presence: Presence;
}

/** Looked up by the pod; what was found holds as long as its group counts on the same tracks. */
const known = new WeakMap<ShapedPod, Known>();

/** The shapes of the pods of one question: pods that are alike share a number. */
export class Shapes {
  readonly #numbers = new Map<string, number>();
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
    const { text, presence } = describe(pod);
    const number = this.#numbers.get(text);
    if (number !== undefined) return number;
    this.#numbers.set(text, this.#list.length);
    this.#parts += partsOf(presence);
    return this.#list.push(presence) - 1;
  }
}

function describe(pod: ShapedPod): Known {
  const { usage, group, holdings } = pod;
  const before = known.get(pod);
  const holds =
    before?.leaving === group.leaving && holdings.every(({ volumes }, i) => volumes === before.volumes[i]);
  if (before !== undefined && holds) return before;
  const presence = presenceOf(usage, group.leaving, volumesOf(holdings));
  const now: Known = {
    leaving: group.leaving,
    volumes: holdings.map(({ volumes }) => volumes),
    text: JSON.stringify(presence),
    presence,
  };
  known.set(pod, now);
  return now;
}
