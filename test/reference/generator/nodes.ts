import type { V1Node, V1NodeStatus, V1Taint } from "../../../host/api/generated/types.ts";
import type { Draw } from "./draw.ts";

export const IMAGES = ["web:1", "db", "registry.example.com:5000/tool", "big@sha256:0a"];
export const DECLARED = ["RestartAllContainersOnContainerExits", "UserNamespacesHostNetworkSupport", "Other"];
const MEBIBYTE = 2 ** 20;

/** Draws nodes, from few values each so that things meet. */
export class NodeGenerator {
  constructor(
    private readonly draw: Draw,
    /** Room everywhere and few taints, so that the later plugins are asked. */
    private readonly calm: boolean,
  ) {}

  node(name: string): V1Node {
    const { draw } = this;
    const { calm } = this;
    const allocatable: Record<string, string> = {};
    if (draw.chance(97))
      allocatable["cpu"] = draw.pick(calm ? ["64", "16"] : ["4", "1500m", "16", "0.5", "64", "0", "2147483"]);
    if (draw.chance(97)) allocatable["memory"] = calm ? "28727588291" : this.memory();
    if (draw.chance(97)) allocatable["pods"] = draw.pick(calm ? ["110", "8"] : ["110", "3", "8", "0"]);
    if (draw.chance(60)) allocatable["ephemeral-storage"] = draw.pick(["10Gi", "28727588291", "0"]);
    if (draw.chance(30)) allocatable["example.com/gpu"] = draw.pick(["0", "1", "4", "8"]);
    if (draw.chance(20)) allocatable["hugepages-2Mi"] = draw.pick(["0", "64Mi"]);
    return {
      metadata: { name, labels: this.labels(name) },
      spec: {
        ...(draw.chance(calm ? 2 : 10) ? { unschedulable: true } : {}),
        ...(draw.chance(calm ? 15 : 40) ? { taints: draw.many(3, () => this.taint()) } : {}),
      },
      status: { allocatable, ...this.images(), ...this.declared() },
    };
  }

  private labels(name: string): Record<string, string> {
    const { draw } = this;
    const labels: Record<string, string> = {};
    if (draw.chance(80)) labels["zone"] = draw.pick(["a", "b", "c", "zürich"]);
    if (draw.chance(60)) labels["disk"] = draw.pick(["ssd", "hdd", "", "磁碟"]);
    if (draw.chance(60)) labels["kernel"] = draw.pick(["0204", "0206", "7", "-3", "x1"]);
    if (draw.chance(70)) labels["kubernetes.io/hostname"] = name;
    if (draw.chance(70)) labels["topology.kubernetes.io/zone"] = draw.pick(["a", "b", "c", ""]);
    if (draw.chance(20)) labels["failure-domain.beta.kubernetes.io/zone"] = draw.pick(["a", "b"]);
    return labels;
  }

  memory(): string {
    return this.draw.pick([
      "8Gi",
      "28727588291",
      "1000000007",
      "16393208Ki",
      "512Mi",
      "0",
      "1.5Gi",
      `${1 + this.draw.below(2 ** 32)}`,
    ]);
  }

  private taint(): V1Taint {
    const key = this.draw.pick(["dedicated", "noisy", "node.kubernetes.io/unschedulable"]);
    const value = this.draw.pick(["", "user1", "user2"]);
    const effect = this.draw.pick(["NoSchedule", "PreferNoSchedule", "PreferNoSchedule", "NoExecute"]);
    return value === "" ? { key, effect } : { key, value, effect };
  }

  private images(): Pick<V1NodeStatus, "images"> {
    const { draw } = this;
    if (draw.chance(40)) return {};
    return {
      images: draw.many(4, () => {
        const name = draw.pick(IMAGES);
        const full = name.lastIndexOf(":") > name.lastIndexOf("/") ? name : `${name}:latest`;
        const sizeBytes = draw.pick([0, 23 * MEBIBYTE, 300 * MEBIBYTE, 987654321, 4000 * MEBIBYTE, 10 ** 11]);
        return { names: draw.chance(50) ? [full] : [full, `alias-${full}`], sizeBytes };
      }),
    };
  }

  private declared(): Pick<V1NodeStatus, "declaredFeatures"> {
    if (this.draw.chance(30)) return {};
    return { declaredFeatures: this.draw.some(DECLARED, 3) };
  }
}
