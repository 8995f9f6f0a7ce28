import type {
  V1Container,
  V1NodeSelectorRequirement,
  V1NodeSelectorTerm,
  V1Pod,
  V1PodSpec,
  V1Toleration,
} from "../../../host/api/generated/types.ts";
import { hostPorts } from "../model/node-filters.ts";
import type { Draw } from "./draw.ts";
import { IMAGES } from "./nodes.ts";
import type { TopologyGenerator } from "./topology.ts";

/** Draws pods that mix every feature. */
export class PodGenerator {
  constructor(
    private readonly draw: Draw,
    private readonly topology: TopologyGenerator,
    /** Names that a pod may ask for as its scheduler. */
    private readonly schedulers: readonly (string | undefined)[],
    /** Requests that no node can hold are left out where NodeResourcesFit may be off. */
    private readonly modest: boolean,
    /** Few asks of nodes, so that the later plugins are asked. */
    private readonly calm: boolean,
  ) {}

  private toleration(): V1Toleration {
    const operator = this.draw.pick(["", "Equal", "Exists", "Gt"]);
    const key = this.draw.pick(["dedicated", "noisy", "node.kubernetes.io/unschedulable", ""]);
    const effect = this.draw.pick(["", "", "NoSchedule", "PreferNoSchedule", "NoExecute"]);
    return {
      key,
      operator,
      effect,
      ...(operator === "Exists" ? {} : { value: this.draw.pick(["user1", ""]) }),
    };
  }

  pod(name: string, nodeNames: readonly string[]): V1Pod {
    const scheduler = this.draw.pick(this.schedulers);
    return {
      metadata: { ...this.topology.metadata(name), uid: `uid-${name}` },
      spec: {
        ...(scheduler === undefined ? {} : { schedulerName: scheduler }),
        containers: [this.container("c0"), ...this.draw.many(2, (i) => this.container(`c${i + 1}`))],
        ...(this.draw.chance(25)
          ? { initContainers: this.draw.many(3, (i) => this.initContainer(`i${i}`)) }
          : {}),
        ...(this.draw.chance(10) ? { overhead: { cpu: "10m", memory: "7" } } : {}),
        ...(this.draw.chance(10)
          ? { resources: { [this.draw.pick(["requests", "limits"])]: this.podLevelList() } }
          : {}),
        ...(this.draw.chance(8) ? { hostNetwork: true, ...this.hostUsers() } : {}),
        ...this.imageVolumes(),
        ...(this.draw.chance(this.calm ? 5 : 25) ? { nodeSelector: this.nodeSelector() } : {}),
        ...(this.draw.chance(40) ? { topologySpreadConstraints: this.topology.constraints() } : {}),
        affinity: {
          ...(this.draw.chance(this.calm ? 15 : 30) ? { nodeAffinity: this.nodeAffinity(nodeNames) } : {}),
          ...(this.draw.chance(35) ? this.topology.podAffinity() : {}),
        },
        ...(this.draw.chance(45) ? { tolerations: this.draw.many(3, () => this.toleration()) } : {}),
        ...(this.draw.chance(this.calm ? 1 : 3)
          ? { nodeName: this.draw.pick([...nodeNames, "nowhere"]) }
          : {}),
        ...(this.draw.chance(30) ? { priority: this.draw.pick([-5, 0, 10, 1000]) } : {}),
        ...(this.draw.chance(8) ? { preemptionPolicy: "Never" } : {}),
        ...(this.draw.chance(2) ? { schedulingGates: [{ name: "a" }, { name: "example.com/b" }] } : {}),
      },
    };
  }

  /** The pod with other labels, or being deleted, be it to make room for another. */
  relabelled(pod: V1Pod): V1Pod {
    if (this.draw.chance(50))
      return { ...pod, metadata: { ...pod.metadata!, labels: this.topology.labels() } };
    return this.preempted(pod, this.draw.pick(["PreemptionByScheduler", "EvictionByEvictionAPI"]));
  }

  /** The pod on its way out. */
  preempted(pod: V1Pod, reason = "PreemptionByScheduler"): V1Pod {
    const metadata = { ...pod.metadata!, deletionTimestamp: "2026-01-01T00:00:00Z" };
    const conditions = [{ type: "DisruptionTarget", status: "True", reason }];
    return { ...pod, metadata, status: { ...pod.status, conditions } };
  }

  private container(name: string): V1Container {
    const ports = this.draw.chance(15)
      ? {
          ports: this.draw.many(2, () => ({
            containerPort: this.draw.pick([80, 8001]),
            ...(this.draw.chance(70) ? { hostPort: this.draw.pick([8001, 8002, 53]) } : {}),
            ...(this.draw.chance(40) ? { hostIP: this.draw.pick(["127.0.0.1", "10.0.0.1", "::", ""]) } : {}),
            ...(this.draw.chance(50) ? { protocol: this.draw.pick(["TCP", "UDP", "SCTP"]) } : {}),
          })),
        }
      : {};
    return { name, ...ports, ...this.resources(), ...this.image(), ...this.restartRules() };
  }

  private image(): Pick<V1Container, "image"> {
    return this.draw.chance(70) ? { image: this.draw.pick([...IMAGES, "none"]) } : {};
  }

  private imageVolumes(): Pick<V1PodSpec, "volumes"> {
    if (!this.draw.chance(15)) return {};
    return {
      volumes: this.draw.many(2, (i) => ({
        name: `image-${i}`,
        image: { reference: this.draw.pick(IMAGES) },
      })),
    };
  }

  private hostUsers(): Pick<V1PodSpec, "hostUsers"> {
    return this.draw.chance(60) ? { hostUsers: this.draw.chance(20) } : {};
  }

  private restartRules(): Pick<V1Container, "restartPolicyRules"> {
    if (!this.draw.chance(8)) return {};
    return { restartPolicyRules: [{ action: this.draw.pick(["RestartAllContainers", "Restart"]) }] };
  }

  private initContainer(name: string): V1Container {
    return { ...this.container(name), ...(this.draw.chance(50) ? { restartPolicy: "Always" } : {}) };
  }

  private resources(): Pick<V1Container, "resources"> {
    if (this.draw.chance(15)) return {};
    return {
      resources: {
        ...(this.draw.chance(90) ? { requests: this.resourceList() } : {}),
        ...(this.draw.chance(20) ? { limits: this.resourceList() } : {}),
      },
    };
  }

  private resourceList(): Record<string, string> {
    const list: Record<string, string> = {};
    if (this.calm && this.draw.chance(85)) {
      if (this.draw.chance(90)) list["cpu"] = this.draw.pick(["100m", "250m", "0", "333m"]);
      if (this.draw.chance(90)) list["memory"] = this.draw.pick(["64Mi", "123456789", "0", "300M"]);
      return list;
    }
    if (this.draw.chance(80))
      list["cpu"] = this.draw.pick([
        "100m",
        "1",
        "0",
        "250m",
        "0.0001",
        "1500m",
        "3",
        this.modest ? "2" : "9000000",
      ]);
    if (this.draw.chance(80))
      list["memory"] = this.draw.pick([
        "64Mi",
        "1Gi",
        "0",
        "123456789",
        "1k",
        "0.5",
        "300M",
        this.modest ? "7M" : "70Ti",
      ]);
    if (this.draw.chance(10)) list["ephemeral-storage"] = this.draw.pick(["1Gi", "0", "11Gi"]);
    if (this.draw.chance(10)) list["example.com/gpu"] = this.draw.pick(["0", "1", "3"]);
    if (this.draw.chance(3)) list["example.com/unknown"] = "1";
    if (this.draw.chance(4)) list["hugepages-2Mi"] = this.draw.pick(["4Mi", "32Mi"]);
    if (this.draw.chance(3)) list["ignored"] = "5";
    return list;
  }

  private podLevelList(): Record<string, string> {
    if (this.draw.chance(50)) return { cpu: this.draw.pick(["2", "3", this.modest ? "1" : "900000"]) };
    return {
      [this.draw.pick(["memory", "hugepages-2Mi"])]: this.draw.pick([
        "2",
        "1000000",
        this.modest ? "7M" : "70Ti",
      ]),
    };
  }

  private nodeSelector(): Record<string, string> {
    return this.draw.chance(70)
      ? { zone: this.draw.pick(["a", "b", "d"]) }
      : { disk: this.draw.pick(["ssd", ""]), zone: this.draw.pick(["a", "b"]) };
  }

  private nodeAffinity(nodeNames: readonly string[]) {
    return {
      ...(this.draw.chance(50)
        ? {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: this.draw.many(3, () => this.term(nodeNames)),
            },
          }
        : {}),
      ...(this.draw.chance(70)
        ? {
            preferredDuringSchedulingIgnoredDuringExecution: this.draw.many(4, () => ({
              weight: 1 + this.draw.below(100),
              preference: this.preferredTerm(),
            })),
          }
        : {}),
    };
  }

  private term(nodeNames: readonly string[]): V1NodeSelectorTerm {
    const requirement = () => ({
      key: "metadata.name",
      operator: this.draw.pick(["In", "In", "NotIn"]),
      values: this.draw.chance(90)
        ? [this.draw.pick(nodeNames)]
        : [this.draw.pick(nodeNames), this.draw.pick(nodeNames)],
    });
    return {
      ...(this.draw.chance(80) ? { matchExpressions: this.draw.many(2, () => this.requirement(false)) } : {}),
      ...(this.draw.chance(20) ? { matchFields: this.draw.many(2, requirement) } : {}),
    };
  }

  /** Preferred terms must parse; a required one that does not matches nothing. */
  private preferredTerm(): V1NodeSelectorTerm {
    return { matchExpressions: this.draw.many(2, () => this.requirement(true)) };
  }

  private requirement(valid: boolean): V1NodeSelectorRequirement {
    const operator = this.draw.pick(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]);
    if (operator === "Gt" || operator === "Lt")
      return {
        key: "kernel",
        operator,
        values: [valid ? "0204" : this.draw.pick(["0204", "7", "-9", "abc"])],
      };
    const key = this.draw.pick(["zone", "disk", "kernel", "kubernetes.io/hostname", "missing"]);
    if (operator === "Exists" || operator === "DoesNotExist") return { key, operator };
    const values = this.draw.many(2, () => this.draw.pick(["a", "b", "ssd", "hdd", "7", "node-1", ""]));
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
    if (hostPorts({ ...pod, spec }).some((port) => taken.has(JSON.stringify(port)))) {
      spec.hostNetwork = false;
      for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) delete container.ports;
    }
    const startTime = `2026-01-01T00:00:0${this.draw.below(6)}Z`;
    const bound: V1Pod = { ...pod, spec, ...(this.draw.chance(80) ? { status: { startTime } } : {}) };
    return this.draw.chance(20) ? { ...bound, status: { ...bound.status, ...this.resizing(bound) } } : bound;
  }

  /** A pod that waits, and asks for no more than some node has. */
  modestPod(name: string, nodeNames: readonly string[]): V1Pod {
    const { spec, ...pod } = this.boundPod(name, "", nodeNames, []);
    const { nodeName: _, ...waiting } = spec!;
    return { metadata: pod.metadata!, spec: waiting };
  }

  private resizing(pod: V1Pod): NonNullable<V1Pod["status"]> {
    const state = (container: V1Container) => ({
      name: container.name,
      ready: true,
      restartCount: 0,
      image: "",
      imageID: "",
      ...(this.draw.chance(80)
        ? { resources: { requests: { cpu: this.draw.pick(["50m", "700m"]), memory: "2Gi" } } }
        : {}),
      ...(this.draw.chance(50) ? { allocatedResources: { cpu: this.draw.pick(["60m", "800m"]) } } : {}),
    });
    return {
      phase: "Running",
      containerStatuses: pod.spec!.containers.map(state),
      initContainerStatuses: (pod.spec!.initContainers ?? []).map(state),
      ...(this.draw.chance(30)
        ? { conditions: [{ type: "PodResizePending", status: "True", reason: "Infeasible" }] }
        : {}),
    };
  }
}
