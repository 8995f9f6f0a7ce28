import type { V1Node, V1Pod } from "../api/generated/types.ts";
import { ApiError } from "../apimachinery/errors.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { CoreNames, Evaluation, Refusals, Trial, Usage } from "../wasm/scheduler-facts.ts";
import type { SchedulerLink } from "../wasm/scheduler-link.ts";
import { CapacityError } from "./capacity.ts";
import { MAX_CLASSES } from "./core-capacity.ts";
import { CoreTables, checkUsage, type NodeSlots } from "./core-tables.ts";
import type { Decision, Explanation, Scheduler } from "./library.ts";
import { readNode } from "./node-facts.ts";
import { type PlacedPod, PlacedPods } from "./placed-pods.ts";
import { type PodFacts, podKey, readBoundPod, readPod, signatureOf } from "./pod-facts.ts";
import {
  AFFINITY_CONFLICT,
  describeRefusal,
  fitErrorMessage,
  NO_NODES,
  type NodeRefusal,
  type PreemptionTrial,
  prefilterMessage,
} from "./reasons.ts";

import { presenceOf } from "./topology.ts";
import type { PodGroup } from "./track-table.ts";
import type { Track } from "./tracks.ts";

/** A pod of a batch, encoded: its class in the core, or why it is not worth asking. */
type Prepared =
  | {
      readonly pod: V1Pod;
      readonly key: string;
      readonly classId: number;
      readonly usage: Usage;
      readonly extended: readonly string[];
      readonly group: PodGroup;
    }
  | { readonly key: string; readonly refusal: string };

interface DescribedRefusals {
  readonly refusals: readonly NodeRefusal[];
  readonly reasons: Readonly<Record<string, string[]>>;
}

/** Pods a batch may hold; a class of each is kept in the core until the answer is there. */
const MAX_BATCH = Math.min(256, MAX_CLASSES);

/** The scheduler on a core, near or in a worker: keeps who is where, encodes, asks, and puts answers in words. */
export class CoreScheduler implements Scheduler {
  readonly #link: SchedulerLink;
  readonly #names: CoreNames;
  readonly #tables: CoreTables;
  readonly #pods = new PlacedPods();
  readonly #maxPods: number;
  /** Fulfilled when the last call of `schedule` is over; undefined when none is under way. */
  #turn: Promise<void> | undefined;
  readonly #described = new WeakMap<Refusals, DescribedRefusals>();
  /** Facts of recent signatures, so that the pods of one template are read once. */
  readonly #facts = new Map<string, PodFacts>();

  constructor(link: SchedulerLink, names: CoreNames, capacity: { nodes: number; pods: number }) {
    this.#link = link;
    this.#names = names;
    this.#tables = new CoreTables(link, names, capacity.nodes);
    this.#maxPods = capacity.pods;
  }

  addNode(node: V1Node): void {
    const facts = readNode(node);
    const { slot, isNew } = this.#tables.putNode(facts);
    if (!isNew) return;
    for (const { usage, group } of this.#pods.on(facts.name))
      this.#link.post(["changeUsage", slot, presenceOf(usage, group.tracks), 1]);
  }

  updateNode(node: V1Node): void {
    this.addNode(node);
  }

  removeNode(name: string): void {
    this.#tables.removeNode(name);
  }

  addPod(pod: V1Pod): void {
    const key = podKey(pod);
    // A pod that has ended takes nothing any more.
    if (pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed") {
      this.#remove(key);
      return;
    }
    const facts = readBoundPod(pod);
    checkUsage(`Pod "${key}": requests`, facts);
    if (this.#pods.find(key) === undefined) this.#checkRoomForPod();
    const usage = this.#tables.usageOf(facts);
    const node = pod.spec!.nodeName!;
    this.#pods.checkSums({ key, node, usage });
    const group = this.#tables.topology.acquireGroup(facts.topology);
    this.#remove(key);
    this.#add({ key, node, usage, priority: pod.spec?.priority ?? 0, group });
  }

  removePod(namespace: string, name: string): void {
    this.#remove(`${namespace}/${name}`);
  }

  addObject(object: KubernetesObject): void {
    this.#tables.topology.putObject(object);
  }

  removeObject(object: KubernetesObject): void {
    this.#tables.topology.removeObject(object);
  }

  /** One call after the other: what a class asks is told to the core when its pods are prepared, and has to hold then. */
  schedule(pods: readonly V1Pod[]): Promise<Decision[]> {
    const run =
      this.#turn === undefined ? this.#scheduleAll(pods) : this.#turn.then(() => this.#scheduleAll(pods));
    const done: Promise<void> = run.then(
      () => this.#endTurn(done),
      // The caller has the failure; the next one only waits.
      () => this.#endTurn(done),
    );
    this.#turn = done;
    return run;
  }

  #endTurn(turn: Promise<void>): void {
    if (this.#turn === turn) this.#turn = undefined;
  }

  async #scheduleAll(pods: readonly V1Pod[]): Promise<Decision[]> {
    const decisions: Decision[] = [];
    for (let start = 0; start < pods.length; ) {
      const batch = this.#nextBatch(pods, start);
      decisions.push(...(await this.#scheduleBatch(batch)));
      start += batch.length;
    }
    return decisions;
  }

  async explain(pod: V1Pod): Promise<Explanation> {
    const prepared = this.#prepare(pod, readPod(pod));
    const slots = this.#tables.nodes();
    if ("refusal" in prepared) {
      const refusal = { rejectedBy: "NodeAffinity", reasons: [AFFINITY_CONFLICT] };
      const nodes = slots.map(([node]) => ({ node, ...refusal }));
      return { pod: prepared.key, chosen: null, nodes };
    }
    this.#letGo([prepared]);
    const evaluation = await this.#link.evaluate(prepared.classId);
    let chosen: string | null = null;
    let best = -1;
    const nodes = slots.map(([node, slot]) => {
      const refusal = describeRefusal(evaluation, slot, this.#names, prepared.extended);
      if (refusal !== undefined) {
        const { rejectedBy, reasons } = refusal;
        return { node, rejectedBy, reasons };
      }
      const total = evaluation.totals[slot]!;
      if (total > best) {
        best = total;
        chosen = node;
      }
      return { node, scores: this.#scoresOf(evaluation, slot), total };
    });
    return { pod: prepared.key, chosen, nodes };
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  /**
   * As many pods as may go to the core together. A pod that could preempt others ends its batch: whether it could is tried
   * out before the next is placed.
   */
  #nextBatch(pods: readonly V1Pod[], start: number): Prepared[] {
    const batch: Prepared[] = [];
    while (batch.length < MAX_BATCH && start + batch.length < pods.length) {
      const pod = pods[start + batch.length]!;
      batch.push(this.#prepareOrRefuse(pod));
      if (this.#pods.anyBelow(pod.spec?.priority ?? 0)) break;
    }
    return batch;
  }

  async #scheduleBatch(batch: readonly Prepared[]): Promise<Decision[]> {
    try {
      return await this.#askBatch(batch);
    } finally {
      this.#letGo(batch);
    }
  }

  #letGo(batch: readonly Prepared[]): void {
    for (const one of batch) if ("group" in one) this.#tables.topology.releaseGroup(one.group);
  }

  async #askBatch(batch: readonly Prepared[]): Promise<Decision[]> {
    const asked = batch.filter((one) => "classId" in one);
    return this.#tables.holdingSlots(async () => {
      const nodeNames = this.#tables.nodes();
      // As the core knows them when it places the pods; later ones are put right by `correct`.
      const tracks = asked.map(({ group }) => group.tracks);
      const answer = await this.#link.schedule(asked.map(({ classId }) => classId));
      const decisions: Decision[] = [];
      let next = 0;
      for (const one of batch) {
        if ("refusal" in one) {
          decisions.push(this.#refusedBefore(one, nodeNames));
          continue;
        }
        const slot = answer.slots[next]!;
        const why = answer.refusals.get(next);
        const before = tracks[next]!;
        next++;
        if (slot >= 0) decisions.push(this.#assume(one, slot, before));
        else decisions.push(await this.#refused(one, nodeNames, why!));
      }
      return decisions;
    });
  }

  #refusedBefore(one: { key: string; refusal: string }, nodes: NodeSlots): Decision {
    if (one.refusal !== AFFINITY_CONFLICT)
      return { pod: one.key, node: null, message: one.refusal, nodes: {} };
    const message = nodes.length === 0 ? NO_NODES : prefilterMessage(nodes.length, AFFINITY_CONFLICT);
    const reasons = Object.fromEntries(nodes.map(([name]) => [name, [AFFINITY_CONFLICT]]));
    return { pod: one.key, node: null, message, nodes: reasons };
  }

  /** Records what the core has assumed. */
  #assume(
    one: { pod: V1Pod; key: string; usage: Usage; group: PodGroup },
    slot: number,
    before: readonly Track[],
  ): Decision {
    const node = this.#tables.nodeIn(slot);
    const { key, usage } = one;
    const placed = { key, node, usage, priority: one.pod.spec?.priority ?? 0, group: one.group };
    const now = this.#tables.slotOf(node);
    if (this.#pods.find(one.key) !== undefined) {
      // It was bound by someone else while the core was asked: what is known stands.
      if (now === slot) {
        const counted = before.filter(({ isAlive }) => isAlive);
        this.#link.post(["changeUsage", slot, presenceOf(usage, counted), -1]);
      }
    } else if (now === slot) {
      one.group.users++;
      this.#pods.add(placed);
      this.#tables.topology.correct(slot, before, one.group);
    } else {
      // The node went away meanwhile, and may have come back in another slot.
      one.group.users++;
      this.#add(placed);
    }
    return { pod: one.key, node };
  }

  async #refused(
    one: { pod: V1Pod; key: string; classId: number; extended: readonly string[] },
    nodes: NodeSlots,
    why: Refusals,
  ): Promise<Decision> {
    if (nodes.length === 0) return { pod: one.key, node: null, message: NO_NODES, nodes: {} };
    const { refusals, reasons } = this.#describe(why, nodes, one.extended);
    const mayPreempt = one.pod.spec?.preemptionPolicy !== "Never";
    const trials = mayPreempt ? await this.#tryPreemption(one, nodes, refusals) : [];
    const message = fitErrorMessage(refusals, trials, mayPreempt);
    return { pod: one.key, node: null, message, nodes: reasons };
  }

  /** In words, once for all pods of a batch that were refused alike: a thousand replicas may wait for one node. */
  #describe(why: Refusals, nodes: NodeSlots, extended: readonly string[]): DescribedRefusals {
    const known = this.#described.get(why);
    if (known !== undefined) return known;
    const refusals = nodes.map(([, slot]) => describeRefusal(why, slot, this.#names, extended)!);
    const reasons = Object.fromEntries(nodes.map(([name], i) => [name, [...refusals[i]!.reasons]]));
    const described = { refusals, reasons };
    this.#described.set(why, described);
    return described;
  }

  /** Asks each node that may help again as if its pods of lower priority were gone. Evicts nobody. */
  async #tryPreemption(
    one: { pod: V1Pod; classId: number; extended: readonly string[] },
    nodes: NodeSlots,
    refusals: readonly NodeRefusal[],
  ): Promise<PreemptionTrial[]> {
    const priority = one.pod.spec?.priority ?? 0;
    const anyVictims = this.#pods.anyBelow(priority);
    const victims = nodes.map(([name], i) =>
      anyVictims && refusals[i]!.resolvable
        ? this.#pods.on(name).filter((pod) => pod.priority < priority)
        : [],
    );
    const trials = nodes.flatMap(([name, slot], i): Trial[] => {
      if (victims[i]!.length === 0 || this.#tables.slotOf(name) !== slot) return [];
      const leaving = victims[i]!.map(({ usage, group }) => presenceOf(usage, group.leaving));
      return [{ slot, leaving }];
    });
    const without = trials.length > 0 ? await this.#link.tryWithout(one.classId, trials) : undefined;
    const tried = new Set(trials.map(({ slot }) => slot));
    return nodes.map(([, slot], i) => {
      if (!refusals[i]!.resolvable) return "not tried";
      if (!tried.has(slot) || without === undefined) return "no victims";
      return describeRefusal(without, slot, this.#names, one.extended)?.reasons ?? "room";
    });
  }

  #scoresOf(evaluation: Evaluation, slot: number) {
    const { scores: names } = this.#names;
    return Object.fromEntries(
      names.map((name, i) => {
        const at = (slot * names.length + i) * 3;
        const [raw, normalized, weighted] = evaluation.scores.subarray(at, at + 3);
        return [name, { raw: raw!, normalized: normalized!, weighted: weighted! }];
      }),
    );
  }

  #prepareOrRefuse(pod: V1Pod): Prepared {
    try {
      if (this.#pods.find(podKey(pod)) === undefined) this.#checkRoomForPod();
      return this.#prepare(pod, this.#factsOf(pod));
    } catch (error) {
      if (error instanceof ApiError || error instanceof CapacityError)
        return { key: podKey(pod), refusal: error.message };
      throw error;
    }
  }

  #prepare(pod: V1Pod, facts: PodFacts): Prepared {
    const key = podKey(pod);
    if (facts.affinity.onlyNodes?.size === 0) return { key, refusal: AFFINITY_CONFLICT };
    const { id, usage, extended } = this.#tables.classFor(facts);
    const group = this.#tables.topology.acquireGroup(facts.topology);
    return { pod, key, classId: id, usage, extended, group };
  }

  #factsOf(pod: V1Pod): PodFacts {
    const signature = signatureOf(pod);
    const known = this.#facts.get(signature);
    if (known !== undefined) return known;
    const facts = readPod(pod, signature);
    // At the bound everything is forgotten and read again: simpler than an order of use, and seldom.
    if (this.#facts.size >= MAX_CLASSES) this.#facts.clear();
    this.#facts.set(signature, facts);
    return facts;
  }

  #checkRoomForPod(): void {
    if (this.#pods.count >= this.#maxPods)
      throw new CapacityError(
        `capacity.pods: this scheduler was created for ${this.#maxPods} pods; raise the option capacity.pods`,
      );
  }

  #add(pod: PlacedPod): void {
    this.#pods.add(pod);
    const slot = this.#tables.slotOf(pod.node);
    if (slot !== undefined)
      this.#link.post(["changeUsage", slot, presenceOf(pod.usage, pod.group.tracks), 1]);
  }

  #remove(key: string): void {
    const pod = this.#pods.remove(key);
    if (pod === undefined) return;
    const slot = this.#tables.slotOf(pod.node);
    if (slot !== undefined)
      this.#link.post(["changeUsage", slot, presenceOf(pod.usage, pod.group.tracks), -1]);
    this.#tables.topology.releaseGroup(pod.group);
  }
}
