import type { V1Node, V1Pod } from "../../../host/api/generated/types.ts";
import type { Explanation } from "../../../host/scheduler/library.ts";
import { ClusterState } from "./cluster-state.ts";
import { type Cycle, type Moved, NOBODY, type Place, type Refusal } from "./cycle.ts";
import { postFilterText } from "./devices.ts";
import { PLUGINS } from "./plugins.ts";
import {
  type Candidate,
  choose,
  isBeingPreempted,
  priorityOf,
  search,
  type Try,
  victimsOn,
  weigh,
} from "./preemption.ts";
import { profileFor, type SchedulerConfig } from "./profile.ts";

const keyOf = (pod: V1Pod) => `${pod.metadata!.namespace}/${pod.metadata!.name}`;

interface PluginRefusal extends Refusal {
  readonly plugin: string;
}

/** What PreFilter and Filter say of one pod. */
interface Verdict {
  /** The whole pod is refused, by this plugin's PreFilter. */
  readonly whole?: PluginRefusal;
  /** Of each place, in order. */
  readonly refusals: readonly (PluginRefusal | undefined)[];
}

/** What is said of a pod that no node takes. */
export interface RefusedPod {
  readonly message: string;
  /** The node it is nominated to from now on; null: to none. Absent: as before. */
  readonly nominated?: string | null;
  /** Of the candidates, when the search begins at the first node. */
  readonly chosen?: Candidate;
  readonly candidates: readonly Candidate[];
}

/** What PreEnqueue says of a pod with gates (7.4); undefined: it may be looked at. */
function waitingFor({ pod, profile }: Cycle): string | undefined {
  const names = (pod.spec!.schedulingGates ?? []).map(({ name }) => name);
  const holds = names.length > 0 && profile.preEnqueue.includes("SchedulingGates");
  return holds ? `waiting for scheduling gates: [${names.join(" ")}]` : undefined;
}

/** The plain scheduler the core is compared against: no ids, no tables, every sum made anew. */
export class ReferenceScheduler extends ClusterState {
  constructor(private readonly config?: SchedulerConfig) {
    super();
  }

  #cycle(pod: V1Pod): Cycle {
    const profile = profileFor(this.config, pod.spec!.schedulerName);
    return { pod, places: this.places(), world: this.objects(), profile, images: this.images };
  }

  /** 5.7: with the pods that are nominated there, then without. */
  #filter(cycle: Cycle, place: Place, leaving: readonly V1Pod[]): PluginRefusal | undefined {
    const coming = this.nominatedTo(place.node.metadata!.name!).filter(
      (one) => keyOf(one) !== keyOf(cycle.pod) && priorityOf(one) >= priorityOf(cycle.pod),
    );
    const refusal = coming.length > 0 ? this.#filterOnce(cycle, place, { leaving, coming }) : undefined;
    return refusal ?? this.#filterOnce(cycle, place, { ...NOBODY, leaving });
  }

  #filterOnce(cycle: Cycle, place: Place, moved: Moved): PluginRefusal | undefined {
    for (const plugin of cycle.profile.filter) {
      const refusal = PLUGINS[plugin]!.filter!(cycle, place, moved);
      if (refusal) return { plugin, ...refusal };
    }
    return undefined;
  }

  #judge(cycle: Cycle): Verdict {
    const gates = waitingFor(cycle);
    if (gates !== undefined) {
      const whole = { plugin: "SchedulingGates", reasons: [gates], unresolvable: true };
      return { whole, refusals: cycle.places.map(() => whole) };
    }
    let names: string[] | undefined;
    for (const plugin of cycle.profile.preFilter) {
      const found = PLUGINS[plugin]!.preFilter?.(cycle) ?? {};
      if (found.refusal) {
        const whole = { plugin, ...found.refusal };
        return { whole, refusals: cycle.places.map(() => whole) };
      }
      names ??= found.names;
    }
    const outside: PluginRefusal = {
      plugin: "NodeAffinity",
      reasons: ["node(s) didn't satisfy plugin(s) [NodeAffinity]"],
      unresolvable: true,
    };
    const isOutside = ({ node }: Place) => names !== undefined && !names.includes(node.metadata!.name!);
    return {
      refusals: cycle.places.map((place) => (isOutside(place) ? outside : this.#filter(cycle, place, []))),
    };
  }

  #scores(cycle: Cycle, feasible: readonly Place[]) {
    const columns = cycle.profile.score.map(({ name, weight }) => {
      const zeros = feasible.map(() => 0);
      const [raw, normalized] = PLUGINS[name]!.score?.(cycle, feasible) ?? [zeros, zeros];
      return { name, weight, raw, normalized };
    });
    return feasible.map((_, i) =>
      Object.fromEntries(
        columns.map(({ name, weight, raw, normalized }) => [
          name,
          { raw: raw[i]!, normalized: normalized[i]!, weighted: normalized[i]! * weight },
        ]),
      ),
    );
  }

  explain(pod: V1Pod): Explanation {
    const cycle = this.#cycle(pod);
    const { refusals } = this.#judge(cycle);
    const feasible = cycle.places.filter((_, i) => refusals[i] === undefined);
    const scores = this.#scores(cycle, feasible);
    let chosen: string | null = null;
    let best = -1;
    const nodes = cycle.places.map((place, i) => {
      const node = place.node.metadata!.name!;
      const refusal = refusals[i];
      if (refusal) return { node, rejectedBy: refusal.plugin, reasons: refusal.reasons };
      const own = scores[feasible.indexOf(place)]!;
      const total = Object.values(own).reduce((sum, one) => sum + one.weighted, 0);
      // The node that the pod is nominated to is tried first, alone.
      const isOwn = node === this.nominationOf(pod);
      if (total > best || isOwn) {
        best = isOwn ? Number.POSITIVE_INFINITY : total;
        chosen = node;
      }
      return { node, scores: own, total };
    });
    return { pod: keyOf(pod), chosen, nodes };
  }

  /** The whole FitError text (2.16, 6.3, 6.6) for a pod that no node takes, and what preemption makes of it. */
  refuse(pod: V1Pod): RefusedPod {
    const cycle = this.#cycle(pod);
    const n = cycle.places.length;
    const gates = waitingFor(cycle);
    if (gates !== undefined) return { message: gates, candidates: [] };
    if (n === 0) return { message: "no nodes available to schedule pods", candidates: [] };
    const verdict = this.#judge(cycle);
    const reasons = verdict.whole
      ? verdict.whole.reasons.join(", ")
      : histogram(verdict.refusals.map((one) => one!.reasons));
    const { text, ...found } = this.#postFilter(cycle, verdict);
    return { message: `0/${n} nodes are available: ${reasons}.${text === "" ? "" : ` ${text}`}`, ...found };
  }

  #postFilter(cycle: Cycle, { whole, refusals }: Verdict): Omit<RefusedPod, "message"> & { text: string } {
    const { preFilter, postFilter, filter } = cycle.profile;
    const texts: string[] = [];
    let found: Omit<RefusedPod, "message"> = { candidates: [] };
    for (const plugin of postFilter) {
      if (plugin === "DynamicResources") {
        const ran = whole ? preFilter.slice(0, preFilter.indexOf(whole.plugin) + 1) : preFilter;
        if (!ran.includes(plugin)) return { text: "not found", candidates: [] };
        const place = filter.indexOf(plugin);
        const asked = cycle.places.filter((_, i) => !whole && filter.indexOf(refusals[i]!.plugin) >= place);
        texts.push(
          postFilterText(
            cycle,
            asked.map(({ node }) => node),
          ),
        );
      } else {
        const { text, ...preemption } = this.#preempt(cycle, refusals as readonly PluginRefusal[]);
        found = preemption;
        if (text === undefined) return { text: "", ...found };
        texts.push(`preemption: ${text}`);
      }
    }
    return { text: texts.join(", "), ...found };
  }

  /** No text: preemption would make room. */
  #preempt(
    cycle: Cycle,
    refusals: readonly PluginRefusal[],
  ): Omit<RefusedPod, "message"> & { text: string | undefined } {
    const { pod, places } = cycle;
    if (pod.spec!.preemptionPolicy === "Never")
      return { text: "not eligible due to preemptionPolicy=Never.", candidates: [] };
    const own = places.findIndex(({ node }) => node.metadata!.name === this.nominationOf(pod));
    const waits =
      own >= 0 &&
      !refusals[own]!.unresolvable &&
      places[own]!.pods.some((one) => priorityOf(one) < priorityOf(pod) && isBeingPreempted(one));
    if (waits)
      return { text: "not eligible due to a terminating pod on the nominated node.", candidates: [] };
    const helpful = places.filter((_, i) => !refusals[i]!.unresolvable);
    const { candidates, reasons } = search(cycle, helpful, 0, this.#tryOn(cycle));
    const chosen = choose(candidates);
    if (chosen) return { text: undefined, nominated: chosen.node, chosen, candidates };
    const others = places.length - helpful.length;
    const all = [...reasons, ...Array<string[]>(others).fill(["Preemption is not helpful for scheduling"])];
    return {
      text: `0/${places.length} nodes are available: ${histogram(all)}.`,
      nominated: null,
      candidates: [],
    };
  }

  #tryOn(cycle: Cycle): Try {
    return (place, leaving) => this.#filter(cycle, place, leaving);
  }

  /** Who has to leave a node, wherever the search begins; undefined: it is no candidate, or there is a better one for sure. */
  candidateOn(pod: V1Pod, node: string, best: Candidate | undefined): Candidate | undefined {
    const cycle = this.#cycle(pod);
    const place = cycle.places.find((one) => one.node.metadata!.name === node);
    const found = place && victimsOn(cycle, place, this.#tryOn(cycle));
    if (found === undefined || Array.isArray(found)) return undefined;
    const isAsGood = best === undefined || weigh(found).join() === weigh(best).join();
    const areAllTried =
      cycle.places.length <= 100 &&
      cycle.profile.args("DefaultPreemption").minCandidateNodesAbsolute === undefined;
    return isAsGood || !areAllTried ? found : undefined;
  }

  /** 6.5: the room is kept for the pod, and taken from those of lower priority. */
  renominate(pod: V1Pod, node: string | null): void {
    this.nominate(pod, node);
    if (node === null) return;
    for (const other of this.nominatedTo(node))
      if (priorityOf(other) < priorityOf(pod)) this.nominate(other, null);
  }

  /** As `schedule` assumes a pod: the pod's spec with the node's name; its claims are being bound and allocated. */
  assume(pod: V1Pod, node: V1Node): void {
    this.reserve(this.#cycle(pod), node);
  }
}

function histogram(reasons: readonly (readonly string[])[]): string {
  const counts: Record<string, number> = {};
  for (const reason of reasons.flat()) counts[reason] = (counts[reason] ?? 0) + 1;
  const texts = Object.entries(counts).map(([reason, count]) => `${count} ${reason}`);
  return texts.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).join(", ");
}
