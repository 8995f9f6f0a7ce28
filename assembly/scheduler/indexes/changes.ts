import { noteChange } from "../../collections/change-log";
import { IndexMode } from "../../layout/class-index";
import { getF64, getU32, setF64 } from "../../layout/field";
import { StateField } from "../../layout/ring";
import { changeLogRows, stateRow, Table, tableAddress } from "../../layout/tables";

/**
 * Notes that something of a node has changed: what it offers, what its pods take, which tracks they are on, its attributes,
 * its domains. Every index looks at the node again before it answers next.
 */
export function touch(slot: u32): void {
  const state = stateRow();
  if (getU32(state, StateField.indexMode) == IndexMode.off) return;
  const change = getF64(state, StateField.changes);
  noteChange(tableAddress(Table.changes), changeLogRows() - 1, tableAddress(Table.lastChanges), change, slot);
  setF64(state, StateField.changes, change + 1.0);
}
