import { DomainField, DomainSumField, NO_DOMAIN, TermField, TermKind, TrackField } from "../../layout/topology";
import { getF64, getI32, getU32, setF64 } from "../../layout/field";
import { domainRows, domainSumRows, termRows, trackRows } from "../../layout/topology-rows";

// What every term can say of a node, and its sums per domain.

/** The sum of a domain that no counted node is in. */
export const UNKNOWN: f64 = -Infinity;

export function termRow(cls: u32, term: u32): usize {
  return termRows(cls) + <usize>term * TermField.bytes;
}

export function kindOf(term: usize): TermKind {
  return <TermKind>getU32(term, TermField.kind);
}

/** The node's domain by the term's key, or NO_DOMAIN. */
export function domainOf(term: usize, slot: u32): u32 {
  return getU32(domainRows(getU32(term, TermField.key)) + <usize>slot * DomainField.bytes, DomainField.id);
}

/** Pods of the term's track on the node. */
export function countOf(term: usize, slot: u32): i32 {
  return getI32(trackRows(getU32(term, TermField.track)) + <usize>slot * TrackField.bytes, TrackField.count);
}

/** Sums of the term of this number; terms that share them name the same. */
export function sumOf(row: u32, domain: u32): f64 {
  return getF64(domainSumRows(row) + <usize>domain * DomainSumField.bytes, DomainSumField.sum);
}

export function setSum(row: u32, domain: u32, sum: f64): void {
  setF64(domainSumRows(row) + <usize>domain * DomainSumField.bytes, DomainSumField.sum, sum);
}

export function fillSums(row: u32, domains: u32, sum: f64): void {
  for (let domain: u32 = 0; domain < domains; domain++) setSum(row, domain, sum);
}

/** Whether the node has the key of every term of the kind. */
export function hasAllKeys(cls: u32, first: u32, end: u32, kind: TermKind, slot: u32): bool {
  for (let i = first; i < end; i++) {
    const term = termRow(cls, i);
    if (kindOf(term) == kind && domainOf(term, slot) == NO_DOMAIN) return false;
  }
  return true;
}
