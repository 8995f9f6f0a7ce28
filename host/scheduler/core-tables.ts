import type {
  CapacityName,
  CoreCapacity,
  CoreNames,
  ExtendedAmount,
  NodeNumbers,
  Usage,
} from "../wasm/scheduler-facts.ts";
import type { SchedulerLink } from "../wasm/scheduler-link.ts";
import { type AttributeSet, AttributeSets } from "./attribute-sets.ts";
import { CapacityError } from "./capacity.ts";
import { type ClassEntry, ClassTable } from "./class-table.ts";
import { GrowingCapacity, InternedNames, MAX_CLASSES } from "./core-capacity.ts";
import { type HostPort, hostPortKey, portsConflict } from "./host-ports.ts";
import { ImageTable } from "./image-table.ts";
import type { NodeIdentity } from "./node-affinity.ts";
import type { NodeFacts } from "./node-facts.ts";
import { NodeRules } from "./node-rules.ts";
import type { BoundPodFacts, PodFacts } from "./pod-facts.ts";
import type { Shapes } from "./preemption/shapes.ts";
import type { ProfileFacts } from "./profile-facts.ts";
import type { Amounts } from "./resource-list.ts";
import { scoredResourcesOf } from "./scored-resources.ts";
import { SlotNumbers } from "./slot-numbers.ts";
import { Topology } from "./topology.ts";
import { judge } from "./verdicts.ts";
import { Volumes } from "./volumes.ts";

interface NodeEntry {
  readonly slot: number;
  facts: NodeFacts;
  set: AttributeSet;
}

/** Rows that classes take, so that giving some of them up makes room. */
const HELD_BY_CLASSES: readonly CapacityName[] = ["tracks", "images"];

export type NodeSlots = readonly (readonly [name: string, slot: number])[];

/**
 * The host's half of the core's tables: gives out slots, attribute sets, classes, resource columns and port bits, and posts
 * to the core what it has to know of each. Strings end here.
 *
 *     node  -> slot, attribute set         pod -> signature -> class -> a verdict per attribute set
 */
export class CoreTables {
  readonly #link: SchedulerLink;
  readonly #names: CoreNames;
  readonly #maxNodes: number;
  readonly #capacity: GrowingCapacity;
  readonly #sets = new AttributeSets();
  readonly #nodes = new Map<string, NodeEntry>();
  /** Made when asked for, dropped when a node comes or goes. */
  #inOrder: NodeSlots | undefined;
  readonly #slots = new SlotNumbers();
  readonly #classes = new ClassTable();
  /** Ids of classes that could not be described. */
  readonly #freeClasses: number[] = [];
  readonly #resources: InternedNames<string>;
  readonly #ports: InternedNames<HostPort>;
  readonly #images: ImageTable;
  /** What pods ask of the pods that are there. */
  readonly topology: Topology;
  /** What pods ask of volumes, and who holds which. */
  readonly volumes: Volumes;
  /** What volumes ask of nodes. */
  readonly #rules: NodeRules;

  /** @param first  what the core was opened with */
  constructor(
    link: SchedulerLink,
    names: CoreNames,
    maxNodes: number,
    profiles: readonly ProfileFacts[],
    first: CoreCapacity,
  ) {
    this.#link = link;
    this.#names = names;
    this.#maxNodes = maxNodes;
    this.#capacity = new GrowingCapacity(first, (capacity) => link.post(["grow", capacity]));
    this.#resources = new InternedNames((size) => this.#capacity.ensure("extendedResources", size));
    this.#ports = new InternedNames((size) => this.#capacity.ensure("portWords", Math.ceil(size / 32)));
    const post: SchedulerLink["post"] = (call) => link.post(call);
    const ensure = this.#capacity.ensure.bind(this.#capacity);
    this.#images = new ImageTable({ post, ensure });
    this.topology = new Topology({
      names,
      post,
      ensure,
      nodes: () => [...this.#nodes.values()].map(({ slot, facts }) => ({ slot, labels: facts.labels })),
      slotOf: (node) => this.slotOf(node),
    });
    this.#rules = new NodeRules({
      post: (call) => link.post(call),
      ensure: (dimension, rows) => this.#capacity.ensure(dimension, rows),
      sets: () => this.#sets.all(),
      lookAt: (labelKeys, name) => {
        if (this.#sets.lookAt(labelKeys, name)) this.#internNodesAgain();
      },
    });
    this.volumes = new Volumes({
      names,
      post: (call) => link.post(call),
      ensure: (dimension, rows) => this.#capacity.ensure(dimension, rows),
      slotOf: (node) => this.slotOf(node),
      rules: this.#rules,
      resourcesChanged: () => {
        for (const entry of this.#classes.values()) if (entry.extended.length > 0) this.#postClass(entry);
      },
    });
    this.#capacity.ensure("profiles", profiles.length);
    for (const { id, numbers } of profiles) link.post(["putProfile", id, numbers]);
  }

  get nodeCount(): number {
    return this.#nodes.size;
  }

  /** Node names with their slots, in the order of slots; what was handed out does not change later. */
  nodes(): NodeSlots {
    this.#inOrder ??= [...this.#nodes.values()]
      .map(({ facts, slot }) => [facts.name, slot] as const)
      .sort((a, b) => a[1] - b[1]);
    return this.#inOrder;
  }

  slotOf(name: string): number | undefined {
    return this.#nodes.get(name)?.slot;
  }

  /** What node selectors look at; a node that is gone has no labels. */
  identityOf(name: string): NodeIdentity {
    return { name, labels: this.#nodes.get(name)?.facts.labels ?? {} };
  }

  /** The node in a slot; of a node that is gone as long as a question is under way. */
  nodeIn(slot: number): string {
    return this.#slots.nameIn(slot);
  }

  /** While `work` runs, slots of removed nodes are not given to others: answers name slots. */
  async holdingSlots<T>(work: () => Promise<T>): Promise<T> {
    this.#slots.hold();
    try {
      return await work();
    } finally {
      this.#slots.letGo();
    }
  }

  /** Adds a node or changes it; usage stays. Returns its slot, and whether the node is new. */
  putNode(facts: NodeFacts): { readonly slot: number; readonly isNew: boolean } {
    const known = this.#nodes.get(facts.name);
    const extended = this.#extendedAmounts(facts.extended);
    if (known === undefined) this.#checkRoomForNode();
    const domains = this.topology.acquireNode(facts.labels);
    const { set, isNew } = this.#sets.acquire(facts);
    if (isNew) this.#judgeSets([set]);
    const entry: NodeEntry = known ?? { slot: this.#slots.take(facts.name), facts, set };
    if (known !== undefined) {
      this.#sets.release(known.set);
      this.topology.releaseNode(known.facts.labels);
    }
    this.#images.change(entry.slot, known?.facts.images ?? [], facts.images);
    entry.facts = facts;
    entry.set = set;
    if (known === undefined) this.#inOrder = undefined;
    this.#nodes.set(facts.name, entry);
    this.#link.post(["putNode", entry.slot, nodeNumbers(facts, set, extended, domains)]);
    if (known === undefined) this.volumes.nodeAdded(facts.name);
    return { slot: entry.slot, isNew: known === undefined };
  }

  removeNode(name: string): void {
    const entry = this.#nodes.get(name);
    if (entry === undefined) return;
    this.#nodes.delete(name);
    this.#inOrder = undefined;
    this.#sets.release(entry.set);
    this.topology.releaseNode(entry.facts.labels);
    this.#images.change(entry.slot, entry.facts.images, []);
    this.#slots.release(entry.slot);
    this.#link.post(["removeNode", entry.slot]);
    this.volumes.nodeRemoved();
  }

  /** Classes that are asked for from now on are kept, until this is called again. */
  holdClasses(): void {
    this.#classes.hold();
  }

  /** The class of all pods like this one, made if need be: others that nobody holds make room for it. */
  classFor(facts: PodFacts, profile: ProfileFacts): ClassEntry {
    const known = this.#classes.find(facts, profile);
    if (known !== undefined) {
      if (facts.volumes !== undefined) this.volumes.describe(known.id, facts.volumes, profile);
      return known;
    }
    for (;;) {
      try {
        return this.#addClass(facts, profile);
      } catch (error) {
        const { dimension } = error instanceof CapacityError ? error : {};
        if (dimension === undefined || !HELD_BY_CLASSES.includes(dimension) || !this.#evict()) throw error;
      }
    }
  }

  #addClass(facts: PodFacts, profile: ProfileFacts): ClassEntry {
    if (facts.extended.size > this.#names.extendedPerClass)
      throw new CapacityError(
        `a pod may ask for ${this.#names.extendedPerClass} extended resources, not ${facts.extended.size}`,
      );
    const looksAtName =
      facts.nodeName !== undefined ||
      facts.affinity.looksAtName ||
      facts.affinity.onlyNodes !== undefined ||
      profile.addedAffinity?.looksAtName === true;
    const labelKeys = [...facts.affinity.labelKeys, ...(profile.addedAffinity?.labelKeys ?? [])];
    if (this.#sets.lookAt(labelKeys, looksAtName)) this.#internNodesAgain();
    const extended = checkedFirst(facts.extended, profile);
    const usage = this.usageOf({ ...facts, extended });
    const id = this.#classId();
    const scoredImages = profile.scores.has("ImageLocality") ? facts.images.names : [];
    let images: readonly number[] = [];
    try {
      images = this.#images.acquire(scoredImages);
      this.#capacity.ensure("classImages", images.length);
      this.topology.putClass(id, facts.topology, profile);
      // Before the verdicts: it may look at labels that nobody has looked at.
      if (facts.volumes !== undefined) this.volumes.describe(id, facts.volumes, profile);
    } catch (error) {
      this.topology.dropClass(id);
      if (images.length > 0) this.#images.release(scoredImages);
      this.#freeClasses.push(id);
      throw error;
    }
    const entry = this.#classes.add({ id, facts, profile, usage, images, extended: [...extended.keys()] });
    this.#postClass(entry);
    this.#link.post([
      "putVerdicts",
      entry.id,
      [...this.#sets.all()].map((set) => judge(facts, profile, set, this.#names.verdicts)),
    ]);
    return entry;
  }

  /** What a pod takes of its node, in the core's numbers. */
  usageOf(pod: PodFacts | BoundPodFacts): Usage {
    return {
      requestMilliCpu: pod.requests.get("cpu") ?? 0,
      requestMemory: pod.requests.get("memory") ?? 0,
      requestEphemeral: pod.requests.get("ephemeral-storage") ?? 0,
      nonZeroMilliCpu: pod.nonZero.get("cpu") ?? 0,
      nonZeroMemory: pod.nonZero.get("memory") ?? 0,
      extended: this.#extendedAmounts(pod.extended),
      ports: pod.ports.map((port) => this.#portNumber(port)),
    };
  }

  /** Sees to it that the core can hold a question about pods that are not where they are. */
  ensureDryRun(shapes: Shapes, podsOfNode: number): void {
    this.#capacity.ensure("shapes", shapes.list.length);
    this.#capacity.ensure("shapeParts", shapes.parts);
    this.#capacity.ensure("triedPods", podsOfNode);
  }

  #checkRoomForNode(): void {
    if (this.#nodes.size >= this.#maxNodes)
      throw new CapacityError(
        `capacity.nodes: this scheduler was created for ${this.#maxNodes} nodes; raise the option capacity.nodes`,
      );
    this.#capacity.ensure("nodes", this.#slots.limit + 1);
  }

  #classId(): number {
    const free = this.#freeClasses.pop();
    if (free !== undefined) return free;
    if (this.#classes.size < MAX_CLASSES) {
      this.#capacity.ensure("classes", this.#classes.size + 1);
      return this.#classes.size;
    }
    if (!this.#evict())
      throw new CapacityError(`${MAX_CLASSES} classes of pods are the most a batch may have`);
    return this.#freeClasses.pop()!;
  }

  /** Gives up the class that was used least recently, and what it holds. */
  #evict(): boolean {
    const oldest = this.#classes.evict();
    if (oldest === undefined) return false;
    const { id, facts, images } = oldest;
    this.topology.dropClass(id);
    this.volumes.dropClass(id);
    if (images.length > 0) this.#images.release(facts.images.names);
    this.#freeClasses.push(id);
    return true;
  }

  #postClass({ id, facts, profile, usage, extended, images }: ClassEntry): void {
    const wantedPorts = profile.filters.has("NodePorts") ? facts.ports : [];
    const conflictingPorts = this.#ports.values.flatMap((used, number) =>
      wantedPorts.some((wanted) => portsConflict(wanted, used)) ? [number] : [],
    );
    const scored = scoredResourcesOf(facts, profile, (name) => this.#resources.intern(name, name));
    this.#capacity.ensure("scoredResources", (scored?.fit.length ?? 0) + (scored?.balanced.length ?? 0));
    const preferred = [...facts.affinity.preferred, ...(profile.addedAffinity?.preferred ?? [])];
    this.#link.post([
      "putClass",
      id,
      {
        ...usage,
        scoreMilliCpu: facts.score.get("cpu") ?? 0,
        scoreMemory: facts.score.get("memory") ?? 0,
        prefersNodes: preferred.length > 0 && profile.scores.has("NodeAffinity"),
        conflictingPorts,
        images,
        containers: facts.images.containers,
        profile: profile.id,
        skipsFit: !profile.filters.has("NodeResourcesFit"),
        uncheckedExtended: extended.filter(profile.ignoresResource).length,
        extendedByDevices: extended
          .filter(this.volumes.devices.standFor)
          .map((name) => this.#resources.intern(name, name)),
        scored,
      },
    ]);
  }

  /** Lets every class judge attribute sets that are new. */
  #judgeSets(sets: readonly AttributeSet[]): void {
    this.#capacity.ensure("attributeSets", this.#sets.limit);
    for (const { id, facts, profile } of this.#classes.values())
      this.#link.post([
        "putVerdicts",
        id,
        sets.map((set) => judge(facts, profile, set, this.#names.verdicts)),
      ]);
    this.#rules.judge(sets);
  }

  /** A class looks at something that none did before, so nodes that were alike may differ. */
  #internNodesAgain(): void {
    const fresh: AttributeSet[] = [];
    const before = [...this.#nodes.values()].map((entry) => {
      const old = entry.set;
      const { set, isNew } = this.#sets.acquire(entry.facts);
      if (isNew) fresh.push(set);
      entry.set = set;
      return old;
    });
    this.#judgeSets(fresh);
    for (const { slot, facts, set } of this.#nodes.values())
      this.#link.post(["putNode", slot, nodeNumbers(facts, set, this.#extendedAmounts(facts.extended), [])]);
    for (const set of before) this.#sets.release(set);
  }

  #extendedAmounts(amounts: Amounts): ExtendedAmount[] {
    return [...amounts].map(([name, amount]) => ({ resource: this.#resources.intern(name, name), amount }));
  }

  /** A port's bit. A port not met before may be in the way of classes that are already in the core. */
  #portNumber(port: HostPort): number {
    const before = this.#ports.values.length;
    const number = this.#ports.intern(hostPortKey(port), port);
    if (number === before) {
      for (const entry of this.#classes.values())
        if (entry.facts.ports.some((wanted) => portsConflict(wanted, port))) this.#postClass(entry);
    }
    return number;
  }
}

/** The extended resources that NodeResourcesFit checks, then those that the profile lets it ignore. */
function checkedFirst(extended: Amounts, { ignoresResource }: ProfileFacts): Amounts {
  const all = [...extended];
  return new Map([
    ...all.filter(([name]) => !ignoresResource(name)),
    ...all.filter(([name]) => ignoresResource(name)),
  ]);
}

/** @param domains  by topology key; none: they stay as they are */
function nodeNumbers(
  facts: NodeFacts,
  set: AttributeSet,
  extended: readonly ExtendedAmount[],
  domains: readonly number[],
): NodeNumbers {
  return {
    allocatableMilliCpu: facts.allocatable.get("cpu") ?? 0,
    allocatableMemory: facts.allocatable.get("memory") ?? 0,
    allocatableEphemeral: facts.allocatable.get("ephemeral-storage") ?? 0,
    allocatablePods: facts.allocatable.get("pods") ?? 0,
    attributeSet: set.id,
    extended,
    domains,
  };
}
