import type { ClassTopology, CoreCapacity } from "./scheduler-facts.ts";
import type { SchedulerExports } from "./scheduler-module.ts";
import { openTable } from "./table-view.ts";

/** The tables of topology: what a node's domains are, where the pods of a track stand, what a class asks of them. */
export class TopologyTables {
  readonly #core: SchedulerExports;
  readonly #capacity: CoreCapacity;
  readonly #views: ReturnType<typeof openViews>;

  constructor(core: SchedulerExports, capacity: CoreCapacity) {
    this.#core = core;
    this.#capacity = capacity;
    this.#views = openViews(core);
  }

  /** @param domains  the node's domain by each topology key; 0 for none */
  putNode(slot: number, domains: readonly number[]): void {
    domains.forEach((domain, key) => {
      this.#core.putDomain(key, slot, domain);
    });
  }

  /** Empties the slot: it is in no domain, and no pods are there. */
  removeNode(slot: number): void {
    for (let key = 0; key < this.#capacity.topologyKeys; key++) this.#core.putDomain(key, slot, 0);
    for (let track = 0; track < this.#capacity.tracks; track++)
      this.#views.tracks.count.set(track * this.#capacity.nodes + slot, 0);
  }

  /** A topology key is looked at for the first time. */
  putKey(key: number, perNode: boolean, domains: readonly (readonly [slot: number, domain: number])[]): void {
    // 0 is none, 1 is the empty value.
    this.#views.keys.limit.set(key, 2);
    this.#views.keys.perNode.set(key, perNode ? 1 : 0);
    for (const [slot, domain] of domains) this.#core.putDomain(key, slot, domain);
  }

  putTerms(id: number, { terms, ...topology }: ClassTopology): void {
    const { classes } = this.#views;
    classes.termCount.set(id, terms.length);
    classes.filterTermCount.set(id, topology.filterTerms);
    classes.requiresAllKeys.set(id, topology.requiresAllKeys ? 1 : 0);
    classes.matchesOwnAffinity.set(id, topology.matchesOwnAffinity ? 1 : 0);
    this.#core.classChanged(id);
    const view = this.#views.terms;
    terms.forEach((term, i) => {
      const row = id * this.#capacity.terms + i;
      view.kind.set(row, term.kind);
      view.key.set(row, term.key);
      view.track.set(row, term.track);
      view.row.set(row, term.row);
      view.weight.set(row, term.weight);
      view.minDomains.set(row, term.minDomains);
      view.self.set(row, term.self ? 1 : 0);
      view.excluded.set(row, term.excluded);
    });
  }

  /** The tracks that a pod of the class joins when it is assumed. */
  putClassTracks(id: number, tracks: readonly number[]): void {
    this.#views.classes.trackCount.set(id, tracks.length);
    tracks.forEach((track, i) => {
      this.#views.classTracks.track.set(id * this.#capacity.classTracks + i, track);
    });
  }

  /** Pods that join a track (or leave it, below 0), by slot. */
  addToTrack(track: number, pods: readonly (readonly [slot: number, count: number])[]): void {
    const { count } = this.#views.tracks;
    for (const [slot, more] of pods) {
      const row = track * this.#capacity.nodes + slot;
      count.set(row, count.get(row) + more);
      this.#core.touch(slot);
    }
  }

  /** A pod comes to a node (1) or leaves it (-1). */
  addToTracks(slot: number, tracks: readonly number[], pods: 1 | -1): void {
    for (const track of tracks) this.addToTrack(track, [[slot, pods]]);
  }

  /** Empties a track, for another use. */
  clearTrack(track: number): void {
    this.#core.clearTrack(track);
  }
}

function openViews(core: SchedulerExports) {
  const { memory, Table } = core;
  const at = (table: number) => core.tableAddress(table) >>> 0;
  return {
    classes: openTable(memory, core.ClassField, at(Table.classes)),
    keys: openTable(memory, core.TopologyKeyField, at(Table.topologyKeys)),
    tracks: openTable(memory, core.TrackField, at(Table.tracks)),
    classTracks: openTable(memory, core.ClassTrackField, at(Table.classTracks)),
    terms: openTable(memory, core.TermField, at(Table.terms)),
  };
}
