import { type Random, seededRandom } from "../../host/apimachinery/random.ts";
import { clusterIpOf, numberOf } from "./shapes.ts";

/** Packets in the ring: more than the caches of a small table forgive. */
export const PACKETS = 65_536;
/** A batch that is still in the caches when it is decided again: what the core costs, without the memory behind it. */
const WARM_PACKETS = 4_096;
const CLIENTS = 1_000;
export interface DrawnPacket {
  readonly source: number;
  readonly destination: number;
  /** Of the Services; -1: an address that is none. */
  readonly service: number;
  /** Not 0: of a connection. */
  readonly sourcePort: number;
}

/** What packets may be: all come from pods, of `CLIENTS` addresses, and go to TCP 80. */
export const MIXES = [
  { name: "random", packets: PACKETS, service: (random: Random, count: number) => random.below(count) },
  { name: "warm", packets: WARM_PACKETS, service: (random: Random, count: number) => random.below(count) },
  { name: "hot-100", packets: PACKETS, service: (random: Random) => random.below(100) },
  {
    name: "sticky",
    packets: WARM_PACKETS,
    service: (random: Random, count: number) => random.below(count / 4) * 4 + 3,
  },
  { name: "no-service", packets: PACKETS, service: () => -1 },
  {
    name: "connections",
    packets: PACKETS,
    service: (random: Random, count: number) => random.below(count),
    tracked: true,
  },
] as const;
export type Mix = (typeof MIXES)[number];

export function packetsOf(mix: Mix, count: number): DrawnPacket[] {
  const random = seededRandom(7);
  return Array.from({ length: mix.packets }, (_, i) => {
    const service = mix.service(random, count);
    return {
      source: numberOf("10.200.0.0") + random.below(CLIENTS),
      destination:
        service < 0 ? numberOf("10.128.0.0") + random.below(65_536) : numberOf(clusterIpOf(service)),
      service,
      sourcePort: "tracked" in mix ? 1_024 + (i % 60_000) : 0,
    };
  });
}
