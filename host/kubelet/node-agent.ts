import type { V1Lease, V1Node } from "../api/generated/types.ts";
import { SIMULATED_ANNOTATION } from "../api/node.ts";
import { Lease, Node } from "../api/registry.ts";
import { type Clock, formatMicroTime } from "../apimachinery/clock.ts";
import { isReason } from "../apimachinery/errors.ts";
import type { Logger } from "../apimachinery/log.ts";
import type { Client } from "../client/client.ts";
import type { Informer } from "../client/informer.ts";
import { Workqueue } from "../client/workqueue.ts";
import {
  healthyConditions,
  internalIP,
  isHealthy,
  MAX_NODES,
  newNode,
  nodeAddress,
  podCIDRNumber,
  reconciledStatus,
} from "./node-shape.ts";
import { findPodRange } from "./pod-addresses.ts";
import type { NodeNetwork } from "./pod-engine.ts";
import { runWorkers } from "./workers.ts";

/** Kubernetes renews a node's Lease every 10 s and lets it last four times as long (kubelet sheet 2.4). */
const RENEW_INTERVAL_MS = 10_000;
/** Above 1,000 nodes the interval stretches, so that all Leases together cost no more than this. */
const RENEWALS_PER_SECOND = 100;
/** Heartbeats fall on multiples of this, so that the store commits those of many nodes together. */
const GRID_MS = 250;
const REPORT_INTERVAL_MS = 300_000;
/** Registration is tried again after 100 ms, doubling up to 7 s, for ever. */
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 7_000;
const WORKERS = 32;
const LEASE_NAMESPACE = "kube-node-lease";

export interface NodeAgentOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  /** Nodes `node-1` to `node-<nodes>` are registered. */
  readonly nodes: number;
  readonly version: string;
  /** Synced, so that what exists is known before anything is registered. */
  readonly informer: Informer<V1Node>;
}

/**
 * The node half of the simulated kubelet: one loop for all nodes. A node's key comes up when it has to register, and
 * then at every heartbeat: its Lease is renewed, and its status reported every 5 minutes or when it is not healthy.
 *
 * A registered node that is gone was deleted by somebody: it stays deleted until it is created again or Pintle restarts.
 * Nodes that others create with the annotation `pintle.io/simulated` are kept alive in the same way.
 */
export class NodeAgent {
  readonly #options: NodeAgentOptions;
  readonly #queue: Workqueue;
  readonly #renewIntervalMs: number;
  /** Node name -> its number, for the nodes that this agent registers. */
  readonly #planned = new Map<string, number>();
  readonly #unregistered = new Set<string>();
  readonly #leases = new Map<string, V1Lease>();
  readonly #nextReportMs = new Map<string, number>();
  readonly #usedCIDRs = new Set<string>();
  #working: Promise<void> = Promise.resolve();
  #handler: { remove(): void } | undefined;
  #registered = () => {};

  constructor(options: NodeAgentOptions) {
    if (options.nodes > MAX_NODES) throw new RangeError(`at most ${MAX_NODES} simulated nodes`);
    this.#options = options;
    this.#queue = new Workqueue({
      clock: options.clock,
      firstDelayMs: RETRY_FIRST_MS,
      maxDelayMs: RETRY_MAX_MS,
    });
    this.#renewIntervalMs = Math.max(
      RENEW_INTERVAL_MS,
      Math.ceil(options.nodes / RENEWALS_PER_SECOND) * 1000,
    );
    for (let number = 1; number <= options.nodes; number++) this.#planned.set(`node-${number}`, number);
    for (const name of this.#planned.keys()) this.#unregistered.add(name);
  }

  /** Resolves when every node is registered. */
  async start(): Promise<void> {
    const { informer, client, log } = this.#options;
    for (const node of informer.lister.list()) this.#noteCIDR(node);
    const leases = await client.list(Lease, { namespace: LEASE_NAMESPACE });
    for (const lease of leases.items) this.#leases.set(lease.metadata?.name ?? "", lease);
    const registered = new Promise<void>((resolve) => {
      this.#registered = resolve;
    });
    if (this.#unregistered.size === 0) this.#registered();
    for (const name of this.#planned.keys()) this.#queue.add(name);
    this.#handler = informer.addHandler({
      onAdd: (node) => this.#noticed(node),
      onUpdate: (_, node) => this.#noteCIDR(node),
      onDelete: (node) => {
        this.#usedCIDRs.delete(node.spec?.podCIDR ?? "");
      },
    });
    this.#working = runWorkers(this.#queue, WORKERS, log, (name) => this.#sync(name));
    await registered;
  }

  async stop(): Promise<void> {
    this.#handler?.remove();
    this.#queue.close();
    this.#registered();
    await this.#working;
  }

  /** Whether this kubelet runs the pods of a node. */
  runs(name: string): boolean {
    return this.#planned.has(name) || this.adopted(name);
  }

  /** Whether it does so only because somebody else's node asks for it. */
  adopted(name: string): boolean {
    const node = this.#options.informer.lister.get(name);
    return !this.#planned.has(name) && node !== undefined && isAnnotated(node);
  }

  /** The address of a node and the range of its pods; undefined while they are unknown. */
  network(name: string): NodeNetwork | undefined {
    const node = this.#options.informer.lister.get(name) ?? this.#plan(name);
    const hostIP = internalIP(node);
    if (hostIP === undefined) return undefined;
    const { podCIDR, podCIDRs = podCIDR ? [podCIDR] : [] } = node?.spec ?? {};
    const usable = podCIDRs.find((cidr) => findPodRange(cidr) !== undefined);
    return usable === undefined && podCIDRs.length > 0
      ? { hostIP, podCIDR: undefined, unusableCIDR: podCIDRs.join() }
      : { hostIP, podCIDR: usable };
  }

  /** What the pods of a node may ask for together. */
  allocatable(name: string): Readonly<Record<string, string>> {
    return this.#options.informer.lister.get(name)?.status?.allocatable ?? {};
  }

  #noteCIDR({ spec }: V1Node): void {
    if (spec?.podCIDR) this.#usedCIDRs.add(spec.podCIDR);
  }

  #noticed(node: V1Node): void {
    const name = node.metadata?.name ?? "";
    this.#noteCIDR(node);
    // One that registers, or is kept alive already, comes up by itself.
    if (this.#unregistered.has(name) || this.#nextReportMs.has(name)) return;
    if (this.adopted(name)) this.#unregistered.add(name);
    if (this.runs(name)) this.#queue.add(name);
  }

  async #sync(name: string): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    if (this.#unregistered.has(name)) {
      const node = await this.#register(name, nowMs);
      if (node === undefined) {
        this.#unregistered.delete(name);
        return;
      }
      await this.#renewLease(node, nowMs);
      this.#unregistered.delete(name);
      this.#nextReportMs.set(name, nowMs + REPORT_INTERVAL_MS * (0.5 + 0.5 * this.#share(name)));
      this.#beatAfter(name, this.#renewIntervalMs * (0.5 + 0.5 * this.#share(name)));
      if (this.#unregistered.size === 0) this.#registered();
      return;
    }
    const node = this.#options.informer.lister.get(name);
    if (node === undefined) {
      this.#leases.delete(name);
      this.#nextReportMs.delete(name);
      return;
    }
    await this.#reportStatus(node, nowMs);
    await this.#renewLease(node, nowMs);
    this.#beatAfter(name, this.#renewIntervalMs);
  }

  #beatAfter(name: string, delayMs: number): void {
    const nowMs = this.#options.clock.nowMs();
    const dueMs = Math.round((nowMs + delayMs) / GRID_MS) * GRID_MS;
    this.#queue.addAfter(name, Math.max(GRID_MS, dueMs - nowMs));
  }

  /** Where a node stands among all, 0 to 1: spreads heartbeats over their interval. */
  #share(name: string): number {
    return (this.#planned.get(name) ?? 1) / Math.max(1, this.#options.nodes);
  }

  #plan(name: string): V1Node | undefined {
    const number = this.#planned.get(name);
    if (number === undefined) return undefined;
    const { version, clock } = this.#options;
    return newNode({ name, number, podCIDR: podCIDRNumber(number - 1), version }, clock.nowMs());
  }

  /**
   * Creates the node, or fills in what a node of that name lacks. What exists is kept.
   *
   * @returns undefined when somebody else's node is gone again
   */
  async #register(name: string, nowMs: number): Promise<V1Node | undefined> {
    const { informer, version } = this.#options;
    const number = this.#planned.get(name);
    const known = informer.lister.get(name);
    if (number === undefined && known === undefined) return undefined;
    const taken = known?.spec?.podCIDR ? undefined : this.#takeCIDR(number);
    const podCIDR = known?.spec?.podCIDR ?? taken ?? "";
    const wanted = newNode({ name, number: number ?? this.#freeNumber(), podCIDR, version }, nowMs);
    let node: V1Node | undefined;
    try {
      node = await this.#createOrAdopt(known, wanted, nowMs);
      return node;
    } finally {
      // A registration that failed is tried again, and a node may turn out to have a range already. What was stored in
      // spite of a failure is taken anew when the informer tells of it.
      if (taken !== undefined && node?.spec?.podCIDR !== taken) this.#usedCIDRs.delete(taken);
    }
  }

  async #createOrAdopt(known: V1Node | undefined, wanted: V1Node, nowMs: number): Promise<V1Node> {
    if (known !== undefined) return await this.#adopt(known, wanted, nowMs);
    const { client } = this.#options;
    try {
      return await client.create(Node, wanted);
    } catch (error) {
      if (!isReason(error, "AlreadyExists")) throw error;
      const existing = await client.get(Node, { name: wanted.metadata?.name ?? "" });
      return await this.#adopt(existing, wanted, nowMs);
    }
  }

  async #adopt(known: V1Node, wanted: V1Node, nowMs: number): Promise<V1Node> {
    const { client } = this.#options;
    let node = known;
    const labels = { ...kubeletLabels(wanted), ...known.metadata?.labels };
    const incomplete = Object.keys(labels).length > Object.keys(known.metadata?.labels ?? {}).length;
    if (incomplete || !isAnnotated(known) || !known.spec?.podCIDR) {
      node = await client.update(Node, {
        ...known,
        metadata: {
          ...known.metadata,
          labels,
          annotations: { ...wanted.metadata?.annotations, ...known.metadata?.annotations },
        },
        spec: { ...wanted.spec, ...known.spec },
      });
    }
    const status = reconciledStatus(node, wanted, nowMs);
    return status === undefined ? node : client.update(Node, { ...node, status }, { subresource: "status" });
  }

  /** A number above those of our own nodes, whose address no node has. */
  #freeNumber(): number {
    const used = new Set(this.#options.informer.lister.list().map(internalIP));
    let number = MAX_NODES + 1;
    while (used.has(nodeAddress(number))) number++;
    return number;
  }

  /** The node's own /24 when nobody has it, else the lowest free one. Throws when there is none. */
  #takeCIDR(number: number | undefined): string {
    let cidr = number === undefined ? undefined : podCIDRNumber(number - 1);
    for (let next = 0; cidr === undefined || this.#usedCIDRs.has(cidr); next++) {
      if (next === MAX_NODES) throw new Error(`all ${MAX_NODES} ranges of pod addresses are taken`);
      cidr = podCIDRNumber(next);
    }
    this.#usedCIDRs.add(cidr);
    return cidr;
  }

  async #reportStatus(node: V1Node, nowMs: number): Promise<void> {
    const name = node.metadata?.name ?? "";
    const due = nowMs >= (this.#nextReportMs.get(name) ?? 0);
    if (!due && isHealthy(node)) return;
    const wanted = newNode(
      {
        name,
        number: this.#planned.get(name) ?? 1,
        podCIDR: node.spec?.podCIDR ?? "",
        version: this.#options.version,
      },
      nowMs,
    );
    const conditions = healthyConditions(node.status?.conditions ?? [], nowMs);
    const status = reconciledStatus(node, wanted, nowMs) ?? { ...node.status, conditions };
    await this.#options.client.update(Node, { ...node, status }, { subresource: "status" });
    this.#nextReportMs.set(name, nowMs + REPORT_INTERVAL_MS);
  }

  /** Renews the Lease that was last seen; a conflict (or a Lease somebody deleted) is cured by the next read. */
  async #renewLease(node: V1Node, nowMs: number): Promise<void> {
    const { client } = this.#options;
    const name = node.metadata?.name ?? "";
    const known = this.#leases.get(name);
    const lease: V1Lease = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: known?.metadata ?? {
        name,
        namespace: LEASE_NAMESPACE,
        ownerReferences: [{ apiVersion: "v1", kind: "Node", name, uid: node.metadata?.uid ?? "" }],
      },
      spec: {
        ...known?.spec,
        holderIdentity: name,
        leaseDurationSeconds: (this.#renewIntervalMs * 4) / 1000,
        renewTime: formatMicroTime(nowMs),
      },
    };
    try {
      const renewed =
        known === undefined ? await client.create(Lease, lease) : await client.update(Lease, lease);
      this.#leases.set(name, renewed);
    } catch (error) {
      this.#leases.delete(name);
      if (isReason(error, "AlreadyExists") || isReason(error, "Conflict")) {
        this.#leases.set(name, await client.get(Lease, { namespace: LEASE_NAMESPACE, name }));
      }
      throw error;
    }
  }
}

function isAnnotated(node: V1Node): boolean {
  return node.metadata?.annotations?.[SIMULATED_ANNOTATION] === "true";
}

/** The labels a kubelet insists on; the zone is the cloud's, and may be changed or taken away. */
function kubeletLabels(node: V1Node): Record<string, string> {
  const entries = Object.entries(node.metadata?.labels ?? {});
  return Object.fromEntries(entries.filter(([key]) => /^(beta\.)?kubernetes\.io\//.test(key)));
}
