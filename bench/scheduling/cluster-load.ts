import { setTimeout as delay } from "node:timers/promises";
import type { V1Node, V1Pod } from "../../host/api/generated/types.ts";
import type { Kind } from "../../host/api/kind.ts";
import * as kinds from "../../host/api/registry.ts";
import type { KubernetesObject, ObjectList } from "../../host/apimachinery/object.ts";
import { createHttpClient, type HttpClient } from "../../host/client/http-client.ts";
import { type Access, type Asked, type Connection, connect, type Protocol } from "../apiserver/wire.ts";
import { apiNode, deleting, posting, postingPod, readyNow, surroundings } from "./api-objects.ts";
import { askAll, observe, type Seen, type Times } from "./ask-all.ts";
import { audit } from "./audit.ts";
import { Bindings } from "./bindings.ts";
import { SHAPES, type Shape } from "./shapes.ts";

/** A cluster of a shape, to be made at `access`. */
export interface LoadOptions {
  readonly access: Access;
  readonly shape: string;
  readonly nodes: number;
  readonly pods: number;
  readonly protocol: Protocol;
  /** How long no pod may be bound before the run has failed. */
  readonly stallMs: number;
}

export const IN_FLIGHT = 64;
/** One for each request over HTTP/1.1; over HTTP/2 as many as keep one session from being what is measured. */
export const connectionsFor = (protocol: Protocol) => (protocol === "h1" ? IN_FLIGHT : 8);
/** Nodes that nobody speaks for are unreachable after 50 s: no kubelet acts here, so this client speaks for them before. */
const SILENT_MS = 25_000;
const LIST_PAGE = 2_000;
/** Between two pods of a quiet cluster. */
const QUIET_MS = 5;
/** Measured one by one before they count: by then the code has been compiled. */
const QUIET_WARM_UP = 200;

/** What the client process does to a server. */
export interface Load {
  prepare(): Promise<void>;
  /** 64 pods at a time. */
  measure(): Promise<Seen>;
  /** One pod at a time, on a cluster where nothing else happens. */
  measureOneByOne(): Promise<Seen>;
  /** Throws unless the server shows what was claimed. @returns of how many pods there is an event that says so */
  audit(): Promise<number>;
  close(): void;
}

/** The client of `scheduler-e2e`: makes a shape's cluster through the API and watches it being scheduled. */
export class ClusterLoad implements Load {
  readonly #options: LoadOptions;
  readonly #shape: Shape;
  readonly #connections: readonly Connection[];
  readonly #client: HttpClient;
  readonly #nodeNames = new Set<string>();
  readonly #measured: readonly V1Pod[];
  #bindings: Bindings | undefined;
  #heardMs = performance.now();

  static async open(options: LoadOptions): Promise<ClusterLoad> {
    const { protocol, access } = options;
    const opening = Array.from({ length: connectionsFor(protocol) }, () => connect(protocol, access));
    return new ClusterLoad(options, await Promise.all(opening));
  }

  constructor(options: LoadOptions, connections: readonly Connection[]) {
    const shape = SHAPES.find(({ name }) => name === options.shape);
    if (shape === undefined) throw new Error(`no shape ${options.shape}`);
    const { url, ...certificates } = options.access;
    this.#options = options;
    this.#shape = shape;
    this.#connections = connections;
    this.#client = createHttpClient({ server: url, ...certificates });
    this.#measured = Array.from({ length: options.pods }, (_, i) => shape.pod(i));
  }

  /** Nodes, what surrounds them, and the initial pods, all of them bound. */
  async prepare(): Promise<void> {
    const { nodes, access, stallMs } = this.#options;
    const initial = [...(this.#shape.initial?.(nodes / this.#shape.nodes) ?? [])];
    const { namespaces, priorities } = surroundings(this.#shape, [...initial, ...this.#measured]);
    await this.#post(namespaces.map((one) => posting("/api/v1/namespaces", one)));
    await this.#post(priorities.map((one) => posting("/apis/scheduling.k8s.io/v1/priorityclasses", one)));
    await this.#accounts(namespaces.length + 1);
    const made = Array.from({ length: nodes }, (_, i) => this.#shape.node(i));
    for (const { metadata } of made) this.#nodeNames.add(metadata!.name!);
    this.#heardMs = performance.now();
    await this.#post(made.map((node) => posting("/api/v1/nodes", apiNode(node))));
    await this.#untainted(made);
    this.#bindings = await Bindings.open(access, stallMs);
    const bound = this.#bindings.all(namesOf(initial));
    await Promise.all([this.#post(initial.map(postingPod)), bound]);
    if (performance.now() - this.#heardMs > SILENT_MS / 2) await this.#speakForNodes(made, IN_FLIGHT);
  }

  /** Posts the measured pods, 64 at a time, and counts their bindings. */
  async measure(): Promise<Seen> {
    const names = namesOf(this.#measured);
    const requests = this.#measured.map(postingPod);
    const churn = this.#shape.churn === undefined ? undefined : this.#stir();
    const speaking = setInterval(() => {
      if (performance.now() - this.#heardMs < SILENT_MS) return;
      const nodes = Array.from({ length: this.#options.nodes }, (_, i) => this.#shape.node(i));
      void this.#speakForNodes(nodes, 2);
    }, 1_000);
    try {
      return await this.#observe(names, async () => {
        const [times] = await Promise.all([this.#post(requests), this.#bindings!.all(names)]);
        return times;
      });
    } finally {
      clearInterval(speaking);
      await churn?.stop();
    }
  }

  async measureOneByOne(): Promise<Seen> {
    const one = async (pod: V1Pod) => {
      const bound = this.#bindings!.all(namesOf([pod]));
      const [times] = await Promise.all([this.#post([postingPod(pod)]), bound]);
      await delay(QUIET_MS);
      return times;
    };
    const first = Math.min(QUIET_WARM_UP, Math.floor(this.#measured.length / 2));
    for (const pod of this.#measured.slice(0, first)) await one(pod);
    const counted = this.#measured.slice(first);
    return await this.#observe(namesOf(counted), async () => {
      const all: Times = { sentMs: [], answeredMs: [] };
      for (const pod of counted) {
        const { sentMs, answeredMs } = await one(pod);
        all.sentMs.push(...sentMs);
        all.answeredMs.push(...answeredMs);
      }
      return all;
    });
  }

  async audit(): Promise<number> {
    const names = new Set(namesOf(this.#measured));
    audit(await this.#list(kinds.Node), await this.#list(kinds.Pod), names, this.#nodeNames);
    const events = await this.#list(kinds.Event, "reason=Scheduled");
    return new Set(events.flatMap(({ involvedObject: { name = "" } }) => (names.has(name) ? name : []))).size;
  }

  close(): void {
    for (const connection of [...this.#connections, ...this.#spare]) connection.close();
    this.#bindings?.close();
    this.#client.close();
  }

  #observe(names: readonly string[], work: () => Promise<Times>): Promise<Seen> {
    return observe(work, () => names.map((name) => this.#bindings!.seenMs.get(name)!));
  }

  #post(requests: readonly Asked[]): Promise<Times> {
    return askAll(this.#connections, requests, IN_FLIGHT);
  }

  /** A pod needs its namespace's account, which a controller makes. */
  async #accounts(namespaces: number): Promise<void> {
    await this.#until(async () => {
      const accounts = await this.#list(kinds.ServiceAccount);
      return accounts.filter(({ metadata }) => metadata?.name === "default").length >= namespaces;
    }, "service accounts");
  }

  /** Admission taints every new node; a controller takes that away from those that are ready. */
  async #untainted(made: readonly V1Node[]): Promise<void> {
    const own = new Map(made.map((node) => [node.metadata!.name!, node.spec?.taints?.length ?? 0]));
    await this.#until(async () => {
      const nodes = await this.#list(kinds.Node);
      return nodes.every(
        ({ metadata, spec }) => (spec?.taints?.length ?? 0) === (own.get(metadata!.name!) ?? 0),
      );
    }, "nodes");
  }

  async #until(isSo: () => Promise<boolean>, what: string): Promise<void> {
    const startedMs = performance.now();
    while (!(await isSo())) {
      if (performance.now() - startedMs > 10 * this.#options.stallMs)
        throw new Error(`${what} are not ready`);
      await delay(200);
    }
  }

  async #list<T extends KubernetesObject>(kind: Kind<T>, fieldSelector?: string): Promise<T[]> {
    const items: T[] = [];
    for (let next: string | undefined = ""; next !== undefined; ) {
      const page: ObjectList<T> = await this.#client.list<T>(kind, {
        limit: LIST_PAGE,
        fieldSelector,
        ...(next === "" ? {} : { continue: next }),
      });
      items.push(...page.items);
      next = page.metadata?.continue || undefined;
    }
    return items;
  }

  async #speakForNodes(nodes: readonly V1Node[], inFlight: number): Promise<void> {
    this.#heardMs = performance.now();
    const body = JSON.stringify({ status: { conditions: [readyNow()] } });
    const requests = nodes.map(({ metadata }) => ({
      method: "PATCH",
      path: `/api/v1/nodes/${metadata!.name}/status`,
      type: "application/strategic-merge-patch+json",
      body,
    }));
    await askAll(await this.#aside(inFlight), requests, inFlight);
  }

  /** Connections of HTTP/1.1 carry one request at a time, and the others are taken. */
  #spare: Connection[] = [];
  async #aside(count: number): Promise<readonly Connection[]> {
    while (this.#spare.length < count)
      this.#spare.push(await connect(this.#options.protocol, this.#options.access));
    return this.#spare;
  }

  /** What comes and goes while the clock runs. */
  #stir(): { stop(): Promise<void> } {
    const { everyMs, pod, node, service } = this.#shape.churn!;
    let isOver = false;
    const rounds = async () => {
      const connection = await connect(this.#options.protocol, this.#options.access);
      const ask = (asked: Asked) => askAll([connection], [asked], 1);
      for (let round = 0; !isOver; round++) {
        if (node !== undefined) {
          const made = node(round);
          this.#nodeNames.add(made.metadata!.name!);
          await ask(posting("/api/v1/nodes", apiNode(made)));
          if (round > 0) await ask(deleting(`/api/v1/nodes/${node(round - 1).metadata!.name}`));
          if (round > 0) await ask(deleting(pathOf("pods", pod(round - 1))));
        }
        if (service !== undefined) {
          const { namespace } = service(round).metadata!;
          await ask(posting(`/api/v1/namespaces/${namespace}/services`, service(round)));
          if (round > 0) await ask(deleting(pathOf("services", service(round - 1))));
        }
        await ask(postingPod(pod(round)));
        await delay(everyMs);
      }
      connection.close();
    };
    const done = rounds();
    return {
      stop: async () => {
        isOver = true;
        await done;
      },
    };
  }
}

function pathOf(plural: string, { metadata }: KubernetesObject): string {
  return `/api/v1/namespaces/${metadata?.namespace}/${plural}/${metadata?.name}`;
}

function namesOf(pods: readonly V1Pod[]): string[] {
  return pods.map(({ metadata }) => metadata!.name!);
}
