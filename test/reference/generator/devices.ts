import type {
  ResourceV1ResourceClaim,
  V1Pod,
  V1PodResourceClaim,
} from "../../../host/api/generated/types.ts";
import type { KubernetesObject } from "../../../host/apimachinery/object.ts";
import { all, namespaceOf, type World } from "../model/cycle.ts";
import type { Draw } from "./draw.ts";

const RESOURCE = "resource.k8s.io/v1";
const DRIVER = "gpu.example.com";

type Loose = KubernetesObject & Record<string, unknown>;

/** Draws devices of nodes, classes, and the claims that pods name. */
export class DeviceGenerator {
  constructor(
    private readonly draw: Draw,
    private readonly nodeNames: readonly string[],
  ) {}

  initial(): KubernetesObject[] {
    return [
      this.deviceClass("gpu"),
      this.deviceClass("cel"),
      ...this.nodeNames.filter(() => this.draw.chance(60)).map((name) => this.slice(name)),
      ...(this.draw.chance(40) ? [this.sharedSlice(0), this.sharedSlice(1)] : []),
      ...this.draw.many(5, (i) => this.claim(`claim-${i}`, this.draw.pick(["default", "default", "prod"]))),
    ];
  }

  change(): KubernetesObject {
    return this.draw.pick([
      () => this.slice(this.draw.pick(this.nodeNames)),
      () => this.sharedSlice(this.draw.below(2)),
      () => this.claim(`claim-${this.draw.below(8)}`, this.draw.pick(["default", "prod"])),
    ])();
  }

  /** Claims that exist: a pod whose claims do not is not scheduled at all. */
  claimsOf(pod: V1Pod, world: World): V1PodResourceClaim[] {
    const here = all(world, "ResourceClaim").filter(
      ({ metadata }) => metadata!.namespace === namespaceOf(pod),
    );
    return this.draw
      .some(here, 2)
      .map(({ metadata }, i) => ({ name: `c${i}`, resourceClaimName: metadata!.name! }));
  }

  private deviceClass(name: string): KubernetesObject {
    const spec = name === "cel" ? { selectors: [{ cel: { expression: "false" } }] } : {};
    return { apiVersion: RESOURCE, kind: "DeviceClass", metadata: { name }, spec } as Loose;
  }

  private slice(nodeName: string): KubernetesObject {
    const pool = { name: nodeName, generation: 1, resourceSliceCount: 1 };
    const devices = this.draw.many(4, (i) => ({ name: `d${i}` }));
    const metadata = { name: `slice-${nodeName}` };
    return {
      apiVersion: RESOURCE,
      kind: "ResourceSlice",
      metadata,
      spec: { driver: DRIVER, pool, nodeName, devices },
    } as Loose;
  }

  /** Devices that several nodes reach; some have a taint that nobody tolerates. */
  private sharedSlice(number: number): KubernetesObject {
    const name = `shared-${number}`;
    const devices = this.draw.many(3, (i) => {
      const taints = [{ key: "broken", effect: this.draw.pick(["None", "NoSchedule"]) }];
      return { name: `s${i}`, ...(this.draw.chance(20) ? { taints } : {}) };
    });
    const terms = this.draw.some(this.nodeNames, 4).map((node) => ({
      matchFields: [{ key: "metadata.name", operator: "In", values: [node] }],
    }));
    const zone = [{ matchExpressions: [{ key: "topology.kubernetes.io/zone", operator: "Exists" }] }];
    const reach = this.draw.pick([
      { allNodes: true },
      { nodeSelector: { nodeSelectorTerms: terms } },
      { nodeSelector: { nodeSelectorTerms: zone } },
    ]);
    return {
      apiVersion: RESOURCE,
      kind: "ResourceSlice",
      metadata: { name },
      spec: { driver: DRIVER, pool: { name, generation: 1, resourceSliceCount: 1 }, ...reach, devices },
    } as Loose;
  }

  private claim(name: string, namespace: string): KubernetesObject {
    const { draw } = this;
    const exactly = () => ({
      deviceClassName: draw.chance(88) ? "gpu" : draw.pick(["cel", "gone"]),
      ...(draw.chance(60) ? { allocationMode: "ExactCount", count: 1 + draw.below(3) } : {}),
    });
    const requests = [{ name: "r0", exactly: exactly() }];
    if (draw.chance(20)) requests.push({ name: "r1", exactly: exactly() });
    return {
      apiVersion: RESOURCE,
      kind: "ResourceClaim",
      metadata: { name, namespace, uid: `uid-${name}` },
      spec: { devices: { requests } },
      ...(draw.chance(35) ? { status: this.allocated() } : {}),
    } as Loose;
  }

  private allocated(): ResourceV1ResourceClaim["status"] {
    const { draw } = this;
    const node = draw.pick(this.nodeNames);
    const users = draw.pick([0, 0, 1, 2, 255, 256]);
    const terms = [{ matchFields: [{ key: "metadata.name", operator: "In", values: [node] }] }];
    const results = [{ request: "r0", driver: DRIVER, pool: node, device: `d${draw.below(3)}` }];
    return {
      allocation: {
        devices: { results },
        ...(draw.chance(85) ? { nodeSelector: { nodeSelectorTerms: terms } } : {}),
      },
      reservedFor: Array.from({ length: users }, (_, i) => ({
        resource: "pods",
        name: `p${i}`,
        uid: `p${i}`,
      })),
    };
  }
}
