import type { V1Node, V1Pod } from "../../../host/api/generated/types.ts";
import type { Explanation } from "../../../host/scheduler/library.ts";
import { ClusterState } from "./cluster-state.ts";
import type { Cycle, Place, Refusal } from "./cycle.ts";
import { postFilterText } from "./devices.ts";
import { PLUGINS } from "./plugins.ts";
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

  #filter(cycle: Cycle, place: Place, leaving: readonly V1Pod[]): PluginRefusal | undefined {
    for (const plugin of cycle.profile.filter) {
      const refusal = PLUGINS[plugin]!.filter!(cycle, place, leaving);
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
      if (total > best) {
        best = total;
        chosen = node;
      }
      return { node, scores: own, total };
    });
    return { pod: keyOf(pod), chosen, nodes };
  }

  /** The whole FitError text (2.16, 6.3, 6.6) for a pod that no node takes. */
  message(pod: V1Pod): string {
    const cycle = this.#cycle(pod);
    const n = cycle.places.length;
    const gates = waitingFor(cycle);
    if (gates !== undefined) return gates;
    if (n === 0) return "no nodes available to schedule pods";
    const verdict = this.#judge(cycle);
    const reasons = verdict.whole
      ? verdict.whole.reasons.join(", ")
      : histogram(verdict.refusals.map((one) => one!.reasons));
    const more = this.#postFilter(cycle, verdict);
    return `0/${n} nodes are available: ${reasons}.${more === "" ? "" : ` ${more}`}`;
  }

  #postFilter(cycle: Cycle, { whole, refusals }: Verdict): string {
    const { preFilter, postFilter, filter } = cycle.profile;
    const texts: string[] = [];
    for (const plugin of postFilter) {
      if (plugin === "DynamicResources") {
        const ran = whole ? preFilter.slice(0, preFilter.indexOf(whole.plugin) + 1) : preFilter;
        if (!ran.includes(plugin)) return "not found";
        const place = filter.indexOf(plugin);
        const asked = cycle.places.filter((_, i) => !whole && filter.indexOf(refusals[i]!.plugin) >= place);
        texts.push(
          postFilterText(
            cycle,
            asked.map(({ node }) => node),
          ),
        );
      } else {
        const text = this.#preemptionText(cycle, refusals as readonly PluginRefusal[]);
        if (text === undefined) return "";
        texts.push(`preemption: ${text}`);
      }
    }
    return texts.join(", ");
  }

  /** undefined: preemption would make room. */
  #preemptionText(cycle: Cycle, refusals: readonly PluginRefusal[]): string | undefined {
    const { pod, places } = cycle;
    if (pod.spec!.preemptionPolicy === "Never") return "not eligible due to preemptionPolicy=Never.";
    const priorityOf = (one: V1Pod) => one.spec!.priority ?? 0;
    const trials = places.map((place, i) => {
      if (refusals[i]!.unresolvable) return ["Preemption is not helpful for scheduling"];
      const leaving = place.pods.filter((one) => priorityOf(one) < priorityOf(pod));
      if (leaving.length === 0) return ["No preemption victims found for incoming pod"];
      return this.#filter(cycle, place, leaving)?.reasons;
    });
    if (trials.some((one) => one === undefined)) return undefined;
    return `0/${places.length} nodes are available: ${histogram(trials as string[][])}.`;
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
