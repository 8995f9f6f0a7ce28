import { F64, U32 } from "./field";

/** A packet to be decided: `resolve` reads them in order. */
export enum PacketField {
  source0 = U32 | 0,
  source1 = U32 | 4,
  source2 = U32 | 8,
  source3 = U32 | 12,
  destination0 = U32 | 16,
  destination1 = U32 | 20,
  destination2 = U32 | 24,
  destination3 = U32 | 28,
  /** destination port | protocol << 16 (6 TCP, 17 UDP, 132 SCTP) */
  port = U32 | 32,
  /** 0: not told, so the packet is the first of its connection. */
  sourcePort = U32 | 36,
  /** `PacketFrom` */
  from = U32 | 40,
  bytes = 44,
}

/** Where a packet comes from: it says which hooks it passes. */
export enum PacketFrom {
  /** An interface of this node's pods. */
  pod,
  /** A process of this node. */
  node,
  /** Any other interface. */
  external,
}

/** What happens to the packet of the same row. */
export enum OutcomeField {
  /** `Action` */
  action = U32 | 0,
  /** 1: it leaves with an address of this node as its source. */
  masquerade = U32 | 4,
  /** Where it goes on to; where it was going anyway, unless it is translated. */
  address0 = U32 | 8,
  address1 = U32 | 12,
  address2 = U32 | 16,
  address3 = U32 | 20,
  port = U32 | 24,
  bytes = 28,
}

export enum Action {
  /** Left alone. */
  pass,
  dnat,
  reject,
  drop,
}

/** How packets of this node's pods are recognised. */
export enum DetectLocal {
  nothing,
  /** By the family's row of `Table.podRanges`. */
  bySource,
  /** By the interface they come in by: `PacketFrom.pod`. */
  byInterface,
}

/** At which local addresses node ports answer. */
export enum NodePortMode {
  /** At those that say so (`LocalAddress.nodePorts`). */
  chosen,
  all,
  allButLoopback,
}

/** What holds for all packets, and what the core itself remembers: one row. */
export enum ServiceStateField {
  masqueradeAll = U32 | 0,
  detectLocal4 = U32 | 4,
  detectLocal6 = U32 | 8,
  nodePorts4 = U32 | 12,
  nodePorts6 = U32 | 16,
  /** 1: packets of elsewhere to 127.0.0.0/8 are dropped, unless translated to there. */
  guardsLoopback = U32 | 20,
  /** Part of every hash, so that nobody outside can choose which rows collide. */
  hashSeed = U32 | 24,
  entryCount = U32 | 28,
  affinityCount = U32 | 32,
  /** Where the search for what has expired goes on. */
  affinityCursor = U32 | 36,
  flowCount = U32 | 40,
  flowCursor = U32 | 44,
  /** Packets dropped because no row was left for their connection. */
  flowsRefused = U32 | 48,
  /** Clients forgotten before their time because no row was left. */
  affinityEvicted = U32 | 52,
  tcpTimeoutMs = F64 | 56,
  udpTimeoutMs = F64 | 64,
  sctpTimeoutMs = F64 | 72,
  localCount = U32 | 80,
  bytes = 88,
}
