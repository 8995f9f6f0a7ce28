import type { ClassTopology, CoreCapacity } from "./scheduler-facts.ts";
import type { SchedulerExports } from "./scheduler-module.ts";
import { type FieldView, openTable } from "./table-view.ts";

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

  /** What a class asks. Its index is made anew if that is not what it asked before. */
  putTerms(id: number, { terms, ...topology }: ClassTopology): void {
    let isNew = false;
    const put = (field: FieldView, row: number, value: number): void => {
      isNew ||= field.get(row) !== value;
      field.set(row, value);
    };
    const { classes, terms: view } = this.#views;
    put(classes.termCount, id, terms.length);
    put(classes.filterTermCount, id, topology.filterTerms);
    put(classes.requiresAllKeys, id, topology.requiresAllKeys ? 1 : 0);
    put(classes.matchesOwnAffinity, id, topology.matchesOwnAffinity ? 1 : 0);
    terms.forEach((term, i) => {
      const row = id * this.#capacity.terms + i;
      put(view.kind, row, term.kind);
      put(view.key, row, term.key);
      put(view.track, row, term.track);
      put(view.row, row, term.row);
      put(view.weight, row, term.weight);
      put(view.minDomains, row, term.minDomains);
      put(view.self, row, term.self ? 1 : 0);
      put(view.excluded, row, term.excluded);
    });
    if (isNew) this.#core.classChanged(id);
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
