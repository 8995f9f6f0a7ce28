import { DESCRIPTOR, FIRST_TABLE, growTo, tableEnd } from "./memory";
import { OutcomeField, PacketField, ServiceStateField } from "./packet";
import { AffinityField, EndpointField, EntryField, FlowField, RangeField, ServiceField, TargetField } from "./service";

/** All memory of the service table's core, laid out as that of the scheduler's (layout/memory.ts). */
export enum Table {
  state,
  random,
  /** Keys that are looked for: scratch space. */
  keys,
  podRanges,
  /** Addresses of the node: rows as those of entries. */
  locals,
  /** Bits that say which entries may be there: service-table/entries.ts. */
  present,
  entries,
  services,
  targets,
  endpoints,
  ranges,
  affinities,
  flows,
  packets,
  outcomes,
  count,
}

/** The dimensions, as the host chooses them in `reserve`. Those of hash tables are powers of two. */
export enum Capacity {
  entries,
  services,
  targets,
  endpoints,
  ranges,
  locals,
  affinities,
  flows,
  /** Packets a batch may hold. */
  packets,
  count,
}

export enum Code {
  ok,
  /** The memory could not grow to hold the tables. */
  outOfMemory,
  /** A core is reserved once. */
  alreadyReserved,
  /** The rows of a hash table are no power of two. */
  notPowerOfTwo,
  /** No entry is left: more than seven eighths of their rows are never used. */
  entriesFull,
}

/** Where keys are written, within `Table.keys`: the host's, that of a client, that of a connection. */
export const HOST_KEY: usize = 0;
export const CLIENT_SEARCH: usize = 24;
export const FLOW_SEARCH: usize = 48;
const KEYS_BYTES: usize = 88;

const ADDRESSES: usize = DESCRIPTOR + (<usize>Capacity.count << 2);

export function capacityOf(dimension: Capacity): u32 {
  return load<u32>(DESCRIPTOR + (<usize>dimension << 2));
}

export function setCapacity(dimension: Capacity, rows: u32): void {
  store<u32>(DESCRIPTOR + (<usize>dimension << 2), rows);
}

/** Where a table's row 0 lies. */
export function tableAddress(table: Table): usize {
  return load<u32>(ADDRESSES + (<usize>table << 2));
}

function tableBytes(table: Table): f64 {
  switch (table) {
    case Table.state: return <f64>ServiceStateField.bytes;
    case Table.random: return 16.0;
    case Table.keys: return <f64>KEYS_BYTES;
    case Table.podRanges: return 2.0 * <f64>RangeField.bytes;
    case Table.locals: return <f64>capacityOf(Capacity.locals) * <f64>EntryField.bytes;
    case Table.present: return <f64>capacityOf(Capacity.entries);
    case Table.entries: return <f64>capacityOf(Capacity.entries) * <f64>EntryField.bytes;
    case Table.services: return <f64>capacityOf(Capacity.services) * <f64>ServiceField.bytes;
    case Table.targets: return <f64>capacityOf(Capacity.targets) * <f64>TargetField.bytes;
    case Table.endpoints: return <f64>capacityOf(Capacity.endpoints) * <f64>EndpointField.bytes;
    case Table.ranges: return <f64>capacityOf(Capacity.ranges) * <f64>RangeField.bytes;
    case Table.affinities: return <f64>capacityOf(Capacity.affinities) * <f64>AffinityField.bytes;
    case Table.flows: return <f64>capacityOf(Capacity.flows) * <f64>FlowField.bytes;
    case Table.packets: return <f64>capacityOf(Capacity.packets) * <f64>PacketField.bytes;
    case Table.outcomes: return <f64>capacityOf(Capacity.packets) * <f64>OutcomeField.bytes;
    default: return 0.0;
  }
}

/** Lays the tables out for the capacities set before, and grows the memory to hold them. */
export function layOut(): Code {
  let end = <f64>FIRST_TABLE;
  for (let table = 0; table < Table.count; table++) {
    store<u32>(ADDRESSES + (<usize>table << 2), <u32>end);
    end = tableEnd(end, tableBytes(table));
    if (end < 0.0) return Code.outOfMemory;
  }
  return growTo(end) ? Code.ok : Code.outOfMemory;
}

export function isReserved(): bool {
  return tableAddress(Table.state) != 0;
}

/** Lets the tables be laid out anew; for the self-test, before which an interpreter may have called `reserve`. */
export function unreserve(): void {
  store<u32>(ADDRESSES + (<usize>Table.state << 2), 0);
}

export function stateRow(): usize {
  return tableAddress(Table.state);
}

export function serviceRow(service: u32): usize {
  assert(service < capacityOf(Capacity.services));
  return tableAddress(Table.services) + <usize>service * ServiceField.bytes;
}

export function targetRow(target: u32): usize {
  assert(target < capacityOf(Capacity.targets));
  return tableAddress(Table.targets) + <usize>target * TargetField.bytes;
}

export function endpointRow(endpoint: u32): usize {
  assert(endpoint < capacityOf(Capacity.endpoints));
  return tableAddress(Table.endpoints) + <usize>endpoint * EndpointField.bytes;
}

export function rangeRow(range: u32): usize {
  assert(range < capacityOf(Capacity.ranges));
  return tableAddress(Table.ranges) + <usize>range * RangeField.bytes;
}

/** Of one family: 4 or 6. */
export function podRangeRow(family: u32): usize {
  return tableAddress(Table.podRanges) + (family == 4 ? 0 : RangeField.bytes);
}

/** Scratch space for a key: one of the offsets above. */
export function searchKey(offset: usize): usize {
  return tableAddress(Table.keys) + offset;
}
