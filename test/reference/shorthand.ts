import { expect } from "vitest";
import type { V1Container, V1Node, V1Pod, V1PodSpec, V1Taint } from "../../host/api/generated/types.ts";
import type { KubernetesObject } from "../../host/apimachinery/object.ts";
import { createScheduler, type Explanation, type SchedulerOptions } from "../../host/scheduler/library.ts";
import type { PluginArgs, ProfileConfig, SchedulerConfig } from "./model/profile.ts";
import { play, type Step } from "./session.ts";

/** `amounts("10m/20")` is 10m CPU and 20 bytes; further resources as `name=amount`: `amounts("1m/1 example.com/aaa=3")`. */
export function amounts(text: string): Record<string, string> {
  const list: Record<string, string> = {};
  for (const part of text.split(" ").filter(Boolean)) {
    const [name, amount] = part.split("=");
    if (amount !== undefined) list[name!] = amount;
    else [list["cpu"], list["memory"]] = part.split("/") as [string, string];
  }
  return list;
}

/** `taint("dedicated=user1:NoSchedule")` */
export function taint(text: string): V1Taint {
  const [, key, value, effect] = /^([^=:]+)=?([^:]*):(.*)$/.exec(text)!;
  return { key: key!, value: value!, effect: effect! };
}

/** `node("n1", "10m/20 pods=32", { zone: "a" }, "dedicated=user1:NoSchedule")` */
export function node(
  name: string,
  allocatable: string,
  labels: Record<string, string> = {},
  ...taints: string[]
): V1Node {
  return {
    metadata: { name, labels },
    spec: { taints: taints.map(taint) },
    status: { allocatable: { pods: "32", ...amounts(allocatable) } },
  };
}

export function container(requests: string, more: Partial<V1Container> = {}): V1Container {
  return { name: "c", resources: { requests: amounts(requests) }, ...more };
}

/** A pod with a container for each text of requests. */
export function pod(name: string, requests: string | string[], spec: Partial<V1PodSpec> = {}): V1Pod {
  const texts = typeof requests === "string" ? [requests] : requests;
  const containers = texts.map((text, i) => ({ ...container(text), name: `c${i}` }));
  return { metadata: { name, namespace: "default" }, spec: { containers, ...spec } };
}

export function bound(
  name: string,
  requests: string,
  nodeName: string,
  spec: Partial<V1PodSpec> = {},
): V1Pod {
  return pod(name, requests, { nodeName, ...spec });
}

/** The pod with these labels. */
export function withLabels(one: V1Pod, labels: Record<string, string>): V1Pod {
  return { ...one, metadata: { ...one.metadata, labels } };
}

export interface Situation {
  readonly nodes: readonly V1Node[];
  readonly bound?: readonly V1Pod[];
  /** Services, owners, namespaces. */
  readonly objects?: readonly KubernetesObject[];
  /** How many pods like this are placed together; 1 unless said. */
  readonly replicas?: number;
  readonly pod: V1Pod;
  readonly config?: SchedulerConfig;
}

interface Outcome {
  readonly explanation: Explanation;
  readonly node: string | null;
  /** Empty when the pod was placed. */
  readonly message: string;
  /** Of each replica. */
  readonly placed: readonly (string | null)[];
}

/**
 * Explains and places one pod in a cluster of its own, on the debug build unless told otherwise. The reference model has to
 * agree, so that a table's row is a test of both.
 */
export async function place(situation: Situation, options: SchedulerOptions = {}): Promise<Outcome> {
  const { nodes, bound: pods = [], objects = [], pod: wanted, config } = situation;
  const steps: Step[] = [
    ...nodes.map((one) => ({ node: one })),
    ...objects.map((one) => ({ object: one })),
    ...pods.map((one) => ({ bound: one })),
    ...replicasOf(situation).map((one) => ({ place: one })),
  ];
  expect(await play({ config, steps }, { flavour: "debug", ...options })).toBeUndefined();
  const scheduler = await createScheduler({ thread: "caller", flavour: "debug", config, ...options });
  try {
    for (const one of nodes) scheduler.addNode(one);
    for (const one of objects) scheduler.addObject(one);
    for (const one of pods) scheduler.addPod(one);
    const explanation = await scheduler.explain(wanted);
    const decisions = await scheduler.schedule(replicasOf(situation));
    const [decision] = decisions;
    return {
      explanation,
      node: decision!.node,
      message: decision!.node === null ? decision!.message : "",
      placed: decisions.map((one) => one.node),
    };
  } finally {
    await scheduler.close();
  }
}

function replicasOf({ pod: wanted, replicas = 1 }: Situation): V1Pod[] {
  return Array.from({ length: replicas }, (_, i): V1Pod => {
    const name = i === 0 ? wanted.metadata?.name : `${wanted.metadata?.name}-${i}`;
    return { ...wanted, metadata: { ...wanted.metadata, name } };
  });
}

/** The first node's refusal as `NodeResourcesFit: Insufficient cpu, Insufficient memory`, or `fits`. */
export function refusalOf(explanation: Explanation, index = 0): string {
  const { rejectedBy, reasons = [] } = explanation.nodes[index]!;
  return rejectedBy === undefined ? "fits" : `${rejectedBy}: ${reasons.join(", ")}`;
}

/** Each node's refusal, in order. */
export const refusalsOf = (explanation: Explanation) =>
  explanation.nodes.map((_, i) => refusalOf(explanation, i));

/** A configuration of one profile. */
export function profile(one: ProfileConfig): SchedulerConfig {
  return {
    apiVersion: "kubescheduler.config.k8s.io/v1",
    kind: "KubeSchedulerConfiguration",
    profiles: [{ schedulerName: "default-scheduler", ...one }],
  };
}

/** A configuration that only gives a plugin arguments. */
export function withArgs(name: string, args: PluginArgs): SchedulerConfig {
  const kinds = { apiVersion: "kubescheduler.config.k8s.io/v1", kind: `${name}Args` };
  return profile({ pluginConfig: [{ name, args: { ...kinds, ...args } }] });
}

/** Every feasible node's score by a plugin; a plugin that says nothing says 0. */
export async function scores(
  plugin: string,
  what: "raw" | "normalized" | "weighted",
  situation: Situation,
): Promise<number[]> {
  const { explanation } = await place(situation);
  return explanation.nodes.map((one) => one.scores?.[plugin]?.[what] ?? 0);
}

/** What each node says, by its name: `fits`, or `Plugin: reason, reason`. */
export async function refusals(situation: Situation): Promise<Record<string, string>> {
  const { explanation } = await place(situation);
  return Object.fromEntries(explanation.nodes.map(({ node: name }, i) => [name, refusalOf(explanation, i)]));
}
