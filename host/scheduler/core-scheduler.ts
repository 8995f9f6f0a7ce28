import type { V1Node, V1Pod } from "../api/generated/types.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import type { CoreNames, PlacedBatch } from "../wasm/scheduler-facts.ts";
import type { SchedulerLink } from "../wasm/scheduler-link.ts";
import { CapacityError, checkUsage } from "./capacity.ts";
import { Profiles } from "./configuration/profiles.ts";
import { FIRST_CAPACITY, MAX_CLASSES } from "./core-capacity.ts";
import { CoreTables } from "./core-tables.ts";
import { type DecidingScheduler, type FullDecision, inShort, type Placement } from "./deciding-scheduler.ts";
import { settleGroup } from "./groups/settle-group.ts";
import type { Decision, Explanation, Gang } from "./library.ts";
import { readNode } from "./node-facts.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import { type PlacedPod, PlacedPods } from "./placed-pods.ts";
import { type BoundPodFacts, podKey, readBoundPod, readPod } from "./pod-facts.ts";
import { Budgets } from "./preemption/budgets.ts";
import { NominatedPods } from "./preemption/nominated-pods.ts";
import { Preemption } from "./preemption/preemption.ts";
import { NOT_STARTED, readVictimFacts } from "./preemption/victim-facts.ts";
import { type AskedPod, PodPreparation, type PreparedPod } from "./prepared-pods.ts";
import { RefusedPods, refusedBefore } from "./refused-pods.ts";
import { StepwiseDecisions } from "./stepwise-decisions.ts";
import { presenceOf } from "./topology.ts";
import type { PodGroup } from "./track-table.ts";
import type { Track } from "./tracks.ts";
import type { Holding } from "./volume-holdings.ts";
import { volumesOf } from "./volumes.ts";

/** Pods a batch may hold; a class of each is kept in the core until the answer is there. */
const MAX_BATCH = Math.min(256, MAX_CLASSES);

/** The scheduler on a core, near or in a worker: keeps who is where, encodes, asks, and puts answers in words. */
export class CoreScheduler implements DecidingScheduler {
  readonly #link: SchedulerLink;
  readonly #tables: CoreTables;
  readonly #pods = new PlacedPods();
  readonly #maxPods: number;
  /** What a class asks is told to the core when its pods are prepared, and has to hold until the answer is there. */
  readonly #turns = new OneAtATime();
  readonly #preparation: PodPreparation;
  readonly #refused: RefusedPods;
  readonly #budgets = new Budgets();
  readonly #nominated: NominatedPods;
  readonly stepwise: StepwiseDecisions;

  /**
   * @param profiles  without them, the default one is for every pod
   * @param first     what the core was opened with
   * @param random    draws where a search for victims begins; without it, at the first node
   */
  constructor(
    link: SchedulerLink,
    names: CoreNames,
    capacity: { nodes: number; pods: number },
    profiles = new Profiles(),
    first = FIRST_CAPACITY,
    random?: Random,
  ) {
    this.#link = link;
    this.#tables = new CoreTables(link, names, capacity.nodes, profiles.all, first);
    this.#maxPods = capacity.pods;
    this.#preparation = new PodPreparation(this.#tables, profiles, (key) => {
      if (this.#isFull() && this.#pods.find(key) === undefined) this.#checkRoomForPod();
    });
    const tables = this.#tables;
    this.#nominated = new NominatedPods({
      slotOf: (node) => tables.slotOf(node),
      ensure: (shapes, podsOfNode) => tables.ensureDryRun(shapes, podsOfNode),
    });
    const [pods, nominated, budgets] = [this.#pods, this.#nominated, this.#budgets];
    const preemption = new Preemption({ link, names, tables, pods, nominated, budgets, random });
    this.#refused = new RefusedPods({
      names,
      tables,
      preemption,
      renominate: (one, node) => this.#renominate(one, node),
    });
    const parts = { link, names, tables, nominated, pods, preemption };
    this.stepwise = new StepwiseDecisions({
      ...{ ...parts, preparation: this.#preparation, refused: this.#refused },
      inTurn: (step) => this.#turns.run(step),
      placeOn: (pod, node) => this.#placeOn(pod, node),
    });
  }

  addNode(node: V1Node): void {
    const facts = readNode(node);
    const { slot, isNew } = this.#tables.putNode(facts);
    this.#pods.nodeOffers(facts.name, facts.allocatable);
    if (!isNew) return;
    for (const { usage, group, holdings } of this.#pods.on(facts.name))
      this.#link.post(["changeUsage", slot, presenceOf(usage, group.tracks, volumesOf(holdings)), 1]);
  }

  updateNode(node: V1Node): void {
    this.addNode(node);
  }

  removeNode(name: string): void {
    this.#tables.removeNode(name);
    this.#pods.nodeOffers(name, undefined);
  }

  addPod(pod: V1Pod): void {
    const key = podKey(pod);
    // A pod that has ended takes nothing any more.
    if (pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed") {
      this.#remove(key);
      this.#tables.volumes.forget(key);
      return;
    }
    const facts = readBoundPod(pod);
    checkUsage(`Pod "${key}": requests`, facts);
    if (this.#pods.find(key) === undefined) this.#checkRoomForPod();
    const usage = this.#tables.usageOf(facts);
    const node = pod.spec!.nodeName!;
    this.#pods.checkSums({ key, node, usage });
    const group = this.#tables.topology.acquireGroup(facts.topology);
    const holdings = this.#hold(facts, group);
    this.#tables.volumes.keep(key);
    this.#remove(key);
    this.#unnominate(key);
    const priority = pod.spec?.priority ?? 0;
    this.#add({ key, node, usage, priority, group, holdings, ...readVictimFacts(pod) });
  }

  noteStatus(pod: V1Pod): void {
    this.#pods.noteStatus(podKey(pod), readVictimFacts(pod));
  }

  removePod(namespace: string, name: string): void {
    const key = `${namespace}/${name}`;
    this.#unnominate(key);
    this.#remove(key);
    this.#tables.volumes.forget(key);
  }

  stillFits(pod: V1Pod): boolean {
    const placed = this.#pods.find(podKey(pod));
    return placed === undefined || !this.#preparation.checksFit(pod) || this.#pods.hasRoom(placed);
  }

  nominate(pod: V1Pod, node: string | null): void {
    const key = podKey(pod);
    this.#unnominate(key);
    if (node === null || this.#pods.find(key) !== undefined || this.#nominated.isFull) return;
    const facts = readPod(pod);
    checkUsage(`Pod "${key}": requests`, facts);
    const usage = this.#tables.usageOf(facts);
    const group = this.#tables.topology.acquireGroup(facts.topology);
    const holdings = this.#hold(facts, group);
    this.#nominated.put({ key, node, priority: pod.spec?.priority ?? 0, usage, group, holdings });
  }

  #unnominate(key: string): void {
    const nominated = this.#nominated.delete(key);
    if (nominated === undefined) return;
    this.#tables.topology.releaseGroup(nominated.group);
    this.#tables.volumes.release(nominated.holdings);
  }

  addObject(object: KubernetesObject): void {
    this.#budgets.put(object);
    this.#tables.volumes.putObject(object);
    this.#tables.topology.putObject(object);
  }

  removeObject(object: KubernetesObject): void {
    this.#budgets.remove(object);
    this.#tables.volumes.removeObject(object);
    this.#tables.topology.removeObject(object);
  }

  async schedule(pods: readonly V1Pod[]): Promise<Decision[]> {
    return (await this.decide(pods)).map(inShort);
  }

  decide(pods: readonly V1Pod[]): Promise<FullDecision[]> {
    return this.#turns.run(() => this.#scheduleAll(pods));
  }

  async scheduleGroup(pods: readonly V1Pod[], gang: Gang): Promise<Decision[]> {
    const decide = async () => settleGroup(this, pods, await this.#scheduleAll(pods), gang);
    return (await this.#turns.run(decide)).map(inShort);
  }

  async #scheduleAll(pods: readonly V1Pod[]): Promise<FullDecision[]> {
    const decisions: FullDecision[] = [];
    for (let start = 0; start < pods.length; ) {
      const batch = this.#nextBatch(pods, start);
      decisions.push(...(await this.#scheduleBatch(batch)));
      start += batch.length;
    }
    return decisions;
  }

  explain(pod: V1Pod): Promise<Explanation> {
    return this.stepwise.explain(pod);
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  /**
   * As many pods as may go to the core together. A pod that could preempt others ends its batch: whether it could is tried
   * out before the next is placed. So does one whose claims are bound with it: what they are promised is the next one's loss.
   * Pods that nominations bear on go together if the same do, and one that is nominated itself goes alone.
   */
  #nextBatch(pods: readonly V1Pod[], start: number): PreparedPod[] {
    const batch: PreparedPod[] = [];
    this.#tables.holdClasses();
    const first = this.#nominated.concernOf(pods[start]!);
    while (batch.length < MAX_BATCH && start + batch.length < pods.length) {
      const pod = pods[start + batch.length]!;
      if (batch.length > 0 && this.#nominated.concernOf(pod) !== first) break;
      const prepared = this.#preparation.prepareOrRefuse(pod);
      if ("isCrowdedOut" in prepared && batch.length > 0) break;
      batch.push(prepared);
      if ("volumes" in prepared && prepared.volumes?.endsBatch) break;
      if (first === "own" || this.#pods.anyBelow(pod.spec?.priority ?? 0)) break;
    }
    return batch;
  }

  async #scheduleBatch(batch: readonly PreparedPod[], isPinned = false): Promise<FullDecision[]> {
    try {
      return await this.#askBatch(batch, isPinned);
    } finally {
      this.#preparation.letGo(batch);
    }
  }

  /** On that node, if the pod still fits there. */
  async #placeOn(pod: V1Pod, node: string): Promise<Placement | undefined> {
    const key = podKey(pod);
    const before = this.#nominated.find(key)?.node ?? null;
    this.nominate(pod, node);
    this.#tables.holdClasses();
    const [decision] = await this.#scheduleBatch([this.#preparation.prepareOrRefuse(pod)], true);
    if (decision?.node === node) return decision as Placement;
    // What was found instead is nobody's choice.
    if (decision?.node) this.#remove(key);
    this.nominate(pod, before);
    return undefined;
  }

  /** @param isPinned  the only pod is tried on the node that it is nominated to; what others say is of no interest */
  async #askBatch(batch: readonly PreparedPod[], isPinned: boolean): Promise<FullDecision[]> {
    const asked = batch.filter((one) => "classId" in one);
    return this.#tables.holdingSlots(async () => {
      const nodeNames = this.#tables.nodes();
      // As the core knows them when it places the pods; later ones are put right by `correct`.
      const tracks = asked.map(({ group }) => group.tracks);
      this.#reserveUses(asked);
      const last = asked.at(-1)?.volumes;
      if (last !== undefined) this.#tables.volumes.postPlan(last);
      const answer = await this.#ask(asked);
      const decisions: FullDecision[] = [];
      let next = 0;
      for (const one of batch) {
        if (!("classId" in one)) {
          const refusal = refusedBefore(one, nodeNames);
          if (refusal.nominated === null) this.#unnominate(one.key);
          decisions.push(refusal);
          continue;
        }
        const slot = answer.slots[next]!;
        const why = answer.refusals.get(next);
        const before = tracks[next]!;
        next++;
        const chosen = next === asked.length ? answer.chosen : [];
        if (slot >= 0) decisions.push(this.#assume(one, slot, before, chosen));
        else if (!isPinned) decisions.push(await this.#refused.decide(one, nodeNames, why!));
      }
      return decisions;
    });
  }

  #ask(asked: readonly AskedPod[]): Promise<PlacedBatch> {
    const ids = asked.map(({ classId }) => classId);
    const first = asked[0];
    const priority = first?.pod.spec?.priority ?? 0;
    // What bears on one of a batch bears on all of it.
    if (first === undefined || !this.#nominated.concerns(first.key, priority))
      return this.#link.schedule(ids);
    return this.#link.scheduleNominated(ids, this.#nominated.questionFor(first.key, priority));
  }

  /**
   * Keeps the room that a pod is to get for it, and takes the node from those that are less important.
   *
   * @returns these, by `namespace/name`
   */
  #renominate({ pod }: AskedPod, node: string | null): string[] {
    this.nominate(pod, node);
    if (node === null) return [];
    const outbid = this.#nominated.below(node, pod.spec?.priority ?? 0).map(({ key }) => key);
    for (const key of outbid) this.#unnominate(key);
    return outbid;
  }

  /** Records what the core has assumed. */
  #assume(one: AskedPod, slot: number, before: readonly Track[], chosen: readonly number[]): Placement {
    const node = this.#tables.nodeIn(slot);
    const { key, usage, group, volumes } = one;
    const holdings = volumes?.holdings ?? [];
    const priority = one.pod.spec?.priority ?? 0;
    const placed = { key, node, usage, priority, group, holdings, ...NOT_STARTED };
    this.#unnominate(key);
    const now = this.#tables.slotOf(node);
    if (this.#pods.find(one.key) !== undefined) {
      // It was bound by someone else while the core was asked: what is known stands.
      if (now === slot) {
        const counted = before.filter(({ isAlive }) => isAlive);
        this.#link.post(["changeUsage", slot, presenceOf(usage, counted, volumes?.held ?? []), -1]);
      }
      return { pod: key, node };
    }
    for (const part of [group, ...holdings]) part.users++;
    if (now === slot) {
      this.#pods.add(placed);
      this.#tables.topology.correct(slot, before, group);
      if (volumes !== undefined) this.#tables.volumes.correct(slot, volumes);
    } else {
      // The node went away meanwhile, and may have come back in another slot.
      this.#add(placed);
    }
    const bindings = volumes ? this.#tables.volumes.promise(key, node, volumes, chosen) : [];
    const devices = volumes
      ? this.#tables.volumes.allocate(key, this.#tables.identityOf(node), volumes, one.profile)
      : [];
    return {
      pod: key,
      node,
      ...(bindings.length > 0 ? { claims: bindings } : {}),
      ...(devices.length > 0 ? { devices } : {}),
    };
  }

  /** What a bound pod holds of volumes; the group is given back if that cannot be described. */
  #hold({ volumes }: Pick<BoundPodFacts, "volumes">, group: PodGroup): readonly Holding[] {
    if (volumes === undefined) return [];
    try {
      const holdings = this.#tables.volumes.acquire(volumes);
      this.#tables.volumes.reserveUses(this.#pods.holdingCount + holdings.length);
      return holdings;
    } catch (error) {
      this.#tables.topology.releaseGroup(group);
      throw error;
    }
  }

  #reserveUses(asked: readonly AskedPod[]): void {
    const more = asked.reduce((sum, { volumes }) => sum + (volumes?.holdings.length ?? 0), 0);
    this.#tables.volumes.reserveUses(this.#pods.holdingCount + more);
  }

  #isFull(): boolean {
    return this.#pods.count >= this.#maxPods;
  }

  #checkRoomForPod(): void {
    if (this.#isFull())
      throw new CapacityError(
        `capacity.pods: this scheduler was created for ${this.#maxPods} pods; raise the option capacity.pods`,
      );
  }

  #add(pod: PlacedPod): void {
    this.#pods.add(pod);
    const slot = this.#tables.slotOf(pod.node);
    if (slot !== undefined)
      this.#link.post([
        "changeUsage",
        slot,
        presenceOf(pod.usage, pod.group.tracks, volumesOf(pod.holdings)),
        1,
      ]);
  }

  #remove(key: string): void {
    const pod = this.#pods.remove(key);
    if (pod === undefined) return;
    const slot = this.#tables.slotOf(pod.node);
    if (slot !== undefined)
      this.#link.post([
        "changeUsage",
        slot,
        presenceOf(pod.usage, pod.group.tracks, volumesOf(pod.holdings)),
        -1,
      ]);
    this.#tables.topology.releaseGroup(pod.group);
    this.#tables.volumes.release(pod.holdings);
  }
}
