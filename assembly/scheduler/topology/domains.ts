import { getU32, setU32 } from "../../layout/field";
import { domainNodesRow, domainRows, topologyKeyRow } from "../../layout/topology-rows";
import { DomainField, DomainNodesField, NO_DOMAIN, TopologyKeyField } from "../../layout/topology";

/** Says in which domain of a key a node is now, and counts how many domains have several nodes. */
export function putDomain(key: u32, slot: u32, domain: u32): void {
  const at = domainRows(key) + <usize>slot * DomainField.bytes;
  const before = getU32(at, DomainField.id);
  if (before == domain) return;
  setU32(at, DomainField.id, domain);
  countNodes(key, before, -1);
  countNodes(key, domain, 1);
  const row = topologyKeyRow(key);
  if (getU32(row, TopologyKeyField.limit) <= domain) setU32(row, TopologyKeyField.limit, domain + 1);
}

function countNodes(key: u32, domain: u32, more: i32): void {
  if (domain == NO_DOMAIN) return;
  const row = topologyKeyRow(key);
  const at = domainNodesRow(key, domain);
  const before = getU32(at, DomainNodesField.nodes);
  const now = before + more;
  setU32(at, DomainNodesField.nodes, now);
  const shared = <i32>(now > 1) - <i32>(before > 1);
  setU32(row, TopologyKeyField.sharedDomains, getU32(row, TopologyKeyField.sharedDomains) + shared);
}
