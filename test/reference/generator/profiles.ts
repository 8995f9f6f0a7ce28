import {
  DEFAULT_PLUGINS,
  type PluginArgs,
  type ProfileConfig,
  type SchedulerConfig,
} from "../model/profile.ts";
import type { Draw } from "./draw.ts";

const at = (point: string) =>
  DEFAULT_PLUGINS.filter(([, points]) => points.split(" ").includes(point)).map(([name]) => name);
const RESOURCES = [
  "cpu",
  "memory",
  "ephemeral-storage",
  "example.com/gpu",
  "hugepages-2Mi",
  "example.com/none",
];
/** Without these there is no scheduler. */
const NEEDED = ["SchedulingGates", "PrioritySort", "DefaultBinder"];

/** Draws KubeSchedulerConfigurations. */
export class ProfileGenerator {
  constructor(private readonly draw: Draw) {}

  config(): SchedulerConfig | undefined {
    if (this.draw.chance(35)) return undefined;
    const names = this.draw.chance(60) ? ["default-scheduler"] : ["default-scheduler", "batch"];
    return {
      apiVersion: "kubescheduler.config.k8s.io/v1",
      kind: "KubeSchedulerConfiguration",
      profiles: names.map((schedulerName) => this.profile(schedulerName)),
    };
  }

  private profile(schedulerName: string): ProfileConfig {
    const { draw } = this;
    const off = draw.chance(40) ? draw.some(this.removable(), 4) : [];
    const staying = DEFAULT_PLUGINS.map(([name]) => name).filter((name) => !off.includes(name));
    const weighted = (names: readonly string[]) =>
      names.map((name) => ({ name, ...(draw.chance(80) ? { weight: draw.pick([0, 1, 2, 7, 100]) } : {}) }));
    const scored = at("score").filter((name) => staying.includes(name));
    const filters = at("filter").filter((name) => staying.includes(name));
    const inNewOrder = draw.chance(15);
    const everything = [
      ...NEEDED,
      ...draw.some(
        staying.filter((name) => !NEEDED.includes(name)),
        20,
      ),
    ];
    return {
      schedulerName,
      plugins: {
        multiPoint: inNewOrder
          ? { disabled: [{ name: "*" }], enabled: weighted(everything) }
          : {
              disabled: off.map((name) => ({ name })),
              ...(draw.chance(30) ? { enabled: weighted(draw.some(staying, 3)) } : {}),
            },
        ...(draw.chance(50) && !inNewOrder
          ? {
              score: {
                disabled: draw.chance(15)
                  ? [{ name: "*" }]
                  : draw.some(scored, draw.chance(30) ? 3 : 0).map((name) => ({ name })),
                enabled: weighted(draw.some(scored, 3)),
              },
            }
          : {}),
        ...(draw.chance(30) && !inNewOrder
          ? {
              filter: {
                disabled: draw.some(this.unfilterable(filters), 2).map((name) => ({ name })),
                enabled: draw.some(filters, 3).map((name) => ({ name })),
              },
            }
          : {}),
        ...(draw.chance(10) && !inNewOrder
          ? { preEnqueue: { disabled: [{ name: "SchedulingGates" }] } }
          : {}),
        ...(draw.chance(15) && !inNewOrder
          ? {
              postFilter: { disabled: [{ name: draw.pick(["DynamicResources", "DefaultPreemption", "*"]) }] },
            }
          : {}),
      },
      pluginConfig: this.args(),
    };
  }

  /** NodePorts stays: two pods with one port on a node are a state that Kubernetes counts otherwise when one goes. */
  private removable(): string[] {
    return DEFAULT_PLUGINS.map(([name]) => name).filter((name) => ![...NEEDED, "NodePorts"].includes(name));
  }

  /** What Reserve does with a node that these let pass is not written anywhere. */
  private unfilterable(filters: readonly string[]): string[] {
    return filters.filter((name) => !["NodePorts", "VolumeBinding", "DynamicResources"].includes(name));
  }

  private args(): { name: string; args: PluginArgs }[] {
    const { draw } = this;
    const weights = (names: readonly string[], most: number) =>
      draw.some(names, most).map((name) => ({ name, weight: 1 + draw.below(most === 2 ? 1 : 100) }));
    const found: { name: string; args: PluginArgs }[] = [];
    const add = (name: string, args: PluginArgs) =>
      found.push({
        name,
        args: { apiVersion: "kubescheduler.config.k8s.io/v1", kind: `${name}Args`, ...args },
      });
    if (draw.chance(60))
      add("NodeResourcesFit", {
        ...(draw.chance(20)
          ? { ignoredResources: draw.some(["example.com/gpu", "example.com/unknown", "cpu"], 2) }
          : {}),
        ...(draw.chance(15) ? { ignoredResourceGroups: ["example.com"] } : {}),
        ...(draw.chance(85)
          ? { scoringStrategy: { ...this.strategy(), resources: weights(RESOURCES, 4) } }
          : {}),
      });
    if (draw.chance(30))
      add("NodeResourcesBalancedAllocation", {
        resources: draw.some(RESOURCES, 5).map((name) => ({ name, weight: 1 })),
      });
    if (draw.chance(40))
      add("InterPodAffinity", {
        ...(draw.chance(70) ? { hardPodAffinityWeight: draw.pick([0, 1, 5, 100]) } : {}),
        ...(draw.chance(40) ? { ignorePreferredTermsOfExistingPods: true } : {}),
      });
    if (draw.chance(40)) add("PodTopologySpread", this.spreading());
    if (draw.chance(40))
      add("DefaultPreemption", {
        minCandidateNodesPercentage: draw.pick([0, 10, 40]),
        minCandidateNodesAbsolute: draw.pick([1, 2, 3]),
      });
    if (draw.chance(20)) add("NodeAffinity", { addedAffinity: this.added() });
    return found;
  }

  private strategy() {
    const type = this.draw.pick(["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"]);
    if (type !== "RequestedToCapacityRatio") return { type };
    const points = [...new Set(this.draw.many(4, () => this.draw.below(101)))].sort((a, b) => a - b);
    const shape = [...(points.length > 0 ? points : [50])].map((utilization) => ({
      utilization,
      score: this.draw.below(11),
    }));
    return { type, requestedToCapacityRatio: { shape } };
  }

  private spreading(): PluginArgs {
    if (this.draw.chance(20)) return { defaultingType: "System" };
    const keys = this.draw.some(["zone", "kubernetes.io/hostname", "topology.kubernetes.io/zone"], 2);
    return {
      defaultingType: "List",
      defaultConstraints: keys.map((topologyKey) => ({
        topologyKey,
        maxSkew: this.draw.pick([1, 2, 5]),
        whenUnsatisfiable: this.draw.pick(["DoNotSchedule", "ScheduleAnyway"]),
        ...(this.draw.chance(20) ? { nodeTaintsPolicy: "Honor" } : {}),
      })),
    };
  }

  private added(): NonNullable<PluginArgs["addedAffinity"]> {
    const term = () => ({
      matchExpressions: [{ key: "zone", operator: "In", values: [this.draw.pick(["a", "b"])] }],
    });
    return {
      ...(this.draw.chance(60)
        ? { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term(), term()] } }
        : {}),
      ...(this.draw.chance(60)
        ? {
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 1 + this.draw.below(100), preference: term() },
            ],
          }
        : {}),
    };
  }
}
