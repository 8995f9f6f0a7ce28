import { seedRandom } from "../collections/prng";
import { setF64, setU32 } from "../layout/field";
import { DetectLocal, NodePortMode, ServiceStateField } from "../layout/packet";
import { Capacity, Code, isReserved, layOut, setCapacity, stateRow, Table, tableAddress } from "../layout/service-tables";

/** kube-proxy sets a day for TCP, the kernel's own are two minutes for UDP and 210 s for SCTP. */
const TCP_TIMEOUT_MS: f64 = 86400000.0;
const UDP_TIMEOUT_MS: f64 = 120000.0;
const SCTP_TIMEOUT_MS: f64 = 210000.0;

/**
 * Reserves all tables, once. A core that became too small is replaced by a larger one: the host copies the rows.
 *
 * @param entries     rows of a hash table, a power of two; seven eighths may be used. So for locals, affinities, flows
 * @param targets     endpoints that the lists of services name, all together
 * @param packets     the longest batch
 */
export function reserve(
  entries: u32,
  services: u32,
  targets: u32,
  endpoints: u32,
  ranges: u32,
  locals: u32,
  affinities: u32,
  flows: u32,
  packets: u32,
): Code {
  if (isReserved()) return Code.alreadyReserved;
  if (!isPowerOfTwo(entries) || !isPowerOfTwo(locals)) return Code.notPowerOfTwo;
  if (!isPowerOfTwo(affinities) || !isPowerOfTwo(flows)) return Code.notPowerOfTwo;
  setCapacity(Capacity.entries, entries);
  setCapacity(Capacity.services, services);
  setCapacity(Capacity.targets, targets);
  setCapacity(Capacity.endpoints, endpoints);
  setCapacity(Capacity.ranges, ranges);
  setCapacity(Capacity.locals, locals);
  setCapacity(Capacity.affinities, affinities);
  setCapacity(Capacity.flows, flows);
  setCapacity(Capacity.packets, packets);
  const code = layOut();
  if (code != Code.ok) return code;
  const state = stateRow();
  setU32(state, ServiceStateField.detectLocal4, DetectLocal.nothing);
  setU32(state, ServiceStateField.detectLocal6, DetectLocal.nothing);
  setU32(state, ServiceStateField.nodePorts4, NodePortMode.all);
  setU32(state, ServiceStateField.nodePorts6, NodePortMode.allButLoopback);
  setU32(state, ServiceStateField.guardsLoopback, 1);
  setF64(state, ServiceStateField.tcpTimeoutMs, TCP_TIMEOUT_MS);
  setF64(state, ServiceStateField.udpTimeoutMs, UDP_TIMEOUT_MS);
  setF64(state, ServiceStateField.sctpTimeoutMs, SCTP_TIMEOUT_MS);
  seed(0);
  return Code.ok;
}

/**
 * Starts the sequence that chooses endpoints. Hashes are seeded with it, too: call it before the first entry is added.
 */
export function seed(value: u32): void {
  seedRandom(tableAddress(Table.random), value);
  setU32(stateRow(), ServiceStateField.hashSeed, value ^ 0x5bd1e995);
}

function isPowerOfTwo(rows: u32): bool {
  return rows >= 8 && popcnt<u32>(rows) == 1;
}
