import { RequestField, ResultField } from "../layout/ring";
import { getU32, setI32 } from "../layout/field";
import { Capacity, capacityOf, Table, tableAddress } from "../layout/tables";
import { assume } from "./assume";
import { decide } from "./decide";

/**
 * Places the requests `first` to `count`-1 of the request ring, each assumed before the next, and stops after the first that
 * fits nowhere, so that the host may ask why while the tables still say it.
 *
 * @returns how many requests were answered, from 0: `count`, or one above the request that fits nowhere
 */
export function scheduleBatch(first: u32, count: u32): u32 {
  assert(count <= capacityOf(Capacity.requests));
  const requests = tableAddress(Table.requests);
  const results = tableAddress(Table.results);
  for (let i = first; i < count; i++) {
    const cls = getU32(requests + <usize>i * RequestField.bytes, RequestField.podClass);
    const slot = decide(cls, i + 1, count);
    setI32(results + <usize>i * ResultField.bytes, ResultField.node, slot);
    if (slot < 0) return i + 1;
    assume(cls, slot);
  }
  return count;
}
