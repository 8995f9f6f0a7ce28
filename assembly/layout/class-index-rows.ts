import { GroupField, GroupPageField, IndexField, IndexLimit, IndexRowField } from "./class-index";
import { Capacity, capacityOf, columnBytes, indexColumnCount, indexPageCount, Table, tableAddress } from "./tables";

// Rows of the tables of indexes.

export function indexRow(cls: u32): usize {
  assert(cls < capacityOf(Capacity.classes));
  return tableAddress(Table.indexes) + <usize>cls * IndexField.bytes;
}

/** Row 0 of the class's index; row n is n rows further. */
export function indexRowRows(cls: u32): usize {
  return tableAddress(Table.indexRows) + <usize>cls * IndexLimit.rows * IndexRowField.bytes;
}

/** Group 0 of the class's index; group n is n rows further. */
export function groupRows(cls: u32): usize {
  return tableAddress(Table.indexGroups) + <usize>cls * IndexLimit.groups * GroupField.bytes;
}

/** The number of slot 0 in a column; that of slot n is n words further. */
export function columnRows(column: u32): usize {
  assert(column < indexColumnCount());
  return tableAddress(Table.indexColumns) + <usize>column * columnBytes();
}

export function pageRow(page: u32): usize {
  assert(page < indexPageCount());
  return tableAddress(Table.indexPages) + <usize>page * IndexLimit.pageBytes;
}

/** Bucket 0 of a group's page. */
export function bucketRows(page: usize): usize {
  return page + GroupPageField.bytes;
}
