import { IndexMode } from "../layout/class-index";
import { getF64, getU32, setF64, setI32, setU32 } from "../layout/field";
import { StateField } from "../layout/ring";
import { stateRow, Table, tableAddress } from "../layout/tables";
import { chooseByIndex } from "./indexes/choose";
import { readyIndex } from "./indexes/directory";
import { scan } from "./scan";

const RANDOM_BYTES: usize = 16;

/**
 * The node a class is placed on: from its index, or by a scan where there is none. Both choose the same.
 *
 * @param next, end  requests that come after this one: where the class is among them an index pays at once
 * @returns          a slot, or -1 if no node is feasible
 */
export function decide(cls: u32, next: u32, end: u32): i32 {
  const state = stateRow();
  const mode = getU32(state, StateField.indexMode);
  if (mode == IndexMode.off || !readyIndex(cls, next, end)) return scan(cls);
  setF64(state, StateField.indexedDecisions, getF64(state, StateField.indexedDecisions) + 1.0);
  return mode == IndexMode.on ? chooseByIndex(cls) : chooseTwice(cls);
}

/** Lets the scan decide too, from the same state of the random source, and notes where they differ. The scan is right. */
function chooseTwice(cls: u32): i32 {
  const random = tableAddress(Table.random);
  const before = random + RANDOM_BYTES;
  const after = before + RANDOM_BYTES;
  memory.copy(before, random, RANDOM_BYTES);
  const indexed = chooseByIndex(cls);
  memory.copy(after, random, RANDOM_BYTES);
  memory.copy(random, before, RANDOM_BYTES);
  const scanned = scan(cls);
  if (indexed == scanned && memory.compare(after, random, RANDOM_BYTES) == 0) return scanned;
  const state = stateRow();
  setU32(state, StateField.disagreements, getU32(state, StateField.disagreements) + 1);
  setU32(state, StateField.disagreedClass, cls);
  setI32(state, StateField.indexedSlot, indexed);
  setI32(state, StateField.scannedSlot, scanned);
  return scanned;
}
