import { GroupField, GroupPageField, IndexField, IndexLimit } from "../../layout/class-index";
import { groupRows, indexRow, pageRow } from "../../layout/class-index-rows";
import { getI32, getU32, setI32, setU32 } from "../../layout/field";
import { givePage, takePage } from "./pools";

/** The page of a group that is there. */
export function groupPage(cls: u32, group: u32): usize {
  return pageRow(getU32(groupRows(cls) + <usize>group * GroupField.bytes, GroupField.page));
}

/** Whether a node with what was found of it belongs to the group. */
export function belongs(page: usize, found: usize, rowCount: u32): bool {
  if (
    getI32(page, GroupPageField.taints) != getI32(found, GroupPageField.taints) ||
    getI32(page, GroupPageField.affinityWeight) != getI32(found, GroupPageField.affinityWeight)
  )
    return false;
  if (rowCount == 0) return true;
  if (getU32(page, GroupPageField.flags) != getU32(found, GroupPageField.flags)) return false;
  for (let i: u32 = 0; i < rowCount; i++) {
    const value = GroupPageField.values + (i << 2);
    if (getI32(page, value) != getI32(found, value)) return false;
  }
  return true;
}

/**
 * The group of nodes like this one, made if need be.
 *
 * @returns  its number, or -1 if there is no room for another
 */
export function groupFor(cls: u32, found: usize, rowCount: u32): i32 {
  const hash = hashOf(found, rowCount);
  const index = indexRow(cls);
  const count = getU32(index, IndexField.groupCount);
  const rows = groupRows(cls);
  let free: i32 = -1;
  for (let group: u32 = 0; group < count; group++) {
    const known = getU32(rows + <usize>group * GroupField.bytes, GroupField.hash);
    if (known == 0) free = group;
    if (known == hash && belongs(groupPage(cls, group), found, rowCount)) return group;
  }
  if (free < 0) {
    if (count == IndexLimit.groups) return -1;
    free = count;
  }
  const number = takePage();
  if (number < 0) return -1;
  const page = pageRow(number);
  setI32(page, GroupPageField.taints, getI32(found, GroupPageField.taints));
  setI32(page, GroupPageField.affinityWeight, getI32(found, GroupPageField.affinityWeight));
  setU32(page, GroupPageField.flags, rowCount == 0 ? 0 : getU32(found, GroupPageField.flags));
  for (let i: u32 = 0; i < rowCount; i++) {
    const value = GroupPageField.values + (i << 2);
    setI32(page, value, getI32(found, value));
  }
  const row = rows + <usize>free * GroupField.bytes;
  setU32(row, GroupField.hash, hash);
  setU32(row, GroupField.page, number);
  if (<u32>free == count) setU32(index, IndexField.groupCount, count + 1);
  return free;
}

/** The last node has left the group: its buckets are all empty. */
export function dropGroup(cls: u32, group: u32): void {
  const row = groupRows(cls) + <usize>group * GroupField.bytes;
  setU32(row, GroupField.hash, 0);
  givePage(getU32(row, GroupField.page), GroupPageField.bytes);
}

/** Never 0. */
function hashOf(found: usize, rowCount: u32): u32 {
  let hash: u32 = 2166136261;
  hash = (hash ^ getI32(found, GroupPageField.taints)) * 16777619;
  hash = (hash ^ getI32(found, GroupPageField.affinityWeight)) * 16777619;
  if (rowCount != 0) hash = (hash ^ getU32(found, GroupPageField.flags)) * 16777619;
  for (let i: u32 = 0; i < rowCount; i++) {
    hash = (hash ^ getI32(found, GroupPageField.values + (i << 2))) * 16777619;
    hash ^= hash >>> 15;
  }
  return hash | 1;
}
