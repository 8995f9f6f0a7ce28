import type { CapacityName } from "../wasm/scheduler-facts.ts";
import type { SchedulerLink } from "../wasm/scheduler-link.ts";
import type { ClusterObjects } from "./cluster-objects.ts";
import type { PodTopology } from "./topology-facts.ts";
import { countsOn, leavesFrom, ownerRules, readsNamespaces, type Track, type TrackRule } from "./tracks.ts";

/** Pods that every selector sees alike: of one namespace, with the same labels and terms. */
export interface PodGroup {
  readonly key: string;
  readonly pods: PodTopology;
  /** The tracks each of its pods counts on. */
  tracks: readonly Track[];
  /** The tracks each is subtracted from when preemption tries without it. */
  leaving: readonly Track[];
  /** Those of its own terms, among `tracks`. */
  readonly owned: readonly Track[];
  /** How many of its pods each node has, by the node's name. */
  readonly nodes: Map<string, number>;
  /** Pods and classes that refer to it. */
  users: number;
}

/** The track of selectors that match nothing: always empty. */
const NOTHING: Track = {
  id: 0,
  key: "",
  rule: { of: "matching", terms: [] },
  users: 1,
  isAlive: true,
};

interface Parts {
  readonly post: SchedulerLink["post"];
  readonly ensure: (dimension: CapacityName, rows: number) => void;
  readonly objects: ClusterObjects;
  readonly slotOf: (node: string) => number | undefined;
  /** A group counts on other tracks than before. */
  readonly regrouped: (group: PodGroup) => void;
  /** Pods with a term that none had before have come. */
  readonly owned: (track: Track) => void;
}

/**
 * Tracks and groups. A selector is matched against each group once, when the later of the two appears; after that a pod is
 * counted by adding 1 to the tracks of its group. A track lives as long as a class asks for it or a group owns its term.
 */
export class TrackTable {
  readonly #parts: Parts;
  readonly #groups = new Map<string, PodGroup>();
  /** The group that was found for facts before: pods of one template share them. */
  readonly #found = new WeakMap<PodTopology, PodGroup>();
  readonly #tracks = new Map<string, Track>();
  readonly #owners = new Set<Track>();
  readonly #free: number[] = [];
  #next = 1;
  #departures = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get nothing(): Track {
    return NOTHING;
  }

  /** Tracks of terms that some pod or class has. */
  owners(): Iterable<Track> {
    return this.#owners;
  }

  /** The pod's group, for one user more. */
  acquireGroup(pods: PodTopology): PodGroup {
    const found = this.#found.get(pods);
    // One that nobody refers to is not there any more.
    if (found !== undefined && found.users > 0) {
      found.users++;
      return found;
    }
    const { namespace, labels, terminating, affinity, antiAffinity, preferred } = pods;
    const key = JSON.stringify([namespace, labels, terminating, affinity, antiAffinity, preferred]);
    const group = this.#groups.get(key) ?? this.#addGroup(key, pods);
    group.users++;
    this.#found.set(pods, group);
    return group;
  }

  releaseGroup(group: PodGroup): void {
    group.users--;
    if (group.users > 0) return;
    this.#groups.delete(group.key);
    for (const track of group.owned) this.release(track);
  }

  /** The track of a rule, for one user more. */
  acquire(rule: TrackRule): Track {
    const key = JSON.stringify(rule);
    const track = this.#tracks.get(key) ?? this.#addTrack(key, rule);
    track.users++;
    return track;
  }

  release(track: Track): void {
    track.users--;
    if (track.users > 0) return;
    track.isAlive = false;
    this.#tracks.delete(track.key);
    this.#owners.delete(track);
    for (const group of this.#groups.values()) {
      if (group.leaving.includes(track)) this.#leaveOtherwise(group, track);
      if (!group.tracks.includes(track)) continue;
      group.tracks = group.tracks.filter((one) => one !== track);
      this.#parts.regrouped(group);
    }
    this.#parts.post(["clearTrack", track.id]);
    this.#free.push(track.id);
  }

  /** Labels of namespaces have changed: looks again who counts where. */
  namespacesChanged(): void {
    for (const track of this.#tracks.values()) if (readsNamespaces(track.rule)) this.#match(track);
  }

  #addGroup(key: string, pods: PodTopology): PodGroup {
    const owned: Track[] = [];
    try {
      for (const rule of ownerRules(pods)) owned.push(this.acquire(rule));
    } catch (error) {
      for (const track of owned) this.release(track);
      throw error;
    }
    const matching = [...this.#tracks.values()].filter(({ rule }) =>
      countsOn(rule, pods, this.#parts.objects),
    );
    const leaving = [...this.#tracks.values()].filter((track) => this.#leaves(track, pods));
    const group: PodGroup = {
      key,
      pods,
      tracks: [...matching, ...owned],
      leaving: [...leaving, ...owned],
      owned,
      nodes: new Map(),
      users: 0,
    };
    this.#groups.set(key, group);
    return group;
  }

  #addTrack(key: string, rule: TrackRule): Track {
    const id = this.#free.pop() ?? this.#next;
    this.#parts.ensure("tracks", id + 1);
    if (id === this.#next) this.#next++;
    const track: Track = { id, key, rule, users: 0, isAlive: true };
    this.#tracks.set(key, track);
    if (rule.of === "owners") {
      this.#owners.add(track);
      this.#parts.owned(track);
    } else {
      this.#match(track);
    }
    return track;
  }

  /** Another number once some group is subtracted from other tracks than before. */
  get departures(): number {
    return this.#departures;
  }

  #leaveOtherwise(group: PodGroup, track: Track): void {
    group.leaving = toggled(group.leaving, track);
    this.#departures++;
  }

  /** Lets groups join the track or leave it, as its rule says now. */
  #match(track: Track): void {
    const changes = new Map<number, number>();
    for (const group of this.#groups.values()) {
      const was = group.tracks.includes(track);
      const is = countsOn(track.rule, group.pods, this.#parts.objects);
      if (group.leaving.includes(track) !== this.#leaves(track, group.pods))
        this.#leaveOtherwise(group, track);
      if (was === is) continue;
      group.tracks = toggled(group.tracks, track);
      for (const [node, pods] of group.nodes) {
        const slot = this.#parts.slotOf(node);
        if (slot !== undefined) changes.set(slot, (changes.get(slot) ?? 0) + (is ? pods : -pods));
      }
      this.#parts.regrouped(group);
    }
    if (changes.size > 0) this.#parts.post(["addToTrack", track.id, [...changes]]);
  }

  #leaves({ rule }: Track, pods: PodTopology): boolean {
    return rule.of === "spread" ? leavesFrom(rule, pods) : countsOn(rule, pods, this.#parts.objects);
  }
}

/** Without the track if it is there, and with it if it is not. */
function toggled(tracks: readonly Track[], track: Track): readonly Track[] {
  return tracks.includes(track) ? tracks.filter((one) => one !== track) : [...tracks, track];
}

export const idsOf = (tracks: readonly Track[]): number[] => tracks.map(({ id }) => id);
