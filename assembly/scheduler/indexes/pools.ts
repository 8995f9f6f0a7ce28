import { giveRow, takeRow } from "../../collections/free-rows";
import { IndexLimit } from "../../layout/class-index";
import { columnRows, pageRow } from "../../layout/class-index-rows";
import { getU32 } from "../../layout/field";
import { StateField } from "../../layout/ring";
import { columnBytes, indexColumnCount, indexPageCount, stateRow, Table, tableAddress } from "../../layout/tables";

// Columns and pages that the indexes of all classes share. Both are handed out zeroed.

/** The lower half of a field's value is its offset. */
function headOf(field: i32): usize {
  return stateRow() + <usize>(field & 0xffff);
}

export function takeColumn(): i32 {
  const column = takeColumnAsItIs();
  if (column >= 0) memory.fill(columnRows(column), 0, columnBytes());
  return column;
}

/** The same, but what it holds is what was left there: for one that is copied into. */
export function takeColumnAsItIs(): i32 {
  const head = headOf(StateField.freeColumns);
  return takeRow(head, tableAddress(Table.indexColumns), columnBytes(), indexColumnCount());
}

export function giveColumn(column: u32): void {
  giveRow(headOf(StateField.freeColumns), tableAddress(Table.indexColumns), columnBytes(), column);
}

export function takePage(): i32 {
  return takeRow(headOf(StateField.freePages), tableAddress(Table.indexPages), IndexLimit.pageBytes, indexPageCount());
}

/** Whether so many of each are left. */
export function hasRoom(columns: u32, pages: u32): bool {
  const state = stateRow();
  return (
    getU32(state, StateField.columnsTaken) + columns <= indexColumnCount() &&
    getU32(state, StateField.pagesTaken) + pages <= indexPageCount()
  );
}

/** @param used  how many bytes of it, from its beginning, are not 0 */
export function givePage(page: u32, used: usize): void {
  memory.fill(pageRow(page), 0, used);
  giveRow(headOf(StateField.freePages), tableAddress(Table.indexPages), IndexLimit.pageBytes, page);
}
