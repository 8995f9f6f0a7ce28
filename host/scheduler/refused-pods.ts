import type { V1Pod } from "../api/generated/types.ts";
import type { CoreNames, Refusals } from "../wasm/scheduler-facts.ts";
import { CapacityError } from "./capacity.ts";
import type { CoreTables, NodeSlots } from "./core-tables.ts";
import type { Refusal } from "./deciding-scheduler.ts";
import type { PreemptionPlan } from "./library.ts";
import { readPodVolumes } from "./pod-volumes.ts";
import type { Preemption, PreemptionFinding } from "./preemption/preemption.ts";
import type { AskedPod, GatedPod, PrefilteredPod, UnreadablePod } from "./prepared-pods.ts";
import {
  CLAIMS_TEXT,
  fitErrorMessage,
  NO_CLAIMS_TEXT,
  NO_NODES,
  type PostFilters,
  type PreemptionSaid,
  preemptionText,
  prefilterMessage,
} from "./reasons.ts";
import { RefusedNodes } from "./refused-nodes.ts";

interface Parts {
  readonly names: CoreNames;
  readonly tables: CoreTables;
  readonly preemption: Preemption;
  /** The pod is nominated to a node, or (null) to none; says who loses that node to it. */
  readonly renominate: (one: AskedPod, node: string | null) => string[];
}

/** A pod that the core was not asked about. */
export function refusedBefore(one: PrefilteredPod | GatedPod | UnreadablePod, nodes: NodeSlots): Refusal {
  const nobody = { pod: one.key, node: null, nodes: {}, plugins: [] };
  if ("message" in one)
    return { ...nobody, message: one.message, ...("plugin" in one ? { heldBy: one.plugin } : {}) };
  if (one.isError) return { ...nobody, message: `running PreFilter plugin "${one.plugin}": ${one.reason}` };
  if (nodes.length === 0) return { ...nobody, message: NO_NODES };
  const ran = dynamicResourcesRan(one);
  const preempts = one.pod.spec?.preemptionPolicy !== "Never";
  const devicesText = ran ? textOfClaims(one.pod) : undefined;
  const { postFilters } = one.profile;
  const message = prefilterMessage(nodes.length, one.reason, preempts, postFilters, devicesText);
  const reasons = Object.fromEntries(nodes.map(([name]) => [name, [one.reason]]));
  // Preemption found that no node can be helped, unless it was not asked.
  const asked =
    postFilters.includes("DefaultPreemption") && (ran || !postFilters.includes("DynamicResources"));
  const nomination = { ...(asked && preempts ? { nominated: null } : {}), preemptionAsked: asked };
  return { ...nobody, message, nodes: reasons, plugins: [one.plugin], ...nomination };
}

function textOfClaims(pod: V1Pod): string {
  return (readPodVolumes(pod)?.devices ?? []).length > 0 ? CLAIMS_TEXT : NO_CLAIMS_TEXT;
}

/** Whether DynamicResources' PreFilter stands before the one that refused, or is it. */
function dynamicResourcesRan({ plugin, profile }: PrefilteredPod): boolean {
  const order: string[] = [...profile.prefilters];
  const at = order.indexOf("DynamicResources");
  return at >= 0 && at <= order.indexOf(plugin);
}

/** Says why a pod fits nowhere, in words, and who would have to go so that it does. Evicts nobody. */
export class RefusedPods {
  readonly #parts: Parts;
  /** Once for all pods of a batch that were refused alike: a thousand replicas may wait for one node. */
  readonly #described = new WeakMap<Refusals, RefusedNodes>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async decide(one: AskedPod, nodes: NodeSlots, why: Refusals): Promise<Refusal> {
    if (nodes.length === 0) return { pod: one.key, node: null, message: NO_NODES, nodes: {}, plugins: [] };
    const refused = this.#describe(why, nodes, one);
    let finding: PreemptionFinding | undefined;
    try {
      if (one.profile.postFilters.includes("DefaultPreemption"))
        finding = await this.#parts.preemption.find(one, nodes, refused);
    } catch (error) {
      if (!(error instanceof CapacityError)) throw error;
      return { pod: one.key, node: null, message: error.message, nodes: refused.reasons, plugins: [] };
    }
    return this.conclude(one, nodes, refused, finding);
  }

  /** @param finding  undefined: the profile does not preempt */
  conclude(
    one: AskedPod,
    nodes: NodeSlots,
    refused: RefusedNodes,
    finding: PreemptionFinding | undefined,
  ): Refusal {
    // A PostFilter that fails is the only one that is heard.
    const postFilters: PostFilters =
      finding?.kind === "failed" ? ["DefaultPreemption"] : one.profile.postFilters;
    const said = sayOf(finding, nodes.length);
    const devicesText = this.#textOfClaims(one, refused);
    return {
      pod: one.key,
      node: null,
      message: fitErrorMessage(nodes.length, refused.counts, postFilters, devicesText, said),
      get nodes() {
        return refused.reasons;
      },
      plugins: refused.plugins,
      preemptionAsked: finding !== undefined,
      ...this.#outcomeOf(one, finding),
    };
  }

  /** A pod that may not preempt now keeps its nomination; one that cannot loses it. */
  #outcomeOf(
    one: AskedPod,
    finding: PreemptionFinding | undefined,
  ): Pick<Refusal, "preemption" | "nominated" | "outbid"> {
    if (finding === undefined || finding.kind === "ineligible" || finding.kind === "failed") return {};
    const nominated = finding.kind === "candidate" ? finding.node : null;
    const outbid = this.#parts.renominate(one, nominated);
    if (finding.kind === "none") return { nominated };
    return { nominated, preemption: planOf(finding), ...(outbid.length > 0 ? { outbid } : {}) };
  }

  /** Who would have to go, for somebody who only asks. */
  async planFor(one: AskedPod, nodes: NodeSlots, why: Refusals): Promise<PreemptionPlan | undefined> {
    if (nodes.length === 0 || !one.profile.postFilters.includes("DefaultPreemption")) return undefined;
    const finding = await this.#parts.preemption.find(one, nodes, this.#describe(why, nodes, one));
    return finding.kind === "candidate" ? planOf(finding) : undefined;
  }

  #textOfClaims({ volumes }: AskedPod, refused: RefusedNodes): string {
    if (volumes === undefined || volumes.pod.devices.length === 0) return NO_CLAIMS_TEXT;
    const { tables } = this.#parts;
    const refusing = refused.refusedBy("claimUnavailable").map((name) => tables.identityOf(name));
    return tables.volumes.devices.postFilterText(volumes.pod, refusing);
  }

  #describe(why: Refusals, nodes: NodeSlots, one: AskedPod): RefusedNodes {
    const known = this.#described.get(why) ?? new RefusedNodes(why, nodes, this.#parts.names, one);
    this.#described.set(why, known);
    return known;
  }
}

function planOf({ node, victims }: Extract<PreemptionFinding, { kind: "candidate" }>): PreemptionPlan {
  return { node, victims: victims.map(({ key }) => key) };
}

function sayOf(finding: PreemptionFinding | undefined, nodes: number): PreemptionSaid {
  switch (finding?.kind) {
    case undefined:
      return { text: "" };
    case "candidate":
      return "makes room";
    case "ineligible":
    case "failed":
      return { text: finding.why };
    case "none":
      return { text: preemptionText(nodes, finding.trials) };
  }
}
