import type { Flavour } from "./core-module.ts";
import type {
  ActionName,
  AddressWords,
  Entry,
  Flow,
  NodeNumbers,
  Outcome,
  PacketNumbers,
  RangeNumbers,
  ServiceNumbers,
  TableCapacity,
} from "./service-table-facts.ts";
import {
  copyServiceTable,
  openServiceTable,
  reserveServiceTable,
  type ServiceTableExports,
  type ServiceTableViews,
} from "./service-table-module.ts";
import type { FieldView } from "./table-view.ts";

/** The service table cannot hold so much. Nothing of what needed it was written. */
export class TableCapacityError extends Error {
  override readonly name = "TableCapacityError";
}

/** Tables grow up to here: 4 GiB of memory are less than all of them at once. */
export const MAX_TABLE_CAPACITY: TableCapacity = {
  entries: 1 << 24,
  services: 1 << 22,
  targets: 1 << 25,
  endpoints: 1 << 24,
  ranges: 1 << 22,
  locals: 1 << 20,
  affinities: 1 << 22,
  flows: 1 << 22,
  packets: 1 << 16,
};

/** Dimensions whose rows are those of hash tables. */
const HASHED: ReadonlySet<keyof TableCapacity> = new Set(["entries", "locals", "affinities", "flows"]);

/**
 * One service table in the domain's words, on the thread that calls it. Rows of services, endpoints, targets and ranges
 * are numbers that the caller gives out, after it has asked for room for them.
 */
export class ServiceTableCore {
  #core: ServiceTableExports;
  #views: ServiceTableViews;
  #capacity: TableCapacity;
  #entryCount = 0;
  #localAddresses: NodeNumbers["addresses"] = [];
  readonly #flavour: Flavour;
  readonly #actions: readonly ActionName[];

  constructor(capacity: TableCapacity, { flavour, seed }: { flavour: Flavour; seed: number }) {
    this.#capacity = rounded(capacity);
    this.#flavour = flavour;
    this.#core = reserveServiceTable(flavour, this.#capacity);
    this.#core.seed(seed);
    this.#views = openServiceTable(this.#core);
    const names: ActionName[] = ["pass", "dnat", "reject", "drop"];
    this.#actions = names.sort((a, b) => this.#core.Action[a] - this.#core.Action[b]);
  }

  get capacity(): TableCapacity {
    return this.#capacity;
  }

  /** Bytes of linear memory. */
  get memoryBytes(): number {
    return this.#core.memory.buffer.byteLength;
  }

  /**
   * Makes room for so many rows. Everything moves to a larger core: tables are reserved once, so views stay valid.
   *
   * @throws TableCapacityError naming the dimension
   */
  ensure(wanted: Partial<TableCapacity>): void {
    let capacity = this.#capacity;
    if (this.#hasRoom(wanted)) return;
    for (const [name, rows] of Object.entries(wanted) as [keyof TableCapacity, number][]) {
      // Of a hash table, an eighth must stay free.
      const needed = HASHED.has(name) ? Math.ceil((rows * 8) / 7) + 2 : rows;
      if (needed <= capacity[name]) continue;
      if (needed > MAX_TABLE_CAPACITY[name])
        throw new TableCapacityError(
          `${rows} ${name} are more than the ${Math.floor(HASHED.has(name) ? (MAX_TABLE_CAPACITY[name] * 7) / 8 : MAX_TABLE_CAPACITY[name])} a service table can hold`,
        );
      const grown = Math.min(Math.max(needed, 2 * capacity[name]), MAX_TABLE_CAPACITY[name]);
      capacity = { ...capacity, [name]: grown };
    }
    if (capacity === this.#capacity) return;
    capacity = rounded(capacity);
    const larger = reserveServiceTable(this.#flavour, capacity);
    copyServiceTable(this.#core, larger);
    this.#core = larger;
    this.#capacity = capacity;
    this.#views = openServiceTable(larger);
  }

  /** Without the arithmetic: asked before every write. */
  #hasRoom({
    entries = 0,
    services = 0,
    targets = 0,
    endpoints = 0,
    ranges = 0,
    locals = 0,
  }: Partial<TableCapacity>) {
    const has = this.#capacity;
    return (
      entries < has.entries / 2 &&
      services <= has.services &&
      targets <= has.targets &&
      endpoints <= has.endpoints &&
      ranges <= has.ranges &&
      locals < has.locals / 2
    );
  }

  putNode(node: NodeNumbers): void {
    const { state, podRanges } = this.#views;
    const { DetectLocal, NodePortMode, LocalAddress, KeySpace } = this.#core;
    state.masqueradeAll.set(0, node.masqueradeAll ? 1 : 0);
    state.guardsLoopback.set(0, node.guardsLoopback ? 1 : 0);
    node.families.forEach(({ detectLocal, nodePorts }, i) => {
      const mode =
        detectLocal === "nothing"
          ? DetectLocal.nothing
          : detectLocal === "interface"
            ? DetectLocal.byInterface
            : DetectLocal.bySource;
      (i === 0 ? state.detectLocal4 : state.detectLocal6).set(0, mode);
      (i === 0 ? state.nodePorts4 : state.nodePorts6).set(0, NodePortMode[nodePorts]);
      if (typeof detectLocal === "object") putRange(podRanges, i, detectLocal);
    });
    const bitsOf = (takesNodePorts: boolean) =>
      LocalAddress.local | (takesNodePorts ? LocalAddress.nodePorts : 0);
    for (const { address, takesNodePorts } of this.#localAddresses) {
      this.#core.putKey(...address, 0, KeySpace.local);
      this.#core.removeEntry(bitsOf(takesNodePorts), 0);
    }
    this.ensure({ locals: node.addresses.length });
    for (const { address, takesNodePorts } of node.addresses) {
      this.#core.putKey(...address, 0, KeySpace.local);
      this.#core.addEntry(bitsOf(takesNodePorts), 0);
    }
    this.#localAddresses = node.addresses;
  }

  putService(row: number, service: ServiceNumbers): void {
    const { services } = this.#views;
    const flags = service.flags.reduce((all, name) => all | this.#core.ServiceFlag[name], 0);
    services.flags.set(row, flags);
    services.affinitySeconds.set(row, service.affinitySeconds);
    services.clusterFirst.set(row, service.clusterFirst);
    services.clusterCount.set(row, service.clusterCount);
    services.localFirst.set(row, service.localFirst);
    services.localCount.set(row, service.localCount);
    services.rangeFirst.set(row, service.rangeFirst);
    services.rangeCount.set(row, service.rangeCount);
  }

  /**
   * @param clusterPosition  its place in the list of policy Cluster; -1: none
   * @param localPosition    in that of policy Local
   */
  putEndpoint(
    row: number,
    address: AddressWords,
    port: number,
    clusterPosition: number,
    localPosition: number,
  ): void {
    const { endpoints } = this.#views;
    putAddress(endpoints.address0, endpoints.address1, endpoints.address2, endpoints.address3, row, address);
    endpoints.port.set(row, port);
    endpoints.clusterPosition.set(row, clusterPosition);
    endpoints.localPosition.set(row, localPosition);
  }

  /** The row's endpoint is gone: whoever remembers it forgets it. */
  retireEndpoint(row: number): void {
    const { incarnation } = this.#views.endpoints;
    incarnation.set(row, incarnation.get(row) + 1);
  }

  /** Names the endpoint at one place of a service's list. */
  putTarget(row: number, endpoint: number, address: AddressWords, port: number): void {
    const { targets } = this.#views;
    putAddress(targets.address0, targets.address1, targets.address2, targets.address3, row, address);
    targets.port.set(row, port);
    targets.endpoint.set(row, endpoint);
  }

  putRange(row: number, range: RangeNumbers): void {
    putRange(this.#views.ranges, row, range);
  }

  /**
   * Adds a way in to a service, behind the others that there are to the same address. Room for it was made.
   *
   * @returns whether there are others
   */
  addEntry(service: number, entry: Entry): boolean {
    this.#putKey(entry);
    const isShared = this.#core.findNthEntry(0) >= 0;
    const code = this.#core.addEntry(service, this.#core.EntryKind[entry.way]);
    if (code !== this.#core.Code.ok) throw new Error(`no room was made for an entry: code ${code}`);
    this.#entryCount++;
    return isShared;
  }

  removeEntry(service: number, entry: Entry): void {
    this.#putKey(entry);
    if (this.#core.removeEntry(service, this.#core.EntryKind[entry.way])) this.#entryCount--;
  }

  get entryCount(): number {
    return this.#entryCount;
  }

  /** Who else has a way in at this address and port, in the order in which they are tried. */
  entriesAt(entry: Entry): { service: number; way: Entry["way"] }[] {
    const { entries } = this.#views;
    const found: { service: number; way: Entry["way"] }[] = [];
    const { EntryKind } = this.#core;
    this.#putKey(entry);
    for (let slot = this.#core.findNthEntry(0); slot >= 0; slot = this.#core.findNthEntry(found.length)) {
      const kind = entries.kind.get(slot);
      const way = (Object.keys(EntryKind) as Entry["way"][]).find((name) => EntryKind[name] === kind)!;
      found.push({ service: entries.service.get(slot), way });
    }
    return found;
  }

  /** Writes the packet that the next `resolve` decides as its `i`-th; i below `capacity.packets`. */
  putPacket(i: number, packet: PacketNumbers): void {
    const { packets } = this.#views;
    putAddress(packets.source0, packets.source1, packets.source2, packets.source3, i, packet.source);
    const { destination0, destination1, destination2, destination3 } = packets;
    putAddress(destination0, destination1, destination2, destination3, i, packet.destination);
    packets.port.set(i, packet.port + packet.protocol * 65_536);
    packets.sourcePort.set(i, packet.sourcePort);
    packets.from.set(i, this.#core.PacketFrom[packet.from]);
  }

  /** Decides the first `count` packets, in order. */
  resolve(count: number, nowMs: number): void {
    this.#core.resolve(count, nowMs);
  }

  outcome(i: number): Outcome {
    const { outcomes } = this.#views;
    return {
      action: this.#actions[outcomes.action.get(i)]!,
      masquerade: outcomes.masquerade.get(i) === 1,
      address: [
        outcomes.address0.get(i),
        outcomes.address1.get(i),
        outcomes.address2.get(i),
        outcomes.address3.get(i),
      ],
      port: outcomes.port.get(i),
    };
  }

  /** Forgets the connections of one protocol that `isStale` names. */
  removeFlows(protocol: number, isStale: (flow: Flow) => boolean): number {
    const { flows } = this.#views;
    let removed = 0;
    for (let row = 0; row < this.#capacity.flows; row++) {
      // What stood behind a removed row may have moved up into it.
      while (flows.protocol.get(row) === protocol && isStale(this.#flow(row))) {
        this.#core.removeFlow(row);
        removed++;
      }
    }
    return removed;
  }

  /** What the core had to refuse or forget for want of rows. */
  get counts(): { flows: number; flowsRefused: number; affinities: number; affinitiesEvicted: number } {
    const { state } = this.#views;
    return {
      flows: state.flowCount.get(0),
      flowsRefused: state.flowsRefused.get(0),
      affinities: state.affinityCount.get(0),
      affinitiesEvicted: state.affinityEvicted.get(0),
    };
  }

  #flow(row: number): Flow {
    const { flows } = this.#views;
    return {
      protocol: flows.protocol.get(row),
      destination: [
        flows.destination0.get(row),
        flows.destination1.get(row),
        flows.destination2.get(row),
        flows.destination3.get(row),
      ],
      destinationPort: flows.ports.get(row) >>> 16,
      target: [
        flows.target0.get(row),
        flows.target1.get(row),
        flows.target2.get(row),
        flows.target3.get(row),
      ],
      targetPort: flows.targetPort.get(row),
    };
  }

  #putKey({ address, port, protocol }: Entry): void {
    const { KeySpace } = this.#core;
    const key = port + protocol * 65_536;
    if (typeof address === "number") this.#core.putKey(0, 0, 0, address, key, KeySpace.nodePort);
    else this.#core.putKey(...address, key, KeySpace.address);
  }
}

function putAddress(
  a: FieldView,
  b: FieldView,
  c: FieldView,
  d: FieldView,
  row: number,
  words: AddressWords,
) {
  a.set(row, words[0]);
  b.set(row, words[1]);
  c.set(row, words[2]);
  d.set(row, words[3]);
}

function putRange(
  ranges: ServiceTableViews["ranges"],
  row: number,
  { address, prefixLength }: RangeNumbers,
): void {
  const mask = (word: number) => {
    const bits = Math.min(32, Math.max(0, prefixLength - 32 * word));
    return bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
  };
  const { address0, address1, address2, address3, mask0, mask1, mask2, mask3 } = ranges;
  putAddress(address0, address1, address2, address3, row, address);
  putAddress(mask0, mask1, mask2, mask3, row, [mask(0), mask(1), mask(2), mask(3)]);
}

function rounded(capacity: TableCapacity): TableCapacity {
  const power = (rows: number) => 2 ** Math.max(3, Math.ceil(Math.log2(rows)));
  return {
    ...capacity,
    entries: power(capacity.entries),
    locals: power(capacity.locals),
    affinities: power(capacity.affinities),
    flows: power(capacity.flows),
  };
}
