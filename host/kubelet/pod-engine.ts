import type { V1Pod, V1PodStatus } from "../api/generated/types.ts";
import { Pod } from "../api/registry.ts";
import type { Clock } from "../apimachinery/clock.ts";
import { deepEqual } from "../apimachinery/copy.ts";
import { isReason } from "../apimachinery/errors.ts";
import type { Logger } from "../apimachinery/log.ts";
import { objectKey } from "../apimachinery/object.ts";
import type { Client } from "../client/client.ts";
import type { Informer } from "../client/informer.ts";
import { byNode } from "../client/lister.ts";
import { Workqueue } from "../client/workqueue.ts";
import type { NodeEvents } from "./node-events.ts";
import { PodAddresses } from "./pod-addresses.ts";
import {
  isResizing,
  judgeResize,
  type ResizeVerdict,
  refusalText,
  resizeText,
  withVerdict,
} from "./pod-resize.ts";
import { affectedContainers, nextStatus } from "./pod-status.ts";
import { type ContainerEvent, delayMs, matchStage, type Stage, valueAt } from "./stage.ts";
import { runWorkers } from "./workers.ts";

/** Status writes in flight at once: enough for the store to commit them in groups. */
const WORKERS = 64;
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 30_000;
/** How long a pod waits for the resources it is to have, unless another pod goes first. */
const RESIZE_RETRY_MS = 30_000;
/** How long a pod waits when its node has no address left. */
const NO_ADDRESS_RETRY_MS = 10_000;

export interface PodEngineOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly informer: Informer<V1Pod>;
  readonly stages: readonly Stage[];
  readonly nodes: Nodes;
  readonly events: NodeEvents;
}

/** What the engine asks about nodes. */
export interface Nodes {
  runs(nodeName: string): boolean;
  network(nodeName: string): NodeNetwork | undefined;
  /** What the pods of a node may ask for together. */
  allocatable(nodeName: string): Readonly<Record<string, string>>;
}

export interface NodeNetwork {
  readonly hostIP: string;
  /** Where its pods get their addresses; undefined while there is no such range. */
  readonly podCIDR: string | undefined;
  /** What it has instead, and pods cannot have addresses of. */
  readonly unusableCIDR?: string;
}

interface Pending {
  readonly uid: string;
  readonly stage: string;
  readonly dueMs: number;
}

/**
 * The pod half of the simulated kubelet: one loop for the pods of all nodes. A change of a pod finds its stage and sets
 * its time; when that has come, the stage is looked up again and done. Nothing is remembered that a restart would miss:
 * the stage follows from the pod, held addresses from the pods' statuses.
 */
export class PodEngine {
  readonly #options: PodEngineOptions;
  readonly #queue: Workqueue;
  readonly #addresses = new PodAddresses();
  readonly #pending = new Map<string, Pending>();
  /** Keys of pods that wait for room, and the generation that asked for it. */
  readonly #deferred = new Map<string, number | undefined>();
  /** Pod key -> revision of our own last write: an older state in the cache is not acted upon. */
  readonly #written = new Map<string, number>();
  #working: Promise<void> = Promise.resolve();
  #handler: { remove(): void } | undefined;

  constructor(options: PodEngineOptions) {
    this.#options = options;
    this.#queue = new Workqueue({
      clock: options.clock,
      firstDelayMs: RETRY_FIRST_MS,
      maxDelayMs: RETRY_MAX_MS,
    });
  }

  /** The informers of nodes and pods have to be synced: held addresses must be known before one is given out. */
  start(): void {
    const { informer, log } = this.#options;
    for (const pod of informer.lister.list()) this.#claimAddress(pod);
    this.#handler = informer.addHandler({
      onAdd: (pod) => this.#plan(pod),
      onUpdate: (_, pod) => this.#plan(pod),
      onDelete: (pod) => this.#gone(pod),
    });
    this.#working = runWorkers(this.#queue, WORKERS, log, (key) => this.#sync(key));
  }

  async stop(): Promise<void> {
    this.#handler?.remove();
    this.#queue.close();
    await this.#working;
  }

  /** Looks again at the pods of a node whose address and range have just become known. */
  networkAppeared(nodeName: string): void {
    for (const pod of this.#options.informer.lister.by(byNode, nodeName)) {
      this.#claimAddress(pod);
      this.#pending.delete(objectKey(pod));
      this.#plan(pod);
    }
  }

  #claimAddress(pod: V1Pod): void {
    const { nodeName, hostNetwork } = pod.spec ?? {};
    const address = pod.status?.podIP;
    if (!nodeName || hostNetwork || !address || isTerminal(pod.status)) return;
    const cidr = this.#options.nodes.runs(nodeName) && this.#options.nodes.network(nodeName)?.podCIDR;
    if (cidr) this.#addresses.claim(cidr, address, pod.metadata?.uid ?? "");
  }

  /** Sets the time of the pod's next stage. The same stage keeps its time. */
  #plan(pod: V1Pod): void {
    const key = objectKey(pod);
    const uid = pod.metadata?.uid ?? "";
    if (!pod.spec?.nodeName || !this.#options.nodes.runs(pod.spec.nodeName)) return;
    // A sandbox ends with its pod's work, whoever said so; the address stays in the status and may be given out again.
    if (isTerminal(pod.status)) this.#addresses.release(uid);
    if (revisionOf(pod) >= (this.#written.get(key) ?? 0)) this.#written.delete(key);
    const stage = matchStage(this.#options.stages, pod);
    // What was asked for has changed: that need not wait.
    if (this.#deferred.has(key) && this.#deferred.get(key) !== pod.metadata?.generation)
      this.#pending.delete(key);
    const pending = this.#pending.get(key);
    if (stage === undefined) {
      this.#pending.delete(key);
      return;
    }
    if (pending?.stage === stage.name && pending.uid === uid) return;
    const delay = delayMs(stage, pod);
    this.#pending.set(key, { uid, stage: stage.name, dueMs: this.#options.clock.nowMs() + delay });
    this.#queue.addAfter(key, delay);
  }

  #gone(pod: V1Pod): void {
    const key = objectKey(pod);
    this.#addresses.release(pod.metadata?.uid ?? "");
    this.#pending.delete(key);
    this.#deferred.delete(key);
    this.#written.delete(key);
    this.#queue.forget(key);
    this.#roomMade(pod.spec?.nodeName);
  }

  async #sync(key: string): Promise<void> {
    const { informer, clock, stages } = this.#options;
    const pod = informer.lister.get(key);
    const pending = this.#pending.get(key);
    // Nothing to do, or the cache has yet to show our own write: its event plans anew.
    if (pod === undefined || pending === undefined || this.#written.has(key)) return;
    const leftMs = pending.dueMs - clock.nowMs();
    if (leftMs > 0) {
      this.#queue.addAfter(key, leftMs);
      return;
    }
    const stage = matchStage(stages, pod);
    if (stage?.name !== pending.stage || pod.metadata?.uid !== pending.uid) {
      this.#pending.delete(key);
      this.#plan(pod);
      return;
    }
    try {
      await this.#perform(stage, pod, key);
    } catch (error) {
      if (!isReason(error, "NotFound")) throw error;
      this.#options.log.debug("pod is gone already", { key });
    }
  }

  async #perform(stage: Stage, pod: V1Pod, key: string): Promise<void> {
    const { client, log } = this.#options;
    const { next } = stage;
    const { namespace, name = "", uid = "" } = pod.metadata ?? {};
    const resize = next.status === "running" && isResizing(pod) ? this.#judge(pod) : undefined;
    if (next.status !== undefined) {
      const status = this.#statusOf(stage, pod, resize);
      if (status === undefined) {
        this.#waitForAddress(pod, key, stage);
        return;
      }
      if (!deepEqual(status, pod.status)) {
        const stored = await client.update(Pod, { ...pod, status }, { subresource: "status" });
        this.#noteWrite(key, stored);
        log.debug(stage.name, { pod: key, uid, revision: stored.metadata?.resourceVersion });
        this.#announce(next.events, pod, status);
        if (resize !== undefined) this.#announceResize(pod, resize);
      }
    }
    this.#deferred.delete(key);
    if (resize?.refused?.reason === "Deferred") {
      this.#deferred.set(key, pod.metadata?.generation);
      this.#retryAfter(RESIZE_RETRY_MS, pod, key, stage);
      return;
    }
    if (this.#pending.get(key)?.stage === stage.name) this.#pending.delete(key);
    if (next.delete) {
      const preconditions = { uid };
      await client.delete(Pod, { namespace, name }, { gracePeriodSeconds: 0, preconditions });
      log.debug(stage.name, { pod: key, uid });
    }
  }

  /** Until the informer shows the write, the cached pod is behind. */
  #noteWrite(key: string, stored: V1Pod): void {
    const seen = this.#options.informer.lister.get(key);
    const revision = revisionOf(stored);
    if (seen !== undefined && revisionOf(seen) < revision) this.#written.set(key, revision);
  }

  /** @returns undefined while the node has no address to give */
  #statusOf(stage: Stage, pod: V1Pod, resize: ResizeVerdict | undefined): V1PodStatus | undefined {
    const network = this.#options.nodes.network(pod.spec?.nodeName ?? "");
    if (network === undefined) return undefined;
    const needsAddress =
      stage.next.status === "running" && pod.spec?.hostNetwork !== true && !pod.status?.podIP;
    const podIP =
      needsAddress && network.podCIDR
        ? this.#addresses.reserve(network.podCIDR, pod.metadata?.uid ?? "")
        : undefined;
    if (needsAddress && podIP === undefined) return undefined;
    const nowMs = this.#options.clock.nowMs();
    const status = nextStatus(stage.next.status!, resize?.pod ?? pod, {
      nowMs,
      hostIP: network.hostIP,
      ...(podIP === undefined ? {} : { podIP }),
      exitCode: exitCodeOf(stage, pod),
    });
    return resize === undefined ? status : withVerdict(pod, status, resize, nowMs);
  }

  #judge(pod: V1Pod): ResizeVerdict {
    const { informer, nodes } = this.#options;
    const nodeName = pod.spec?.nodeName ?? "";
    const others = informer.lister.by(byNode, nodeName).filter((one) => one !== pod);
    return judgeResize(pod, others, nodes.allocatable(nodeName));
  }

  #announceResize(pod: V1Pod, { refused, isNew }: ResizeVerdict): void {
    const { events } = this.#options;
    if (refused === undefined) {
      events.event(pod, "Normal", "ResizeStarted", `Pod resize started: ${resizeText(pod)}`);
      events.event(pod, "Normal", "ResizeCompleted", `Pod resize completed: ${resizeText(pod)}`);
    } else if (isNew) {
      events.event(pod, "Warning", `Resize${refused.reason}`, refusalText(pod, refused.message));
    }
  }

  /** Room was made on a node: what waits for it is looked at again. */
  #roomMade(nodeName: string | undefined): void {
    for (const key of [...this.#deferred.keys()]) {
      const pod = this.#options.informer.lister.get(key);
      if (pod !== undefined && pod.spec?.nodeName !== nodeName) continue;
      this.#deferred.delete(key);
      this.#pending.delete(key);
      if (pod !== undefined) this.#plan(pod);
    }
  }

  #retryAfter(delayMs: number, pod: V1Pod, key: string, stage: Stage): void {
    const dueMs = this.#options.clock.nowMs() + delayMs;
    this.#pending.set(key, { uid: pod.metadata?.uid ?? "", stage: stage.name, dueMs });
    this.#queue.addAfter(key, delayMs);
  }

  /** The bound of a node's range: the pod stays Pending, says why, and tries again. So it does while there is no range. */
  #waitForAddress(pod: V1Pod, key: string, stage: Stage): void {
    const { podCIDR, unusableCIDR } = this.#options.nodes.network(pod.spec?.nodeName ?? "") ?? {};
    const why =
      podCIDR !== undefined
        ? `no IP addresses available in range: ${podCIDR}`
        : unusableCIDR &&
          `simulated pods need an IPv4 range from /8 to /30, and the node has ${unusableCIDR}`;
    if (why) {
      const message = `Failed to create pod sandbox: ${why}`;
      this.#options.events.event(pod, "Warning", "FailedCreatePodSandBox", message);
    }
    this.#retryAfter(NO_ADDRESS_RETRY_MS, pod, key, stage);
  }

  #announce(events: readonly ContainerEvent[], pod: V1Pod, status: V1PodStatus): void {
    if (events.length === 0) return;
    const affected = affectedContainers(pod.status, status);
    for (const { name, image, policy, fieldPath } of containersOf(pod)) {
      for (const event of events) {
        if (!affected[event.each].includes(name)) continue;
        if (event.imagePullPolicy.length > 0 && !event.imagePullPolicy.includes(policy)) continue;
        const message = event.message.replace("<image>", () => image).replace("<container>", () => name);
        this.#options.events.event(pod, event.type, event.reason, message, fieldPath);
      }
    }
  }
}

function isTerminal(status: V1PodStatus | undefined): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

function revisionOf(pod: V1Pod): number {
  return Number(pod.metadata?.resourceVersion ?? "0");
}

function exitCodeOf(stage: Stage, pod: V1Pod): number {
  const { from, value } = stage.next.exitCode;
  const told = from === undefined ? undefined : Number(valueAt(pod, from));
  return told !== undefined && Number.isInteger(told) && told >= 0 && told <= 255 ? told : value;
}

/** Containers in the order in which they start, with what their events say. */
function containersOf(pod: V1Pod) {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const groups = [
    ["initContainers", initContainers],
    ["containers", containers],
    ["ephemeralContainers", ephemeralContainers],
  ] as const;
  return groups.flatMap(([field, list]) =>
    list.map((container) => ({
      name: container.name,
      image: container.image ?? "",
      policy: container.imagePullPolicy ?? "IfNotPresent",
      fieldPath: `spec.${field}{${container.name}}`,
    })),
  );
}
