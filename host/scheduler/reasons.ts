import type { CoreNames, FilterName, Refusals } from "../wasm/scheduler-facts.ts";

/**
 * Why a pod fits nowhere, in kube-scheduler's words. Source: framework.FitError and each plugin's ErrReason.
 */
const REASONS: Record<
  Exclude<FilterName, "none" | "absent" | "NodeResourcesFit" | "VolumeBinding" | "missingClaim">,
  string
> = {
  prefilter: "node(s) didn't satisfy plugin(s) [NodeAffinity]",
  NodeUnschedulable: "node(s) were unschedulable",
  NodeName: "node(s) didn't match the requested node name",
  TaintToleration: "node(s) had untolerated taint(s)",
  addedAffinity: "node(s) didn't match scheduler-enforced node affinity",
  NodeAffinity: "node(s) didn't match Pod's node affinity/selector",
  NodePorts: "node(s) didn't have free ports for the requested pod ports",
  VolumeRestrictions: "node(s) had no available disk",
  readWriteOncePod:
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod",
  NodeVolumeLimits: "node(s) exceed max volume count",
  VolumeZone: "node(s) had no available volume zone",
  PodTopologySpread: "node(s) didn't match pod topology spread constraints",
  topologyLabelMissing: "node(s) didn't match pod topology spread constraints (missing required label)",
  InterPodAffinity: "node(s) didn't match pod affinity rules",
  antiAffinity: "node(s) didn't match pod anti-affinity rules",
  othersAntiAffinity: "node(s) didn't satisfy existing pods anti-affinity rules",
  DynamicResources: "cannot allocate all claims",
  claimUnavailable: "resourceclaim not available on the node",
  NodeDeclaredFeatures: "node(s) didn't match Pod's required features",
};

/** What DynamicResources' PostFilter says of a pod without claims, and of one with claims that cannot be helped. */
export const NO_CLAIMS_TEXT = "no new claims to deallocate";
export const CLAIMS_TEXT = "still not schedulable";

/** The reasons of VolumeBinding, in the order in which one node gives them. */
const VOLUME_REASONS: readonly (readonly [keyof CoreNames["volumeRefusals"], string])[] = [
  ["nodeConflict", "node(s) didn't match PersistentVolume's node affinity"],
  ["bindConflict", "node(s) didn't find available persistent volumes to bind"],
  ["freeStorage", "node(s) did not have enough free storage"],
  ["missingVolume", "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"],
];

/** Filters of the core that are one reason of a plugin that has several. */
const PLUGINS: Partial<Record<FilterName, string>> = {
  prefilter: "NodeAffinity",
  addedAffinity: "NodeAffinity",
  readWriteOncePod: "VolumeRestrictions",
  missingClaim: "NodeVolumeLimits",
  topologyLabelMissing: "PodTopologySpread",
  antiAffinity: "InterPodAffinity",
  othersAntiAffinity: "InterPodAffinity",
  claimUnavailable: "DynamicResources",
};

/** What may be otherwise once other pods are gone (status Unschedulable). */
const RESOLVABLE: readonly FilterName[] = [
  "NodePorts",
  "VolumeRestrictions",
  "readWriteOncePod",
  "NodeVolumeLimits",
  "PodTopologySpread",
  "antiAffinity",
  "othersAntiAffinity",
];

export const NO_NODES = "no nodes available to schedule pods";
export const AFFINITY_CONFLICT = "pod affinity terms conflict";
export const NOT_HELPFUL = "Preemption is not helpful for scheduling";
export const NO_VICTIMS = "No preemption victims found for incoming pod";
export const NEVER = "not eligible due to preemptionPolicy=Never.";

/** Why one node refused a pod. */
export interface NodeRefusal {
  readonly rejectedBy: string;
  readonly reasons: readonly string[];
  /** Removing pods could make room (status Unschedulable, not …AndUnresolvable). */
  readonly resolvable: boolean;
}

/** What of a pod its refusals name. */
interface PodWords {
  readonly extended: readonly string[];
  readonly volumes: { readonly missing: string | undefined } | undefined;
}

/**
 * Puts a slot's refusal in words.
 *
 * @param pod  its extended resources, in the order the core knows them by, and what is said of a claim that is missing
 */
export function describeRefusal(
  refusals: Refusals,
  slot: number,
  names: CoreNames,
  { extended, volumes }: PodWords,
): NodeRefusal | undefined {
  const filter = names.filters[refusals.rejectedBy[slot]!]!;
  switch (filter) {
    case "none":
    case "absent":
      return undefined;
    case "NodeResourcesFit":
      return describeShortage(refusals.insufficient[slot]!, names, extended);
    case "missingClaim":
      return { rejectedBy: PLUGINS[filter]!, reasons: [volumes?.missing ?? ""], resolvable: false };
    case "VolumeBinding": {
      const bits = refusals.insufficient[slot]!;
      const reasons = VOLUME_REASONS.filter(([name]) => (bits & names.volumeRefusals[name]) !== 0);
      return { rejectedBy: filter, reasons: reasons.map(([, reason]) => reason), resolvable: false };
    }
    default:
      return {
        rejectedBy: PLUGINS[filter] ?? filter,
        reasons: [REASONS[filter]],
        resolvable: RESOLVABLE.includes(filter),
      };
  }
}

/** NodeResourcesFit names every resource that is short. */
function describeShortage(bits: number, names: CoreNames, extended: readonly string[]): NodeRefusal {
  const has = (bit: number) => (bits & (1 << bit)) !== 0;
  const at = names.insufficient;
  const reasons: string[] = [];
  if (has(at.pods)) reasons.push("Too many pods");
  if (has(at.cpu)) reasons.push("Insufficient cpu");
  if (has(at.memory)) reasons.push("Insufficient memory");
  if (has(at.ephemeralStorage)) reasons.push("Insufficient ephemeral-storage");
  extended.forEach((name, i) => {
    if (has(at.extended + i)) reasons.push(`Insufficient ${name}`);
  });
  return { rejectedBy: "NodeResourcesFit", reasons, resolvable: !has(at.unresolvable) };
}

/** Between the reasons of one node, where they stand in one text. */
export const SEPARATOR = "\n";

/** `1 Insufficient cpu, 2 node(s) were unschedulable`: each reason with its nodes, sorted as text by bytes. */
function histogram(counted: Iterable<readonly [reasons: readonly string[], nodes: number]>): string {
  const counts = new Map<string, number>();
  for (const [reasons, nodes] of counted)
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + nodes);
  const parts = [...counts].map(([reason, count]) => Buffer.from(`${count} ${reason}`));
  return parts.sort(Buffer.compare).join(", ");
}

function unavailable(
  nodes: number,
  counted: Iterable<readonly [reasons: readonly string[], nodes: number]>,
): string {
  const text = histogram(counted);
  return `0/${nodes} nodes are available:${text === "" ? "" : ` ${text}.`}`;
}

/** Which PostFilter plugins the profile of a pod has, in their order. */
export type PostFilters = readonly ("DynamicResources" | "DefaultPreemption")[];

/** What the PostFilters say, besides DynamicResources: that preemption makes room, or why not. */
export type PreemptionSaid = "makes room" | { readonly text: string };

/** `0/3 nodes are available: 3 Insufficient cpu.`: what preemption says of nodes that cannot help, by the reasons they give. */
export function preemptionText(nodes: number, trials: ReadonlyMap<string, number>): string {
  return unavailable(
    nodes,
    [...trials].map(([reasons, count]) => [reasons.split(SEPARATOR), count] as const),
  );
}

/**
 * The whole text for a pod that no node takes: the histogram, then what the PostFilters say, one after the other.
 *
 * @param refused      how many nodes gave each refusal
 * @param devicesText  what DynamicResources says
 */
export function fitErrorMessage(
  nodes: number,
  refused: ReadonlyMap<NodeRefusal, number>,
  postFilters: PostFilters,
  devicesText: string,
  preemption: PreemptionSaid,
): string {
  const text = unavailable(
    nodes,
    [...refused].map(([{ reasons }, count]) => [reasons, count] as const),
  );
  // kube-scheduler then says nothing more.
  if (preemption === "makes room" && postFilters.includes("DefaultPreemption")) return text;
  const said = postFilters.map((plugin) =>
    plugin === "DynamicResources"
      ? devicesText
      : `preemption: ${preemption === "makes room" ? "" : preemption.text}`,
  );
  return said.length === 0 ? text : `${text} ${said.join(", ")}`;
}

/**
 * The text when a PreFilter already refused: no node is left that preemption would help on. DynamicResources' PostFilter
 * fails for want of state if its own PreFilter was not reached: it says so, and nothing else is said.
 *
 * @param devicesText what DynamicResources says; undefined: it was not reached
 */
export function prefilterMessage(
  nodes: number,
  reason: string,
  mayPreempt: boolean,
  postFilters: PostFilters,
  devicesText: string | undefined,
): string {
  const text = `0/${nodes} nodes are available: ${reason}.`;
  if (postFilters.includes("DynamicResources") && devicesText === undefined) return `${text} not found`;
  const preemption = mayPreempt ? preemptionText(nodes, new Map([[NOT_HELPFUL, nodes]])) : NEVER;
  const said = postFilters.map((plugin) =>
    plugin === "DynamicResources" ? devicesText : `preemption: ${preemption}`,
  );
  return said.length === 0 ? text : `${text} ${said.join(", ")}`;
}
