import { randomBelow } from "../collections/prng";
import { getU32 } from "../layout/field";
import { StateField } from "../layout/ring";
import { stateRow, Table, tableAddress } from "../layout/tables";

/**
 * The slot with the highest total: the lowest of them, or one drawn evenly. kube-scheduler's own choice among equals follows
 * from the order in which its goroutines finish, so any of the best is a right answer.
 *
 * @param totals  an i32 a slot, -1 for a refused node
 * @returns a slot, or -1 if all are refused
 */
export function selectHost(totals: usize, limit: u32): i32 {
  let best = -1;
  let chosen = -1;
  let ties: u32 = 0;
  for (let slot: u32 = 0; slot < limit; slot++) {
    const total = load<i32>(totals + (<usize>slot << 2));
    if (total > best) {
      best = total;
      chosen = slot;
      ties = 1;
    } else if (total == best && best >= 0) {
      ties++;
    }
  }
  if (ties < 2 || getU32(stateRow(), StateField.randomTies) == 0) return chosen;

  let skip = randomBelow(tableAddress(Table.random), ties);
  for (let slot: u32 = chosen; slot < limit; slot++) {
    if (load<i32>(totals + (<usize>slot << 2)) != best) continue;
    if (skip == 0) return slot;
    skip--;
  }
  return chosen;
}
