import type { V1Pod } from "../api/generated/types.ts";
import type { CoreNames, Refusals, Trial } from "../wasm/scheduler-facts.ts";
import type { SchedulerLink } from "../wasm/scheduler-link.ts";
import type { CoreTables, NodeSlots } from "./core-tables.ts";
import type { Refusal } from "./deciding-scheduler.ts";
import type { PlacedPods } from "./placed-pods.ts";
import { readPodVolumes } from "./pod-volumes.ts";
import type { AskedPod, GatedPod, PrefilteredPod, UnreadablePod } from "./prepared-pods.ts";
import {
  CLAIMS_TEXT,
  describeRefusal,
  fitErrorMessage,
  NO_CLAIMS_TEXT,
  NO_NODES,
  type NodeRefusal,
  type PreemptionTrial,
  prefilterMessage,
} from "./reasons.ts";
import { presenceOf } from "./topology.ts";
import { volumesOf } from "./volumes.ts";

interface DescribedRefusals {
  readonly refusals: readonly NodeRefusal[];
  readonly reasons: Readonly<Record<string, string[]>>;
  readonly plugins: readonly string[];
}

interface Parts {
  readonly link: SchedulerLink;
  readonly names: CoreNames;
  readonly tables: CoreTables;
  readonly pods: PlacedPods;
}

/** A pod that the core was not asked about. */
export function refusedBefore(one: PrefilteredPod | GatedPod | UnreadablePod, nodes: NodeSlots): Refusal {
  const nobody = { pod: one.key, node: null, nodes: {}, plugins: [] };
  if ("message" in one)
    return { ...nobody, message: one.message, ...("plugin" in one ? { heldBy: one.plugin } : {}) };
  if (one.isError) return { ...nobody, message: `running PreFilter plugin "${one.plugin}": ${one.reason}` };
  if (nodes.length === 0) return { ...nobody, message: NO_NODES };
  const message = prefilterMessage(
    nodes.length,
    one.reason,
    mayPreempt(one.pod),
    one.profile.postFilters,
    dynamicResourcesRan(one) ? textOfClaims(one.pod) : undefined,
  );
  const reasons = Object.fromEntries(nodes.map(([name]) => [name, [one.reason]]));
  return { ...nobody, message, nodes: reasons, plugins: [one.plugin] };
}

function textOfClaims(pod: V1Pod): string {
  return (readPodVolumes(pod)?.devices ?? []).length > 0 ? CLAIMS_TEXT : NO_CLAIMS_TEXT;
}

/** Whether DynamicResources' PreFilter stands before the one that refused, or is it. */
function dynamicResourcesRan({ plugin, profile }: PrefilteredPod): boolean {
  const order: readonly string[] = [...profile.prefilters];
  const at = order.indexOf("DynamicResources");
  return at >= 0 && at <= order.indexOf(plugin);
}

function mayPreempt({ spec }: V1Pod): boolean {
  return spec?.preemptionPolicy !== "Never";
}

/** Says why a pod fits nowhere: the refusals in words, and whether preemption would help. Evicts nobody. */
export class RefusedPods {
  readonly #parts: Parts;
  readonly #described = new WeakMap<Refusals, DescribedRefusals>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async decide(one: AskedPod, nodes: NodeSlots, why: Refusals): Promise<Refusal> {
    if (nodes.length === 0) return { pod: one.key, node: null, message: NO_NODES, nodes: {}, plugins: [] };
    const { refusals, reasons, plugins } = this.#describe(why, nodes, one);
    const { postFilters } = one.profile;
    const preempts = postFilters.includes("DefaultPreemption") && mayPreempt(one.pod);
    const trials = preempts ? await this.#tryPreemption(one, nodes, refusals) : [];
    const devicesText = this.#textOfClaims(one, nodes, why);
    const message = fitErrorMessage(refusals, trials, mayPreempt(one.pod), postFilters, devicesText);
    return { pod: one.key, node: null, message, nodes: reasons, plugins };
  }

  #textOfClaims({ volumes }: AskedPod, nodes: NodeSlots, why: Refusals): string {
    if (volumes === undefined || volumes.pod.devices.length === 0) return NO_CLAIMS_TEXT;
    const { names, tables } = this.#parts;
    const refusing = nodes.filter(([, slot]) => names.filters[why.rejectedBy[slot]!] === "claimUnavailable");
    return tables.volumes.devices.postFilterText(
      volumes.pod,
      refusing.map(([name]) => tables.identityOf(name)),
    );
  }

  /** In words, once for all pods of a batch that were refused alike: a thousand replicas may wait for one node. */
  #describe(why: Refusals, nodes: NodeSlots, one: AskedPod): DescribedRefusals {
    const known = this.#described.get(why);
    if (known !== undefined) return known;
    const refusals = nodes.map(([, slot]) => describeRefusal(why, slot, this.#parts.names, one)!);
    const reasons = Object.fromEntries(nodes.map(([name], i) => [name, [...refusals[i]!.reasons]]));
    const plugins = [...new Set(refusals.map(({ rejectedBy }) => rejectedBy))].sort();
    const described = { refusals, reasons, plugins };
    this.#described.set(why, described);
    return described;
  }

  /** Asks each node that may help again as if its pods of lower priority were gone. */
  async #tryPreemption(
    one: AskedPod,
    nodes: NodeSlots,
    refusals: readonly NodeRefusal[],
  ): Promise<PreemptionTrial[]> {
    const { link, names, tables, pods } = this.#parts;
    const priority = one.pod.spec?.priority ?? 0;
    const anyVictims = pods.anyBelow(priority);
    const victims = nodes.map(([name], i) =>
      anyVictims && refusals[i]!.resolvable ? pods.on(name).filter((pod) => pod.priority < priority) : [],
    );
    const trials = nodes.flatMap(([name, slot], i): Trial[] => {
      if (victims[i]!.length === 0 || tables.slotOf(name) !== slot) return [];
      const leaving = victims[i]!.map(({ usage, group, holdings }) =>
        presenceOf(usage, group.leaving, volumesOf(holdings)),
      );
      return [{ slot, leaving }];
    });
    if (one.volumes !== undefined) tables.volumes.postPlan(one.volumes);
    const without = trials.length > 0 ? await link.tryWithout(one.classId, trials) : undefined;
    const tried = new Set(trials.map(({ slot }) => slot));
    return nodes.map(([, slot], i) => {
      if (!refusals[i]!.resolvable) return "not tried";
      if (!tried.has(slot) || without === undefined) return "no victims";
      return describeRefusal(without, slot, names, one)?.reasons ?? "room";
    });
  }
}
