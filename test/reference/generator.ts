import type {
  V1Container,
  V1Node,
  V1NodeSelectorRequirement,
  V1NodeSelectorTerm,
  V1Pod,
  V1Taint,
  V1Toleration,
} from "../../host/api/generated/types.ts";
import type { KubernetesObject } from "../../host/apimachinery/object.ts";
import type { Random } from "../../host/apimachinery/random.ts";
import { hostPorts } from "./filters.ts";
import { TopologyGenerator } from "./topology-generator.ts";

/** Draws clusters and pods that mix every feature, from few values each so that things meet. */
export class Generator {
  private readonly topology = new TopologyGenerator(this);

  constructor(private readonly random: Random) {}

  chance(percent: number): boolean {
    return this.random.below(100) < percent;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.random.below(values.length)]!;
  }

  many<T>(most: number, make: (i: number) => T): T[] {
    return Array.from({ length: this.random.below(most + 1) }, (_, i) => make(i));
  }

  below(bound: number): number {
    return this.random.below(bound);
  }

  node(name: string): V1Node {
    const labels: Record<string, string> = {};
    if (this.chance(80)) labels["zone"] = this.pick(["a", "b", "c"]);
    if (this.chance(60)) labels["disk"] = this.pick(["ssd", "hdd", ""]);
    if (this.chance(60)) labels["kernel"] = this.pick(["0204", "0206", "7", "-3", "x1"]);
    if (this.chance(70)) labels["kubernetes.io/hostname"] = name;
    if (this.chance(70)) labels["topology.kubernetes.io/zone"] = this.pick(["a", "b", "c", ""]);
    const allocatable: Record<string, string> = {};
    if (this.chance(97)) allocatable["cpu"] = this.pick(["4", "1500m", "16", "0.5", "64", "0", "2147483"]);
    if (this.chance(97)) allocatable["memory"] = this.memory();
    if (this.chance(97)) allocatable["pods"] = this.pick(["110", "3", "8", "0"]);
    if (this.chance(60)) allocatable["ephemeral-storage"] = this.pick(["10Gi", "28727588291", "0"]);
    if (this.chance(30)) allocatable["example.com/gpu"] = this.pick(["0", "1", "4", "8"]);
    if (this.chance(20)) allocatable["hugepages-2Mi"] = this.pick(["0", "64Mi"]);
    return {
      metadata: { name, labels },
      spec: {
        ...(this.chance(10) ? { unschedulable: true } : {}),
        ...(this.chance(40) ? { taints: this.many(3, () => this.taint()) } : {}),
      },
      status: { allocatable },
    };
  }

  memory(): string {
    return this.pick([
      "8Gi",
      "28727588291",
      "1000000007",
      "16393208Ki",
      "512Mi",
      "0",
      "1.5Gi",
      `${1 + this.below(2 ** 32)}`,
    ]);
  }

  private taint(): V1Taint {
    const key = this.pick(["dedicated", "noisy", "node.kubernetes.io/unschedulable"]);
    const value = this.pick(["", "user1", "user2"]);
    const effect = this.pick(["NoSchedule", "PreferNoSchedule", "PreferNoSchedule", "NoExecute"]);
    return value === "" ? { key, effect } : { key, value, effect };
  }

  private toleration(): V1Toleration {
    const operator = this.pick(["", "Equal", "Exists", "Gt"]);
    const key = this.pick(["dedicated", "noisy", "node.kubernetes.io/unschedulable", ""]);
    const effect = this.pick(["", "", "NoSchedule", "PreferNoSchedule", "NoExecute"]);
    return { key, operator, effect, ...(operator === "Exists" ? {} : { value: this.pick(["user1", ""]) }) };
  }

  pod(name: string, nodeNames: readonly string[]): V1Pod {
    return {
      metadata: this.topology.metadata(name),
      spec: {
        containers: [this.container("c0"), ...this.many(2, (i) => this.container(`c${i + 1}`))],
        ...(this.chance(25) ? { initContainers: this.many(3, (i) => this.initContainer(`i${i}`)) } : {}),
        ...(this.chance(10) ? { overhead: { cpu: "10m", memory: "7" } } : {}),
        ...(this.chance(10)
          ? { resources: { [this.pick(["requests", "limits"])]: this.podLevelList() } }
          : {}),
        ...(this.chance(8) ? { hostNetwork: true } : {}),
        ...(this.chance(25) ? { nodeSelector: this.nodeSelector() } : {}),
        ...(this.chance(40) ? { topologySpreadConstraints: this.topology.constraints() } : {}),
        affinity: {
          ...(this.chance(30) ? { nodeAffinity: this.nodeAffinity(nodeNames) } : {}),
          ...(this.chance(35) ? this.topology.podAffinity() : {}),
        },
        ...(this.chance(45) ? { tolerations: this.many(3, () => this.toleration()) } : {}),
        ...(this.chance(3) ? { nodeName: this.pick([...nodeNames, "nowhere"]) } : {}),
        ...(this.chance(30) ? { priority: this.pick([-5, 0, 10, 1000]) } : {}),
        ...(this.chance(8) ? { preemptionPolicy: "Never" } : {}),
      },
    };
  }

  object(): KubernetesObject {
    return this.topology.object();
  }

  /** The pod with other labels, or being deleted. */
  relabelled(pod: V1Pod): V1Pod {
    const change = this.chance(50)
      ? { labels: this.topology.labels() }
      : { deletionTimestamp: "2026-01-01T00:00:00Z" };
    return { ...pod, metadata: { ...pod.metadata!, ...change } };
  }

  private container(name: string): V1Container {
    const ports = this.chance(15)
      ? {
          ports: this.many(2, () => ({
            containerPort: this.pick([80, 8001]),
            ...(this.chance(70) ? { hostPort: this.pick([8001, 8002, 53]) } : {}),
            ...(this.chance(40) ? { hostIP: this.pick(["127.0.0.1", "10.0.0.1", "::", ""]) } : {}),
            ...(this.chance(50) ? { protocol: this.pick(["TCP", "UDP", "SCTP"]) } : {}),
          })),
        }
      : {};
    return { name, ...ports, ...this.resources() };
  }

  private initContainer(name: string): V1Container {
    return { ...this.container(name), ...(this.chance(50) ? { restartPolicy: "Always" } : {}) };
  }

  private resources(): Pick<V1Container, "resources"> {
    if (this.chance(15)) return {};
    return {
      resources: {
        ...(this.chance(90) ? { requests: this.resourceList() } : {}),
        ...(this.chance(20) ? { limits: this.resourceList() } : {}),
      },
    };
  }

  private resourceList(): Record<string, string> {
    const list: Record<string, string> = {};
    if (this.chance(80))
      list["cpu"] = this.pick(["100m", "1", "0", "250m", "0.0001", "1500m", "3", "9000000"]);
    if (this.chance(80))
      list["memory"] = this.pick(["64Mi", "1Gi", "0", "123456789", "1k", "0.5", "300M", "70Ti"]);
    if (this.chance(10)) list["ephemeral-storage"] = this.pick(["1Gi", "0", "11Gi"]);
    if (this.chance(10)) list["example.com/gpu"] = this.pick(["0", "1", "3"]);
    if (this.chance(3)) list["example.com/unknown"] = "1";
    if (this.chance(4)) list["hugepages-2Mi"] = this.pick(["4Mi", "32Mi"]);
    if (this.chance(3)) list["ignored"] = "5";
    return list;
  }

  private podLevelList(): Record<string, string> {
    if (this.chance(50)) return { cpu: this.pick(["2", "3", "900000"]) };
    return { [this.pick(["memory", "hugepages-2Mi"])]: this.pick(["2", "1000000", "70Ti"]) };
  }

  private nodeSelector(): Record<string, string> {
    return this.chance(70)
      ? { zone: this.pick(["a", "b", "d"]) }
      : { disk: this.pick(["ssd", ""]), zone: this.pick(["a", "b"]) };
  }

  private nodeAffinity(nodeNames: readonly string[]) {
    return {
      ...(this.chance(50)
        ? {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: this.many(3, () => this.term(nodeNames)),
            },
          }
        : {}),
      ...(this.chance(70)
        ? {
            preferredDuringSchedulingIgnoredDuringExecution: this.many(4, () => ({
              weight: 1 + this.below(100),
              preference: this.preferredTerm(),
            })),
          }
        : {}),
    };
  }

  private term(nodeNames: readonly string[]): V1NodeSelectorTerm {
    const requirement = () => ({
      key: "metadata.name",
      operator: this.pick(["In", "In", "NotIn"]),
      values: this.chance(90) ? [this.pick(nodeNames)] : [this.pick(nodeNames), this.pick(nodeNames)],
    });
    return {
      ...(this.chance(80) ? { matchExpressions: this.many(2, () => this.requirement(false)) } : {}),
      ...(this.chance(20) ? { matchFields: this.many(2, requirement) } : {}),
    };
  }

  /** Preferred terms must parse; a required one that does not matches nothing. */
  private preferredTerm(): V1NodeSelectorTerm {
    return { matchExpressions: this.many(2, () => this.requirement(true)) };
  }

  private requirement(valid: boolean): V1NodeSelectorRequirement {
    const operator = this.pick(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]);
    if (operator === "Gt" || operator === "Lt")
      return { key: "kernel", operator, values: [valid ? "0204" : this.pick(["0204", "7", "-9", "abc"])] };
    const key = this.pick(["zone", "disk", "kernel", "kubernetes.io/hostname", "missing"]);
    if (operator === "Exists" || operator === "DoesNotExist") return { key, operator };
    const values = this.many(2, () => this.pick(["a", "b", "ssd", "hdd", "7", "node-1", ""]));
    return { key, operator, values: valid && values.length === 0 ? ["a"] : values };
  }

  /** A bound pod, perhaps in the middle of a resize; without the ports that another pod there holds already. */
  boundPod(name: string, node: string, nodeNames: readonly string[], there: readonly V1Pod[]): V1Pod {
    const pod = this.pod(name, nodeNames);
    const spec = { ...pod.spec!, nodeName: node };
    const modest = (list: Record<string, string> | undefined) => {
      const small = { ...list };
      for (const name in small) if (small[name] === "70Ti") small[name] = "70Ki";
      if (Number(small["cpu"]) > 1000) small["cpu"] = "90m";
      return small;
    };
    // Amounts that no node may hold are a capacity error, tested elsewhere.
    const trim = <T extends Pick<V1Container, "resources">>(one: T): T => {
      if (!one.resources) return one;
      const { requests, limits } = one.resources;
      return { ...one, resources: { requests: modest(requests), limits: modest(limits) } };
    };
    Object.assign(spec, trim(spec));
    spec.containers = spec.containers.map(trim);
    if (spec.initContainers) spec.initContainers = spec.initContainers.map(trim);
    const taken = new Set(there.flatMap(hostPorts).map((port) => JSON.stringify(port)));
    const bound: V1Pod = { ...pod, spec };
    if (hostPorts(bound).some((port) => taken.has(JSON.stringify(port)))) {
      spec.hostNetwork = false;
      for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) delete container.ports;
    }
    if (this.chance(20)) bound.status = this.resizing(bound);
    return bound;
  }

  private resizing(pod: V1Pod): NonNullable<V1Pod["status"]> {
    const state = (container: V1Container) => ({
      name: container.name,
      ready: true,
      restartCount: 0,
      image: "",
      imageID: "",
      ...(this.chance(80)
        ? { resources: { requests: { cpu: this.pick(["50m", "700m"]), memory: "2Gi" } } }
        : {}),
      ...(this.chance(50) ? { allocatedResources: { cpu: this.pick(["60m", "800m"]) } } : {}),
    });
    return {
      phase: "Running",
      containerStatuses: pod.spec!.containers.map(state),
      initContainerStatuses: (pod.spec!.initContainers ?? []).map(state),
      ...(this.chance(30)
        ? { conditions: [{ type: "PodResizePending", status: "True", reason: "Infeasible" }] }
        : {}),
    };
  }
}
