import { ClassImageField, ImageField, ImageNodesField } from "./image";
import { Capacity, capacityOf, imageWords, Table, tableAddress } from "./tables";

// Rows of the tables of images.

export function imageRow(image: u32): usize {
  assert(image < capacityOf(Capacity.images));
  return tableAddress(Table.images) + <usize>image * ImageField.bytes;
}

/** The image's word of slots 0 to 31. */
export function imageNodesRow(image: u32): usize {
  assert(image < capacityOf(Capacity.images));
  return tableAddress(Table.imageNodes) + <usize>image * imageWords() * ImageNodesField.bytes;
}

export function classImageRows(cls: u32): usize {
  return tableAddress(Table.classImages) + <usize>cls * capacityOf(Capacity.classImages) * ClassImageField.bytes;
}

export function imageShareRows(): usize {
  return tableAddress(Table.imageShares);
}
