import { ClassField } from "../../layout/class";
import {
  GroupField,
  IndexField,
  IndexLimit,
  IndexMode,
  IndexRowField,
  NONE,
} from "../../layout/class-index";
import { groupRows, indexRow, indexRowRows } from "../../layout/class-index-rows";
import { Score } from "../../layout/evaluation";
import { getF64, getU32, setF64, setU32 } from "../../layout/field";
import { StateField } from "../../layout/ring";
import { Capacity, capacityOf, changeLogRows, classRow, stateRow } from "../../layout/tables";
import { prepareImages } from "../scores/image-locality";
import { weightOf } from "../scores/weights";
import { giveColumn, givePage, isPoolEmpty, takeColumn } from "./pools";
import { describeRows, rowsHold } from "./rows";
import { lookAtAll, lookAtChanges } from "./update";

/** An index that was not asked for so many decisions may give its place to another. */
const IDLE_DECISIONS: f64 = 1024.0;

/**
 * Brings the class's index up to date, and makes it if it pays: for a class that is asked a second time.
 *
 * @param again  the class will be asked for again soon
 * @returns      false: there is no index, and a scan has to answer
 */
export function readyIndex(cls: u32, again: bool): bool {
  const index = indexRow(cls);
  const state = stateRow();
  const now = getF64(state, StateField.decisions);
  setF64(state, StateField.decisions, now + 1.0);
  setF64(index, IndexField.askedAt, now);
  // Volumes and devices are not of a node alone, and what they ask changes from pod to pod.
  if (getU32(classRow(cls), ClassField.volumeFilters) != 0) return false;
  const changes = getF64(state, StateField.changes);
  if (getU32(index, IndexField.isBuilt) != 0) {
    // To look at most nodes again, one by one, is dearer than to begin anew.
    const most = 0.7 * <f64>getU32(state, StateField.nodeLimit);
    const lag = changes - getF64(index, IndexField.cursor);
    const isNear = lag <= max(64.0, most) && lag <= <f64>changeLogRows();
    if (isNear && rowsHold(cls) && imagesHold(cls)) {
      if (lookAtChanges(cls)) return true;
      return refuse(cls);
    }
    dropIndex(cls);
  } else {
    const asks = getU32(index, IndexField.asks) + 1;
    setU32(index, IndexField.asks, asks);
    if ((asks < 2 && !again) || changes < getF64(index, IndexField.retryAt)) return false;
  }
  return build(cls);
}

function build(cls: u32): bool {
  const index = indexRow(cls);
  setU32(index, IndexField.isBuilt, 1);
  setU32(index, IndexField.rowCount, 0);
  setU32(index, IndexField.groupCount, 0);
  setU32(index, IndexField.keys, NONE);
  const column = takeColumn();
  if (column >= 0) setU32(index, IndexField.keys, column);
  if (column < 0 || !describeRows(cls)) return refuse(cls);
  noteImages(cls);
  return lookAtAll(cls) ? true : refuse(cls);
}

/**
 * It cannot be made as things are, and a scan answers. Where only room was missing that another index need not have, the next
 * decision finds it; else not before about as much has changed as there are nodes.
 */
function refuse(cls: u32): bool {
  const noRoom = isPoolEmpty();
  dropIndex(cls);
  if (noRoom && dropIdle()) return false;
  const state = stateRow();
  const pause = 64.0 + <f64>getU32(state, StateField.nodeLimit);
  setF64(indexRow(cls), IndexField.retryAt, getF64(state, StateField.changes) + pause);
  return false;
}

/** Gives back what the index holds. Its class may be described anew then. */
export function dropIndex(cls: u32): void {
  const index = indexRow(cls);
  setF64(index, IndexField.retryAt, 0.0);
  if (getU32(index, IndexField.isBuilt) == 0) return;
  setU32(index, IndexField.isBuilt, 0);
  giveColumnOf(index, IndexField.keys);
  const rows = getU32(index, IndexField.rowCount);
  let row = indexRowRows(cls);
  for (let i: u32 = 0; i < rows; i++, row += IndexRowField.bytes) {
    giveColumnOf(row, IndexRowField.amounts);
    const sums = getU32(row, IndexRowField.sums);
    if (sums != NONE) givePage(sums, IndexLimit.pageBytes);
  }
  const groups = getU32(index, IndexField.groupCount);
  let group = groupRows(cls);
  for (let i: u32 = 0; i < groups; i++, group += GroupField.bytes) {
    if (getU32(group, GroupField.hash) != 0) givePage(getU32(group, GroupField.page), IndexLimit.pageBytes);
    setU32(group, GroupField.hash, 0);
  }
}

function giveColumnOf(row: usize, field: i32): void {
  const column = getU32(row, field);
  if (column != NONE) giveColumn(column);
  setU32(row, field, NONE);
}

/** The class means something else now. */
export function classChanged(cls: u32): void {
  dropIndex(cls);
  setU32(indexRow(cls), IndexField.asks, 0);
}

/** Drops all indexes, and says whether there shall be any. */
export function setIndexMode(mode: IndexMode): void {
  const classes = capacityOf(Capacity.classes);
  for (let cls: u32 = 0; cls < classes; cls++) classChanged(cls);
  setU32(stateRow(), StateField.indexMode, mode);
}

/** Drops the index that was asked for least recently, if that is long ago. */
function dropIdle(): bool {
  const classes = capacityOf(Capacity.classes);
  let oldest = getF64(stateRow(), StateField.decisions) - IDLE_DECISIONS;
  let idle: i32 = -1;
  for (let cls: u32 = 0; cls < classes; cls++) {
    const index = indexRow(cls);
    if (getU32(index, IndexField.isBuilt) == 0 || getF64(index, IndexField.askedAt) >= oldest) continue;
    oldest = getF64(index, IndexField.askedAt);
    idle = cls;
  }
  if (idle < 0) return false;
  dropIndex(idle);
  return true;
}

function noteImages(cls: u32): void {
  const index = indexRow(cls);
  const state = stateRow();
  setU32(index, IndexField.imageVersion, getU32(state, StateField.imageVersion));
  setU32(index, IndexField.nodeCount, getU32(state, StateField.nodeCount));
  setU32(index, IndexField.scoresImages, scoresImages(cls) ? 1 : 0);
}

function scoresImages(cls: u32): bool {
  const row = classRow(cls);
  if (getU32(row, ClassField.imageCount) == 0) return false;
  return weightOf(getU32(row, ClassField.profile), Score.ImageLocality) != 0 && prepareImages(cls) != 0;
}

/** Whether images still weigh what they did: an image weighs by the share of the nodes that have it. */
function imagesHold(cls: u32): bool {
  const index = indexRow(cls);
  const state = stateRow();
  const sameImages = getU32(index, IndexField.imageVersion) == getU32(state, StateField.imageVersion);
  const sameNodes = getU32(index, IndexField.nodeCount) == getU32(state, StateField.nodeCount);
  if (sameImages && sameNodes) return true;
  if (getU32(index, IndexField.scoresImages) != 0 || scoresImages(cls)) return false;
  noteImages(cls);
  return true;
}
