import { F64, I32, U32 } from "./field";

/**
 * The rules of all Services of a node as rows. An address is four words; IPv4 is `::ffff:a.b.c.d`.
 *
 *   packet TCP 10.96.0.7:80 ─ hash ─> entries | 10.96.0.7 80/TCP │ service 5, clusterIp |
 *                                     services 5 | flags │ cluster: 12, 3 │ local: 15, 1 │ ranges: - |
 *                                     targets 12..14 | 10.128.0.9 8080 │ endpoint 40 | … | … |   one is drawn
 *
 * A way in to a service port: a row of a hash table. Several rows may have the same key, where Services claim the same
 * address: they are tried in the order they were added, as rules of a chain are.
 */
export enum EntryField {
  address0 = U32 | 0,
  address1 = U32 | 4,
  address2 = U32 | 8,
  address3 = U32 | 12,
  /** port | protocol << 16; 0 in the space of local addresses. */
  port = U32 | 16,
  /** `KeySpace`; 0: the row is free. */
  space = U32 | 20,
  /** Row of the service table; in the space of local addresses, bits of `LocalAddress`. */
  service = U32 | 24,
  kind = U32 | 28,
  bytes = 32,
}

/** The bytes of an entry that are its key. */
export const ENTRY_KEY: usize = 24;

/** What an entry's address means. */
export enum KeySpace {
  free,
  /** An address of a Service. */
  address,
  /** A node port, whatever the address: the words are 0, 0, 0 and the family (4 or 6). */
  nodePort,
  /** An address of one of the node's interfaces. */
  local,
}

export enum EntryKind {
  clusterIp,
  externalIp,
  /** An address of a load balancer. */
  vip,
  nodePort,
  /** Answered by the node itself. */
  healthCheck,
}

export enum LocalAddress {
  local = 1,
  /** Node ports answer here, where not all local addresses do. */
  nodePorts = 2,
}

/** A service port: which endpoints each way in reaches. */
export enum ServiceField {
  /** Bits of `ServiceFlag`. */
  flags = U32 | 0,
  /** 0: no session affinity. */
  affinitySeconds = U32 | 4,
  /** Rows of the targets that policy Cluster reaches, and how many. */
  clusterFirst = U32 | 8,
  clusterCount = U32 | 12,
  /** Of policy Local. */
  localFirst = U32 | 16,
  localCount = U32 | 20,
  /** Sources that the load balancer's addresses serve. */
  rangeFirst = U32 | 24,
  rangeCount = U32 | 28,
  bytes = 32,
}

/** What kube-proxy decides before it writes rules; each names the same decision in host/proxy/port-rules.ts. */
export enum ServiceFlag {
  hasAny = 1,
  hasInternal = 2,
  hasExternal = 4,
  internalLocal = 8,
  externalLocal = 16,
  firewall = 32,
}

/** One of the endpoints that a list of a service names: where it is, so that drawing one is one look, and which it is. */
export enum TargetField {
  address0 = U32 | 0,
  address1 = U32 | 4,
  address2 = U32 | 8,
  address3 = U32 | 12,
  port = U32 | 16,
  endpoint = U32 | 20,
  bytes = 24,
}

/** An endpoint of a service port, for those who remember which one a client was sent to. */
export enum EndpointField {
  address0 = U32 | 0,
  address1 = U32 | 4,
  address2 = U32 | 8,
  address3 = U32 | 12,
  port = U32 | 16,
  /** Its place among the targets of policy Cluster; -1: none. Affinity takes the first of several. */
  clusterPosition = I32 | 20,
  localPosition = I32 | 24,
  /** Grows when the row is given to another endpoint, so that what remembers the old one forgets it. */
  incarnation = U32 | 28,
  bytes = 32,
}

/** A range of addresses: those that equal it where the mask has ones. */
export enum RangeField {
  address0 = U32 | 0,
  address1 = U32 | 4,
  address2 = U32 | 8,
  address3 = U32 | 12,
  mask0 = U32 | 16,
  mask1 = U32 | 20,
  mask2 = U32 | 24,
  mask3 = U32 | 28,
  bytes = 32,
}

/** Which endpoint a client was sent to last: a row of a hash table, several of a key as for entries. */
export enum AffinityField {
  client0 = U32 | 0,
  client1 = U32 | 4,
  client2 = U32 | 8,
  client3 = U32 | 12,
  service = U32 | 16,
  /** 1; 0: the row is free. */
  used = U32 | 20,
  endpoint = U32 | 24,
  incarnation = U32 | 28,
  lastMs = F64 | 32,
  bytes = 40,
}

export const AFFINITY_KEY: usize = 24;

/** A connection, by what its first packet was decided to be: a row of a hash table. */
export enum FlowField {
  source0 = U32 | 0,
  source1 = U32 | 4,
  source2 = U32 | 8,
  source3 = U32 | 12,
  destination0 = U32 | 16,
  destination1 = U32 | 20,
  destination2 = U32 | 24,
  destination3 = U32 | 28,
  /** source port | destination port << 16 */
  ports = U32 | 32,
  /** 0: the row is free. */
  protocol = U32 | 36,
  target0 = U32 | 40,
  target1 = U32 | 44,
  target2 = U32 | 48,
  target3 = U32 | 52,
  targetPort = U32 | 56,
  /** `Action`, 256 with masquerade */
  action = U32 | 60,
  lastMs = F64 | 64,
  bytes = 72,
}

export const FLOW_KEY: usize = 40;
export const FLOW_MASQUERADE: u32 = 256;
