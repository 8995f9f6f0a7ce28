import type { WrittenArgs } from "../../host/scheduler/configuration/kube-scheduler-configuration.ts";
import type { Explanation } from "../../host/scheduler/library.ts";
import type { PluginArgs, SchedulerConfig } from "./model/profile.ts";
import { place, type Situation } from "./shorthand.ts";

/** What the tests of profiles are written in. */
export const HEAD = { apiVersion: "kubescheduler.config.k8s.io/v1", kind: "KubeSchedulerConfiguration" };

/** One profile with these plugins and arguments. */
export function profile(plugins: object, args: Partial<WrittenArgs> = {}): SchedulerConfig {
  const pluginConfig = Object.entries(args).map(([name, written]) => ({ name, args: written as PluginArgs }));
  return { ...HEAD, profiles: [{ plugins, pluginConfig }] };
}
export const withArgs = (args: Partial<WrittenArgs>) => profile({}, args);
export const off = (point: string, ...names: string[]) =>
  profile({ [point]: { disabled: names.map((name) => ({ name })) } });
export const explain = async (config: SchedulerConfig, situation: Situation) =>
  (await place({ ...situation, config })).explanation;

/** What a plugin gives each node: `normalized`, or `-` where it is not scored. */
export function scoresOf({ nodes }: Explanation, plugin: string): (number | string)[] {
  return nodes.map(({ scores }) => scores?.[plugin]?.normalized ?? "-");
}

export const PREEMPTION =
  "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";
