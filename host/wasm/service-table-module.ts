import { type Flavour, instantiateCore } from "./core-module.ts";
import type { instantiate } from "./generated/service-table-exports.ts";
import type { TableCapacity } from "./service-table-facts.ts";
import { openTable, type TableView } from "./table-view.ts";

/** What the built core exports: functions, enums (rows, tables, flags) and its memory. */
export type ServiceTableExports = Awaited<ReturnType<typeof instantiate>>;

/** A new instance with its tables reserved. */
export function reserveServiceTable(flavour: Flavour, capacity: TableCapacity): ServiceTableExports {
  const core = instantiateCore<ServiceTableExports>("service-table", flavour);
  const { entries, services, targets, endpoints, ranges, locals, affinities, flows, packets } = capacity;
  const code = core.reserve(
    entries,
    services,
    targets,
    endpoints,
    ranges,
    locals,
    affinities,
    flows,
    packets,
  );
  if (code !== core.Code.ok)
    throw new Error(`the service table cannot reserve ${JSON.stringify(capacity)}: code ${code}`);
  return core;
}

/** The tables that the host reads or writes, each with the enum that describes its rows. */
const ROWS = {
  state: "ServiceStateField",
  podRanges: "RangeField",
  locals: "EntryField",
  entries: "EntryField",
  services: "ServiceField",
  targets: "TargetField",
  endpoints: "EndpointField",
  ranges: "RangeField",
  flows: "FlowField",
  packets: "PacketField",
  outcomes: "OutcomeField",
} as const;

export type ServiceTableViews = {
  readonly [Name in keyof typeof ROWS]: TableView<ServiceTableExports[(typeof ROWS)[Name]]>;
};

/** Opens a view per field of these tables. */
export function openServiceTable(core: ServiceTableExports): ServiceTableViews {
  const open = (name: keyof typeof ROWS) =>
    openTable(core.memory, core[ROWS[name]], core.tableAddress(core.Table[name]) >>> 0);
  const names = Object.keys(ROWS) as (keyof typeof ROWS)[];
  return Object.fromEntries(names.map((name) => [name, open(name)])) as ServiceTableViews;
}

/** Copies every row to a core that is at least as large; hash tables of entries are filled anew. */
export function copyServiceTable(source: ServiceTableExports, target: ServiceTableExports): void {
  const { Table, Capacity } = source;
  const from = new Uint8Array(source.memory.buffer);
  const to = new Uint8Array(target.memory.buffer);
  const copy = (table: number, bytes: number) => {
    const start = source.tableAddress(table) >>> 0;
    to.set(from.subarray(start, start + bytes), target.tableAddress(table) >>> 0);
  };
  const rows = (dimension: number) => source.capacityOf(dimension) >>> 0;
  copy(Table.state, source.ServiceStateField.bytes);
  copy(Table.random, 16);
  copy(Table.podRanges, 2 * source.RangeField.bytes);
  copy(Table.services, rows(Capacity.services) * source.ServiceField.bytes);
  copy(Table.targets, rows(Capacity.targets) * source.TargetField.bytes);
  copy(Table.endpoints, rows(Capacity.endpoints) * source.EndpointField.bytes);
  copy(Table.ranges, rows(Capacity.ranges) * source.RangeField.bytes);
  const { affinityCount, flowCount } = openServiceTable(source).state;
  if (affinityCount.get(0) > 0)
    copy(Table.affinities, rows(Capacity.affinities) * source.AffinityField.bytes);
  if (flowCount.get(0) > 0) copy(Table.flows, rows(Capacity.flows) * source.FlowField.bytes);
  openServiceTable(target).state.entryCount.set(0, 0);
  openServiceTable(target).state.localCount.set(0, 0);
  copyEntries("locals", source, target);
  copyEntries("entries", source, target);
}

/** From a free slot round to it again, so that rows with the same key keep their order. */
function copyEntries(
  table: "entries" | "locals",
  source: ServiceTableExports,
  target: ServiceTableExports,
): void {
  const entries = openServiceTable(source)[table];
  const rows = source.capacityOf(source.Capacity[table]) >>> 0;
  let start = 0;
  while (entries.space.get(start) !== 0) start++;
  for (let i = 1; i < rows; i++) {
    const row = (start + i) % rows;
    const space = entries.space.get(row);
    if (space === 0) continue;
    const { address0, address1, address2, address3, port, service, kind } = entries;
    target.putKey(
      address0.get(row),
      address1.get(row),
      address2.get(row),
      address3.get(row),
      port.get(row),
      space,
    );
    target.addEntry(service.get(row), kind.get(row));
  }
}
