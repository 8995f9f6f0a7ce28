import { ClassField } from "../../layout/class";
import { SCORE_MAX } from "../../layout/evaluation";
import { getF64, getU32, setF64 } from "../../layout/field";
import { ClassImageField, ImageField, ImageNodesField, ImageShareField } from "../../layout/image";
import { StateField } from "../../layout/ring";
import { classRow } from "../../layout/class-rows";
import { classImageRows, imageNodesRow, imageRow, imageShareRows } from "../../layout/image-rows";
import { stateRow } from "../../layout/tables";

const MEBIBYTE: f64 = 1048576.0;
/** Less than this on a node counts as nothing. */
const MIN_BYTES: f64 = 23.0 * MEBIBYTE;
/** More than this for each container counts as this. */
const MAX_BYTES_PER_CONTAINER: f64 = 1000.0 * MEBIBYTE;

/**
 * Weighs each image of the class: its size, by how many of the nodes have it, so that one image on one node does not draw
 * all its pods there. The order of operations is Go's.
 *
 * @returns  how many of them some node has; with 0 every node scores the same
 */
export function prepareImages(cls: u32): u32 {
  const count = getU32(classRow(cls), ClassField.imageCount);
  const nodes = <f64>getU32(stateRow(), StateField.nodeCount);
  let image = classImageRows(cls);
  let share = imageShareRows();
  let known: u32 = 0;
  for (let i: u32 = 0; i < count; i++, image += ClassImageField.bytes, share += ImageShareField.bytes) {
    const row = imageRow(getU32(image, ClassImageField.image));
    const having = getU32(row, ImageField.nodes);
    if (having != 0) known++;
    const spread = nodes == 0.0 ? 0.0 : <f64>having / nodes;
    setF64(share, ImageShareField.share, Math.floor(getF64(row, ImageField.sizeBytes) * spread));
  }
  return known;
}

/**
 * Scores a node by the bytes of the class's images that it has. `prepareImages` has to have been called.
 * Source: kube-scheduler ImageLocality.
 */
export function imageLocality(cls: u32, slot: u32): i32 {
  const row = classRow(cls);
  const count = getU32(row, ClassField.imageCount);
  let image = classImageRows(cls);
  let share = imageShareRows();
  let bytes = 0.0;
  for (let i: u32 = 0; i < count; i++, image += ClassImageField.bytes, share += ImageShareField.bytes) {
    if (hasImage(getU32(image, ClassImageField.image), slot)) bytes += getF64(share, ImageShareField.share);
  }
  const highest = MAX_BYTES_PER_CONTAINER * <f64>getU32(row, ClassField.containerCount);
  if (bytes < MIN_BYTES) return 0;
  return <i32>Math.floor((<f64>SCORE_MAX * (min(bytes, highest) - MIN_BYTES)) / (highest - MIN_BYTES));
}

function hasImage(image: u32, slot: u32): bool {
  const word = imageNodesRow(image) + <usize>(slot >>> 5) * ImageNodesField.bytes;
  return ((getU32(word, ImageNodesField.bits) >>> (slot & 31)) & 1) != 0;
}

/** Adds the weighted scores to the totals of feasible nodes: a pass of its own, only for a class with an image somewhere. */
export function addImageScores(cls: u32, totals: usize, limit: u32, weight: i32): void {
  if (weight == 0 || getU32(classRow(cls), ClassField.imageCount) == 0 || prepareImages(cls) == 0) return;
  for (let slot: u32 = 0; slot < limit; slot++) {
    const at = totals + (<usize>slot << 2);
    const total = load<i32>(at);
    if (total >= 0) store<i32>(at, total + weight * imageLocality(cls, slot));
  }
}
