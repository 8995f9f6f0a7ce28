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
import { RequestField, StateField } from "../../layout/ring";
import { classRow } from "../../layout/class-rows";
import { Capacity, capacityOf, changeLogRows, stateRow, Table, tableAddress } from "../../layout/tables";
import { prepareImages } from "../scores/image-locality";
import { weightOf } from "../scores/weights";
import { areTwins, copyIndex } from "./twins";
import { giveColumn, givePage, hasRoom, takeColumn } from "./pools";
import { describeRows, rowsHold } from "./rows";
import { lookAtAll, lookAtChanges } from "./update";

/** Requests that are looked through for another pod of a class. */
const LOOK_AHEAD: u32 = 256;

/** Groups that an index should find room for when it is made; more are taken as they come. */
const PAGES_TO_BEGIN: u32 = 16;

/** An index that was not asked for so many decisions may give its place to another. */
const IDLE_DECISIONS: f64 = 1024.0;

/**
 * Brings the class's index up to date, and makes it if it pays: for a class that is asked a second time, or is among the
 * next requests.
 *
 * @param next, end  the requests that come next
 * @returns          false: there is no index, and a scan has to answer
 */
export function readyIndex(cls: u32, next: u32, end: u32): bool {
  const index = indexRow(cls);
  const state = stateRow();
  const now = getF64(state, StateField.decisions);
  setF64(state, StateField.decisions, now + 1.0);
  setF64(index, IndexField.askedAt, now);
  // Volumes and devices are not of a node alone, and what they ask changes from pod to pod.
  if (getU32(classRow(cls), ClassField.volumeFilters) != 0) return false;
  if (getU32(index, IndexField.isBuilt) != 0) {
    if (isNear(cls) && rowsHold(cls) && imagesHold(cls)) {
      if (lookAtChanges(cls)) return true;
      return refuse(cls);
    }
    dropIndex(cls);
  } else {
    const asks = getU32(index, IndexField.asks) + 1;
    setU32(index, IndexField.asks, asks);
    if (getF64(state, StateField.changes) < getF64(index, IndexField.retryAt)) return false;
    if (asks < 2 && !isAmong(cls, next, end)) return false;
  }
  return build(cls, true);
}

/** Whether another pod of the class will be placed soon. */
function isAmong(cls: u32, next: u32, end: u32): bool {
  const requests = tableAddress(Table.requests);
  const last = min(end, next + LOOK_AHEAD);
  for (let i = next; i < last; i++)
    if (getU32(requests + <usize>i * RequestField.bytes, RequestField.podClass) == cls) return true;
  return false;
}

/** @param mayCopy  from the index of another class */
function build(cls: u32, mayCopy: bool): bool {
  const terms = min<u32>(getU32(classRow(cls), ClassField.termCount), IndexLimit.rows);
  while (!hasRoom(1 + terms, PAGES_TO_BEGIN + terms)) if (!dropIdle()) return refuse(cls);
  const index = indexRow(cls);
  setU32(index, IndexField.isBuilt, 1);
  setU32(index, IndexField.rowCount, 0);
  setU32(index, IndexField.groupCount, 0);
  setU32(index, IndexField.keys, NONE);
  noteImages(cls);
  if (!describeRows(cls)) return refuse(cls);
  const twin = mayCopy ? findTwin(cls) : -1;
  if (twin >= 0 && copyIndex(<u32>twin, cls)) {
    if (isNear(cls)) {
      const state = stateRow();
      setU32(state, StateField.copiedIndexes, getU32(state, StateField.copiedIndexes) + 1);
      return lookAtChanges(cls) ? true : refuse(cls);
    }
    // Most nodes have pods of either.
    dropIndex(cls);
    return build(cls, false);
  }
  setU32(index, IndexField.keys, takeColumn());
  return lookAtAll(cls) ? true : refuse(cls);
}

/** A class whose index is nearly up to date and differs from the class's own only in which pods are counted; or -1. */
function findTwin(cls: u32): i32 {
  const classes = capacityOf(Capacity.classes);
  for (let other: u32 = 0; other < classes; other++) {
    const isBuilt = getU32(indexRow(other), IndexField.isBuilt) != 0;
    if (other != cls && isBuilt && areTwins(cls, other) && isNear(other) && rowsHold(other) && imagesHold(other)) return other;
  }
  return -1;
}

/** Whether to look at what has changed since is cheaper than to begin anew. */
function isNear(cls: u32): bool {
  const state = stateRow();
  const most = 0.7 * <f64>getU32(state, StateField.nodeLimit);
  const lag = getF64(state, StateField.changes) - getF64(indexRow(cls), IndexField.cursor);
  return lag <= max(64.0, most) && lag <= <f64>changeLogRows();
}

/** It cannot be made as things are: scans answer until about as much has changed as there are nodes. */
function refuse(cls: u32): bool {
  dropIndex(cls);
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

/** Says whether there shall be indexes. Without them changes are not noted, so none outlives that. */
export function setIndexMode(mode: IndexMode): void {
  const classes = capacityOf(Capacity.classes);
  if (mode == IndexMode.off) for (let cls: u32 = 0; cls < classes; cls++) classChanged(cls);
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
