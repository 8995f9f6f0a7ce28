import type { KubernetesObject } from "../apimachinery/object.ts";
import { type Labels, matches } from "../apimachinery/selectors.ts";
import type {
  CapacityName,
  ClassTopology,
  CoreNames,
  Presence,
  TermKindName,
  TermNumbers,
} from "../wasm/scheduler-facts.ts";
import type { SchedulerLink } from "../wasm/scheduler-link.ts";
import { ClusterObjects, type ObjectChange } from "./cluster-objects.ts";
import type { DefaultConstraint, ProfileFacts } from "./profile-facts.ts";
import type { AffinityTerm, PodTopology, SpreadConstraint } from "./topology-facts.ts";
import { TopologyKeys } from "./topology-keys.ts";
import { idsOf, type PodGroup, TrackTable } from "./track-table.ts";
import { matchesExisting, matchesIncoming, type Track } from "./tracks.ts";
import type { CoreVolume } from "./volume-holdings.ts";

interface ClassEntry {
  readonly pod: PodTopology;
  readonly profile: ProfileFacts;
  readonly group: PodGroup;
  /** The tracks its terms ask for. */
  asks: readonly Track[];
}

/** A term before it has a number for its key and a row of sums. */
interface Term {
  readonly kind: TermKindName;
  readonly key: string;
  readonly track: Track;
  readonly weight: number;
  readonly constraint?: SpreadConstraint;
  /** Of a constraint: whether the pod matches its own selector. */
  readonly self?: boolean;
}

interface Parts {
  readonly post: SchedulerLink["post"];
  readonly ensure: (dimension: CapacityName, rows: number) => void;
  readonly names: CoreNames;
  readonly nodes: () => Iterable<{ readonly slot: number; readonly labels: Labels }>;
  readonly slotOf: (node: string) => number | undefined;
}

/** The one key whose domains spreading scores as nodes. */
const HOSTNAME = "kubernetes.io/hostname";
const FILTERS: readonly TermKindName[] = ["hardSpread", "affinity", "antiAffinity", "othersAntiAffinity"];

/**
 * The host's half of PodTopologySpread and InterPodAffinity: says which pods count on which track, in which domain a node
 * is, and what each class asks of both. The core adds up and decides.
 */
export class Topology {
  readonly #parts: Parts;
  readonly #objects = new ClusterObjects();
  readonly #keys: TopologyKeys;
  readonly #tracks: TrackTable;
  readonly #classes = new Map<number, ClassEntry>();

  constructor(parts: Parts) {
    const { post, ensure, slotOf } = parts;
    this.#parts = parts;
    this.#keys = new TopologyKeys(ensure);
    this.#tracks = new TrackTable({
      post,
      ensure,
      slotOf,
      objects: this.#objects,
      regrouped: (group) => {
        for (const [id, entry] of this.#classes) if (entry.group === group) this.#postTracks(id, group);
      },
      owned: (track) => {
        for (const [id, entry] of this.#classes)
          if (this.#concerns(track, entry.pod)) this.#refresh(id, entry);
      },
    });
  }

  /** See `TrackTable`. */
  get departures(): number {
    return this.#tracks.departures;
  }

  /** A node's domain by each topology key, counted until `releaseNode`. */
  acquireNode(labels: Labels): number[] {
    return this.#keys.acquire(labels);
  }

  releaseNode(labels: Labels): void {
    this.#keys.release(labels);
  }

  acquireGroup(pod: PodTopology): PodGroup {
    return this.#tracks.acquireGroup(pod);
  }

  releaseGroup(group: PodGroup): void {
    this.#tracks.releaseGroup(group);
  }

  /** Describes to the core what a class asks of the pods that are there. Nothing has changed when it throws. */
  putClass(id: number, pod: PodTopology, profile: ProfileFacts): void {
    const group = this.#tracks.acquireGroup(pod);
    try {
      const entry: ClassEntry = { pod, profile, group, asks: [] };
      this.#classes.set(id, entry);
      this.#refresh(id, entry);
      this.#postTracks(id, group);
    } catch (error) {
      this.dropClass(id);
      throw error;
    }
  }

  dropClass(id: number): void {
    const entry = this.#classes.get(id);
    if (entry === undefined) return;
    this.#classes.delete(id);
    for (const track of entry.asks) this.#tracks.release(track);
    this.#tracks.releaseGroup(entry.group);
  }

  putObject(object: KubernetesObject): void {
    this.#changed(this.#objects.put(object));
  }

  removeObject(object: KubernetesObject): void {
    this.#changed(this.#objects.remove(object));
  }

  /** Brings what the core counted for a pod that it assumed in line with the tracks the group has now. */
  correct(slot: number, before: readonly Track[], group: PodGroup): void {
    for (const track of group.tracks)
      if (!before.includes(track)) this.#parts.post(["addToTrack", track.id, [[slot, 1]]]);
    for (const track of before)
      if (track.isAlive && !group.tracks.includes(track))
        this.#parts.post(["addToTrack", track.id, [[slot, -1]]]);
  }

  #changed(change: ObjectChange): void {
    if (change === "nothing") return;
    if (change === "namespaces") this.#tracks.namespacesChanged();
    for (const [id, entry] of this.#classes) {
      const { pod } = entry;
      const concerns =
        change === "namespaces" || (change.defaultsOf === pod.namespace && !pod.hasConstraints);
      if (concerns) this.#refresh(id, entry);
    }
  }

  #refresh(id: number, entry: ClassEntry): void {
    const held: Track[] = [];
    try {
      const terms = this.#termsOf(entry, held);
      const numbers = terms.map((term, i) => this.#number(term, i, terms));
      this.#parts.ensure("terms", terms.length);
      const topology: ClassTopology = {
        terms: numbers,
        filterTerms: terms.filter(({ kind }) => FILTERS.includes(kind)).length,
        requiresAllKeys: entry.pod.hasConstraints || entry.profile.defaultConstraints.requireAllKeys,
        matchesOwnAffinity: entry.pod.affinity.every((one) => matchesExisting(one, entry.pod, this.#objects)),
      };
      this.#parts.post(["putTerms", id, topology]);
    } catch (error) {
      for (const track of held) this.#tracks.release(track);
      throw error;
    }
    const before = entry.asks;
    entry.asks = held;
    for (const track of before) this.#tracks.release(track);
  }

  #postTracks(id: number, group: PodGroup): void {
    this.#parts.ensure("classTracks", group.tracks.length);
    this.#parts.post(["putClassTracks", id, idsOf(group.tracks)]);
  }

  /** The class's terms in the order of their kinds. What it acquires goes into `held`. */
  #termsOf({ pod, profile }: ClassEntry, held: Track[]): Term[] {
    const acquire: TrackTable["acquire"] = (rule) => {
      const track = this.#tracks.acquire(rule);
      held.push(track);
      return track;
    };
    const spread = (kind: TermKindName, constraint: SpreadConstraint): Term => {
      const { key, selector, maxSkew: weight } = constraint;
      const track = selector.nothing
        ? this.#tracks.nothing
        : acquire({ of: "spread", namespace: pod.namespace, selector });
      return { kind, key, track, weight, constraint, self: matches(selector, pod.labels) };
    };
    const { filters, scores, args } = profile;
    const matching = (kind: TermKindName, term: AffinityTerm, weight: number): Term => {
      return { kind, key: term.key, track: acquire({ of: "matching", terms: [term] }), weight };
    };
    const isFiltered = filters.has("InterPodAffinity");
    // Without preferences of its own a pod may be told not to look at those of others.
    const { ignorePreferredTermsOfExistingPods: ignoresOthers, hardPodAffinityWeight } =
      args.InterPodAffinity;
    const prefers = scores.has("InterPodAffinity") && !(ignoresOthers && pod.preferred.length === 0);
    const near = isFiltered ? [...new Set(pod.affinity.map(({ key }) => key))] : [];
    const together = near.length > 0 ? acquire({ of: "matching", terms: pod.affinity }) : undefined;
    const others = [...this.#tracks.owners()].filter((track) => this.#concerns(track, pod));
    for (const track of others) track.users++;
    held.push(...others);
    const { hard, soft } = this.#constraintsOf(pod, profile);
    return [
      ...(filters.has("PodTopologySpread") ? hard : []).map((one) => spread("hardSpread", one)),
      ...near.map((key): Term => ({ kind: "affinity", key, track: together!, weight: 1 })),
      ...(isFiltered ? pod.antiAffinity : []).map((term) => matching("antiAffinity", term, 1)),
      ...(isFiltered ? others.flatMap(othersAntiAffinity) : []),
      ...(scores.has("PodTopologySpread") ? soft : []).map((one) => spread("softSpread", one)),
      ...(prefers ? pod.preferred : []).map(({ term, weight }) => matching("preference", term, weight)),
      ...(prefers ? others.flatMap((track) => othersPreference(track, hardPodAffinityWeight)) : []),
    ];
  }

  /** A pod's own constraints; without any, those of its profile, with a selector deduced from the pod. */
  #constraintsOf(pod: PodTopology, { defaultConstraints }: ProfileFacts) {
    if (pod.hasConstraints) return pod;
    const selector = this.#objects.defaultSelector(pod);
    const given = (constraints: readonly DefaultConstraint[]): SpreadConstraint[] =>
      selector === undefined ? [] : constraints.map((one) => ({ ...one, selector }));
    return { hard: given(defaultConstraints.hard), soft: given(defaultConstraints.soft) };
  }

  /** Whether a term of pods that are there matches pods of this kind. */
  #concerns({ rule }: Track, pod: PodTopology): boolean {
    return rule.of === "owners" && matchesIncoming(rule.term, pod, this.#objects);
  }

  #number(
    { kind, key, track, weight, constraint, self }: Term,
    own: number,
    all: readonly Term[],
  ): TermNumbers {
    const shares = constraint === undefined;
    const first = all.findIndex((one) => one.kind === kind && one.key === key);
    const { verdicts, termKinds } = this.#parts.names;
    const excluded =
      (constraint?.honorsAffinity ? verdicts.affinity : 0) | (constraint?.honorsTaints ? verdicts.taint : 0);
    return {
      kind: termKinds[kind],
      key: this.#keyNumber(key),
      track: track.id,
      row: shares ? first : own,
      weight,
      minDomains: constraint?.minDomains ?? 1,
      self: self === true,
      excluded,
    };
  }

  #keyNumber(name: string): number {
    const known = this.#keys.find(name);
    if (known !== undefined) return known;
    const nodes = [...this.#parts.nodes()];
    const { id, domains } = this.#keys.add(
      name,
      nodes.map(({ labels }) => labels),
    );
    const bySlot = nodes.map(({ slot }, i) => [slot, domains[i]!] as const);
    this.#parts.post(["putTopologyKey", id, name === HOSTNAME, bySlot]);
    return id;
  }
}

/** What required anti-affinity of pods that are there is to a pod that matches its term. */
function othersAntiAffinity(track: Track): Term[] {
  const { rule } = track;
  if (rule.of !== "owners" || rule.role !== "antiAffinity") return [];
  return [{ kind: "othersAntiAffinity", key: rule.term.key, track, weight: 1 }];
}

/** What their preferred terms are to it, and their required affinity. */
function othersPreference(track: Track, hardPodAffinityWeight: number): Term[] {
  const { rule } = track;
  if (rule.of !== "owners" || rule.role === "antiAffinity") return [];
  const weight = rule.role === "affinity" ? hardPodAffinityWeight : rule.weight;
  return weight === 0 ? [] : [{ kind: "preference", key: rule.term.key, track, weight }];
}

/** A pod as its node feels it. */
export function presenceOf(
  usage: Presence["usage"],
  tracks: readonly Track[],
  volumes: readonly CoreVolume[],
): Presence {
  return { usage, tracks: idsOf(tracks), volumes: volumes.map(({ id }) => id) };
}
