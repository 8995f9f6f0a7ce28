/** What a service table's core is told, in numbers. An address is four words; IPv4 is `::ffff:a.b.c.d`. */
export type AddressWords = readonly [number, number, number, number];

/** Rows of each dimension. Those of entries, locals, affinities and flows are rounded up to powers of two. */
export interface TableCapacity {
  /** Ways in to services. */
  readonly entries: number;
  readonly services: number;
  readonly targets: number;
  readonly endpoints: number;
  readonly ranges: number;
  /** Addresses of the node. */
  readonly locals: number;
  /** Clients with session affinity. */
  readonly affinities: number;
  /** Connections. */
  readonly flows: number;
  /** Packets a batch may hold. */
  readonly packets: number;
}

/** How a packet meets a service. */
export type WayIn = "clusterIp" | "externalIp" | "vip" | "nodePort" | "healthCheck";

/** A way in: an address and port, or a node port of a family. */
export interface Entry {
  readonly address: AddressWords | 4 | 6;
  readonly port: number;
  readonly protocol: number;
  readonly way: WayIn;
}

export interface ServiceNumbers {
  readonly flags: readonly ServiceFlagName[];
  readonly affinitySeconds: number;
  readonly clusterFirst: number;
  readonly clusterCount: number;
  readonly localFirst: number;
  readonly localCount: number;
  readonly rangeFirst: number;
  readonly rangeCount: number;
}

export type ServiceFlagName =
  | "hasAny"
  | "hasInternal"
  | "hasExternal"
  | "internalLocal"
  | "externalLocal"
  | "firewall";

export interface RangeNumbers {
  readonly address: AddressWords;
  /** Of 128 bits. */
  readonly prefixLength: number;
}

/** What holds for all packets of a node. */
export interface NodeNumbers {
  readonly masqueradeAll: boolean;
  readonly guardsLoopback: boolean;
  /** By family, IPv4 first. */
  readonly families: readonly [FamilyNumbers, FamilyNumbers];
  readonly addresses: readonly { readonly address: AddressWords; readonly takesNodePorts: boolean }[];
}

export interface FamilyNumbers {
  readonly detectLocal: RangeNumbers | "interface" | "nothing";
  readonly nodePorts: "chosen" | "all" | "allButLoopback";
}

export interface PacketNumbers {
  readonly source: AddressWords;
  readonly destination: AddressWords;
  readonly port: number;
  readonly protocol: number;
  readonly from: "pod" | "node" | "external";
  /** 0: not told. */
  readonly sourcePort: number;
}

export type ActionName = "pass" | "dnat" | "reject" | "drop";

export interface Outcome {
  readonly action: ActionName;
  readonly masquerade: boolean;
  readonly address: AddressWords;
  readonly port: number;
}

/** A connection that is remembered. */
export interface Flow {
  readonly protocol: number;
  readonly destination: AddressWords;
  readonly destinationPort: number;
  /** Where its packets go: the source of replies. */
  readonly target: AddressWords;
  readonly targetPort: number;
}
