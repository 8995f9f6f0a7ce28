import type {
  V1Affinity,
  V1LabelSelector,
  V1PodAffinityTerm,
  V1TopologySpreadConstraint,
} from "../../../host/api/generated/types.ts";
import type { KubernetesObject, ObjectMeta } from "../../../host/apimachinery/object.ts";
import type { Draw } from "./draw.ts";

const KEYS = ["zone", "disk", "kubernetes.io/hostname", "topology.kubernetes.io/zone", "nowhere"];
const NAMESPACES = ["default", "prod", "unknown"];
const OWNERS = [
  { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web-1" },
  { apiVersion: "apps/v1", kind: "StatefulSet", name: "db" },
  { apiVersion: "v1", kind: "ReplicationController", name: "old" },
  { apiVersion: "apps/v1", kind: "DaemonSet", name: "log" },
];

/** Draws what pods ask of other pods: labels, constraints, affinity, and the objects these are read with. */
export class TopologyGenerator {
  constructor(private readonly draw: Draw) {}

  labels(): Record<string, string> {
    const labels: Record<string, string> = {};
    if (this.draw.chance(80)) labels["app"] = this.draw.pick(["web", "db", ""]);
    if (this.draw.chance(50)) labels["tier"] = this.draw.pick(["front", "back"]);
    if (this.draw.chance(20)) labels["hash"] = this.draw.pick(["1", "2"]);
    return labels;
  }

  metadata(name: string): ObjectMeta {
    const uid = "1";
    return {
      name,
      namespace: this.draw.chance(80) ? "default" : this.draw.pick(NAMESPACES),
      ...(this.draw.chance(85) ? { labels: this.labels() } : {}),
      ...(this.draw.chance(40)
        ? { ownerReferences: [{ ...this.draw.pick(OWNERS), uid, controller: this.draw.chance(90) }] }
        : {}),
    };
  }

  /** A budget as its controller leaves it: how many of its pods may go. */
  budget(): KubernetesObject {
    const body = {
      spec: {
        selector: this.draw.chance(60)
          ? { matchLabels: { app: this.draw.pick(["web", "db", ""]) } }
          : this.selector(),
      },
      status: {
        disruptionsAllowed: this.draw.pick([0, 0, 0, 1]),
        ...(this.draw.chance(20) ? { disruptedPods: { "bound-0": "2026-01-01T00:00:00Z" } } : {}),
      },
    };
    const metadata = { name: this.draw.pick(["a", "b"]), namespace: "default" };
    return { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata, ...body } as KubernetesObject;
  }

  constraints(): V1TopologySpreadConstraint[] {
    return this.draw.many(3, () => ({
      topologyKey: this.draw.pick(this.draw.chance(90) ? KEYS.slice(0, 4) : KEYS),
      maxSkew: this.draw.pick([1, 1, 2, 3, 2147483647]),
      whenUnsatisfiable: this.draw.pick(["DoNotSchedule", "ScheduleAnyway", "ScheduleAnyway"]),
      ...(this.draw.chance(90) ? { labelSelector: this.selector() } : {}),
      ...(this.draw.chance(20) ? { minDomains: this.draw.pick([1, 2, 4]) } : {}),
      ...(this.draw.chance(30) ? { nodeAffinityPolicy: this.draw.pick(["Honor", "Ignore"]) } : {}),
      ...(this.draw.chance(30) ? { nodeTaintsPolicy: this.draw.pick(["Honor", "Ignore"]) } : {}),
      ...(this.draw.chance(20) ? { matchLabelKeys: [this.draw.pick(["hash", "tier", "none"])] } : {}),
    }));
  }

  podAffinity(): Pick<V1Affinity, "podAffinity" | "podAntiAffinity"> {
    const lists = (most: number) => ({
      ...(this.draw.chance(40)
        ? { requiredDuringSchedulingIgnoredDuringExecution: this.draw.many(most, () => this.term()) }
        : {}),
      ...(this.draw.chance(60)
        ? {
            preferredDuringSchedulingIgnoredDuringExecution: this.draw.many(3, () => ({
              weight: 1 + this.draw.below(100),
              podAffinityTerm: this.term(),
            })),
          }
        : {}),
    });
    return {
      ...(this.draw.chance(60) ? { podAffinity: lists(2) } : {}),
      ...(this.draw.chance(60) ? { podAntiAffinity: lists(1) } : {}),
    };
  }

  object(): KubernetesObject {
    const namespace = this.draw.pick(["default", "prod"]);
    if (this.draw.chance(30)) {
      const labels: Record<string, string> = this.draw.chance(70) ? { team: this.draw.pick(["a", "b"]) } : {};
      return { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels } };
    }
    const labels = this.labels();
    if (this.draw.chance(50)) {
      const selector = this.draw.chance(80) ? { selector: labels } : {};
      const metadata = { name: this.draw.pick(["s1", "s2"]), namespace };
      return { apiVersion: "v1", kind: "Service", metadata, spec: selector } as KubernetesObject;
    }
    const { name, ...type } = this.draw.pick(OWNERS);
    const selector = type.kind === "ReplicationController" ? labels : this.selector();
    return { ...type, metadata: { name, namespace }, spec: { selector } } as KubernetesObject;
  }

  private term(): V1PodAffinityTerm {
    return {
      topologyKey: this.draw.pick(this.draw.chance(90) ? KEYS.slice(0, 4) : KEYS),
      ...(this.draw.chance(95) ? { labelSelector: this.selector() } : {}),
      ...(this.draw.chance(20) ? { namespaces: [this.draw.pick(NAMESPACES)] } : {}),
      ...(this.draw.chance(25) ? { namespaceSelector: this.namespaceSelector() } : {}),
      ...(this.draw.chance(15) ? { matchLabelKeys: [this.draw.pick(["hash", "none"])] } : {}),
      ...(this.draw.chance(15) ? { mismatchLabelKeys: [this.draw.pick(["hash", "tier"])] } : {}),
    };
  }

  private selector(): V1LabelSelector {
    if (this.draw.chance(10)) return {};
    if (this.draw.chance(50)) return { matchLabels: { app: this.draw.pick(["web", "db"]) } };
    return {
      matchExpressions: [this.requirement("app", ["web", "db", ""]), this.requirement("tier", ["front"])],
    };
  }

  private namespaceSelector(): V1LabelSelector {
    return this.draw.chance(20) ? {} : { matchExpressions: [this.requirement("team", ["a", "b"])] };
  }

  private requirement(key: string, values: string[]) {
    const operator = this.draw.pick(["In", "NotIn", "Exists", "DoesNotExist"]);
    if (operator === "Exists" || operator === "DoesNotExist") return { key, operator };
    return { key, operator, values: [this.draw.pick(values)] };
  }
}
