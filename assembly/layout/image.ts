import { F64, U32 } from "./field";

/**
 * A container image that some class asks for; others are the host's to remember. Which nodes have it is a row of bits:
 *
 *   imageNodes   row 3: | 0 1 1 0 … |      image 3 is on slots 1 and 2
 */
export enum ImageField {
  sizeBytes = F64 | 0,
  /** Nodes that have it. */
  nodes = U32 | 8,
  bytes = 16,
}

/** The nodes of an image, 32 slots a word: row `image * imageWords() + word`. */
export enum ImageNodesField {
  bits = U32 | 0,
  bytes = 4,
}

/** An image that the class's containers and image volumes name, each time it is named: row `class * classImages + i`. */
export enum ClassImageField {
  image = U32 | 0,
  bytes = 4,
}

/** What each of them counts for on a node that has it: row as the class's image. Scratch space. */
export enum ImageShareField {
  share = F64 | 0,
  bytes = 8,
}
