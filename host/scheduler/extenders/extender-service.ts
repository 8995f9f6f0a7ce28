import type { V1Pod } from "../../api/generated/types.ts";
import type { Client } from "../../client/client.ts";
import { bind } from "../bind.ts";
import type { Judgement, StepwiseScheduler } from "../stepwise-decisions.ts";
import type { ClusterView } from "./http-extender.ts";
import {
  field,
  list,
  type MetaVictims,
  nodeName,
  object,
  readMetaVictims,
  ShapeError,
  strings,
  text,
} from "./shapes.ts";

/** The best score an extender may give. */
const MAX_SCORE = 10;

/** A question as an extender gets it: JSON with Go's names. */
type Args = Readonly<Record<string, unknown>>;

interface Parts {
  readonly client: Client;
  /** Another one after it was rebuilt. */
  readonly core: () => StepwiseScheduler;
  readonly cluster: ClusterView;
}

/**
 * This scheduler's judgement for another one: what an extender answers, by all filters and scores of the pod's profile, over
 * this scheduler's own view of the cluster. Throws ShapeError for a question that is none.
 */
export class ExtenderService {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Keeps the nodes that take the pod, and says why the others do not: for good, or only as long as other pods are there. */
  async filter(args: Args): Promise<object> {
    const pod = podOf(args);
    const asked = nodesOf(args);
    const judged = await this.#parts.core().judge(pod);
    const kept = new Set<string>();
    const failed: Record<string, string> = {};
    const unresolvable: Record<string, string> = {};
    for (const node of asked.names) {
      if (!("feasible" in judged)) {
        // Every node says the same, or the pod itself is at fault.
        if (judged.plugins.length === 0) return { Error: judged.message };
        unresolvable[node] = judged.nodes[node]?.join(", ") ?? notFound(node);
        continue;
      }
      const refusal = judged.refusalOf(node);
      if (refusal !== undefined)
        (refusal.resolvable ? failed : unresolvable)[node] = refusal.reasons.join(", ");
      else if (isFeasible(judged, node)) kept.add(node);
      else unresolvable[node] = notFound(node);
    }
    return {
      Nodes: asked.items && {
        metadata: {},
        items: asked.items.filter((_, i) => kept.has(asked.names[i]!)),
      },
      NodeNames: asked.items === undefined ? [...kept] : null,
      FailedNodes: failed,
      FailedAndUnresolvableNodes: unresolvable,
      Error: "",
    };
  }

  /** 10 for the best of the nodes, 0 for the worst and for those that do not take the pod; 10 for all that are alike. */
  async prioritize(args: Args): Promise<object> {
    const judged = await this.#parts.core().judge(podOf(args));
    const totals = new Map(
      "feasible" in judged ? judged.feasible.map(({ node, total }) => [node, total]) : [],
    );
    const { names } = nodesOf(args);
    const asked = names.flatMap((node) => totals.get(node) ?? []);
    const least = asked.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const most = asked.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const scoreOf = (total: number | undefined) => {
      if (total === undefined) return 0;
      return most === least ? MAX_SCORE : Math.floor((MAX_SCORE * (total - least)) / (most - least));
    };
    return names.map((Host) => ({ Host, Score: scoreOf(totals.get(Host)) }));
  }

  /** Binds as this scheduler binds: the API server has the last word. */
  async bind(args: Args): Promise<object> {
    const said = (name: string) => text(field(args, name), `ExtenderBindingArgs.${name}`);
    const uid = said("PodUID");
    const metadata = {
      namespace: said("PodNamespace"),
      name: said("PodName"),
      ...(uid === "" ? {} : { uid }),
    };
    try {
      await bind(this.#parts.client, { metadata }, said("Node"));
      return { Error: "" };
    } catch (error) {
      if (error instanceof ShapeError) throw error;
      return { Error: error instanceof Error ? error.message : String(error) };
    }
  }

  /** Drops nodes that do not take the pod even then, and adds victims where those that were named are not enough. */
  async preempt(args: Args): Promise<object> {
    const pod = podOf(args);
    const given = victimsOf(args);
    const core = this.#parts.core();
    const judged = await core.judge(pod);
    const offers = await core.offersOn(pod, new Set(given.keys()));
    const own = new Map(offers.map(({ node, victims }) => [node, victims]));
    const left: Record<string, object> = {};
    for (const [node, { uids, violations }] of given) {
      const victims = "feasible" in judged && isFeasible(judged, node) ? [] : own.get(node);
      if (victims === undefined) continue;
      const more = victims.flatMap((key) => this.#parts.cluster.pod(key)?.metadata?.uid ?? []);
      const all = new Set([...uids, ...more]);
      left[node] = { Pods: [...all].map((UID) => ({ UID })), NumPDBViolations: violations };
    }
    return { NodeNameToMetaVictims: left };
  }
}

function podOf(args: Args): V1Pod {
  const pod = object(field(args, "Pod"), "ExtenderArgs.Pod");
  if (text(object(pod["metadata"], "ExtenderArgs.Pod.metadata")["name"], "ExtenderArgs.Pod.name") === "")
    throw new ShapeError("ExtenderArgs.Pod: a pod with a name is required");
  return pod as V1Pod;
}

/** @returns whole nodes, too, if these were given */
function nodesOf(args: Args): { names: readonly string[]; items?: readonly unknown[] } {
  const names = strings(field(args, "NodeNames"), "ExtenderArgs.NodeNames");
  if (names !== undefined) return { names };
  const items = list(
    field(object(field(args, "Nodes"), "ExtenderArgs.Nodes"), "items") ?? [],
    "ExtenderArgs.Nodes.items",
  );
  return { names: items.map((node) => nodeName(node, "ExtenderArgs.Nodes.items")), items };
}

/** In either form. */
function victimsOf(args: Args): ReadonlyMap<string, MetaVictims> {
  const type = "ExtenderPreemptionArgs";
  const meta = field(args, "NodeNameToMetaVictims");
  if (meta != null) return readMetaVictims(meta, `${type}.NodeNameToMetaVictims`);
  const whole = object(field(args, "NodeNameToVictims"), `${type}.NodeNameToVictims`);
  const shown = Object.entries(whole).map(([node, one]) => {
    const victims = object(one, type);
    const pods = list(field(victims, "Pods") ?? [], `${type}.Pods`).map((pod) => ({
      UID: object(object(pod, type)["metadata"], type)["uid"],
    }));
    return [node, { Pods: pods, NumPDBViolations: field(victims, "NumPDBViolations") }];
  });
  return readMetaVictims(Object.fromEntries(shown), type);
}

function isFeasible(judged: Judgement, node: string): boolean {
  feasible.set(judged, feasible.get(judged) ?? new Set(judged.feasible.map((one) => one.node)));
  return feasible.get(judged)!.has(node);
}
const feasible = new WeakMap<Judgement, ReadonlySet<string>>();

function notFound(node: string): string {
  return `nodeinfo not found for node name "${node}"`;
}
