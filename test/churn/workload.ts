import type { V1Affinity, V1Node, V1Pod, V1PodSpec } from "../../host/api/generated/types.ts";
import { Node, Pod, PodDisruptionBudget, PriorityClass } from "../../host/api/registry.ts";
import { isReason } from "../../host/apimachinery/errors.ts";
import type { Random } from "../../host/apimachinery/random.ts";
import type { Client } from "../../host/client/client.ts";
import { HOSTNAME, TAINT, ZONE } from "./facts.ts";

const NAMESPACE = "default";
const APPS = ["web", "api", "cache", "batch"] as const;
const CLASSES = [
  ["low", 1],
  ["middle", 10],
  ["high", 100],
] as const;

/** Random churn: pods of every sort that the auditor understands come and go, nodes are cordoned, tainted, lost and brought back. */
export class Workload {
  readonly #client: Client;
  readonly #draw: Random;
  /** Pods that are to be kept: beyond it, as many go as come. */
  readonly #most: number;
  readonly #pods = new Set<string>();
  readonly #lost: V1Node[] = [];
  #count = 0;
  /** Deletions of nodes, cordons and taints. */
  flaps = 0;

  constructor(client: Client, draw: Random, most: number) {
    this.#client = client;
    this.#draw = draw;
    this.#most = most;
  }

  async prepare(): Promise<void> {
    for (const [name, value] of CLASSES)
      await this.#client.create(PriorityClass, { metadata: { name }, value });
    // The budget holds back nobody whom preemption needs; it only chooses among victims.
    await this.#client.create(PodDisruptionBudget, {
      metadata: { name: "web", namespace: NAMESPACE },
      spec: { minAvailable: 3, selector: { matchLabels: { app: "web" } } },
    });
  }

  /** One turn: some pods come, some go, and now and then a node flaps. */
  async turn(): Promise<void> {
    const draw = this.#draw;
    for (let i = draw.below(4); i > 0; i--) await this.#createPod();
    const surplus = this.#pods.size - this.#most;
    for (let i = surplus > 0 ? surplus : draw.below(3); i > 0; i--) await this.#deletePod();
    if (draw.below(12) === 0) await this.#flap();
    if (this.#lost.length > 0 && draw.below(6) === 0) await this.#bringBack();
  }

  /** Every node comes back, open: what waits then waits for a reason. */
  async settle(): Promise<void> {
    while (this.#lost.length > 0) await this.#bringBack();
    for (const { metadata } of (await this.#client.list<V1Node>(Node)).items)
      await this.#patchNode(metadata!.name!, { unschedulable: null, taints: null });
  }

  async #createPod(): Promise<void> {
    const draw = this.#draw;
    const name = `pod-${this.#count++}`;
    const app = APPS[draw.below(APPS.length)]!;
    const pod: V1Pod = { metadata: { name, namespace: NAMESPACE, labels: { app } }, spec: this.#spec(app) };
    await this.#client.create(Pod, pod);
    this.#pods.add(name);
  }

  #spec(app: string): V1PodSpec {
    const draw = this.#draw;
    const often = (oneIn: number) => draw.below(oneIn) === 0;
    const selector = (of: string) => ({ labelSelector: { matchLabels: { app: of } } });
    const affinity: V1Affinity = {};
    const terms = "requiredDuringSchedulingIgnoredDuringExecution";
    if (often(6)) affinity.podAntiAffinity = { [terms]: [{ topologyKey: HOSTNAME, ...selector(app) }] };
    if (often(8)) {
      const other = APPS[draw.below(APPS.length)]!;
      affinity.podAffinity = { [terms]: [{ topologyKey: ZONE, ...selector(other) }] };
    }
    const cpu = often(25) ? 6_000 : 250 * (1 + draw.below(8));
    return {
      priorityClassName: CLASSES[often(5) ? 2 : draw.below(2)]![0],
      terminationGracePeriodSeconds: draw.below(3),
      ...(often(10) ? { nodeSelector: { [ZONE]: `zone-${"abc"[draw.below(3)]}` } } : {}),
      ...(often(3) ? { tolerations: [{ key: TAINT, operator: "Exists" }] } : {}),
      ...(often(5)
        ? {
            topologySpreadConstraints: [
              {
                maxSkew: 1 + draw.below(2),
                topologyKey: often(2) ? ZONE : HOSTNAME,
                whenUnsatisfiable: "DoNotSchedule",
                ...selector(app),
              },
            ],
          }
        : {}),
      ...(Object.keys(affinity).length > 0 ? { affinity } : {}),
      containers: [
        {
          name: "main",
          image: "pause",
          resources: { requests: { cpu: `${cpu}m`, memory: `${128 * (1 + draw.below(16))}Mi` } },
          ...(often(15) ? { ports: [{ containerPort: 80, hostPort: 8_080 + draw.below(2) }] } : {}),
        },
      ],
    };
  }

  async #deletePod(): Promise<void> {
    const names = [...this.#pods];
    if (names.length === 0) return;
    const name = names[this.#draw.below(names.length)]!;
    this.#pods.delete(name);
    await unlessGone(this.#client.delete(Pod, { namespace: NAMESPACE, name }));
  }

  async #flap(): Promise<void> {
    this.flaps++;
    const { items } = await this.#client.list<V1Node>(Node);
    const node = items[this.#draw.below(items.length)]!;
    const name = node.metadata!.name!;
    switch (this.#draw.below(3)) {
      case 0:
        return this.#patchNode(name, { unschedulable: node.spec?.unschedulable ? null : true });
      case 1: {
        const isTainted = node.spec?.taints?.some(({ key }) => key === TAINT);
        return this.#patchNode(name, { taints: isTainted ? null : [{ key: TAINT, effect: "NoSchedule" }] });
      }
      default:
        if (items.length < 4) return;
        await this.#client.delete(Node, { name });
        this.#lost.push(node);
    }
  }

  async #bringBack(): Promise<void> {
    const { metadata, spec, status } = this.#lost.shift()!;
    const { name, labels, annotations } = metadata!;
    const { podCIDR, podCIDRs } = spec!;
    await this.#client.create<V1Node>(Node, {
      metadata: { name, labels, annotations },
      spec: { podCIDR, podCIDRs },
      status,
    });
  }

  async #patchNode(name: string, spec: Record<string, unknown>): Promise<void> {
    await unlessGone(this.#client.patch(Node, { name }, { type: "merge", body: { spec } }));
  }
}

async function unlessGone(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    // A victim of preemption, or of a node that was lost, is gone before its turn comes.
    if (!isReason(error, "NotFound")) throw error;
  }
}
