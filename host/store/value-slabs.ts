import { copyOf } from "./copy-of.ts";

/** A slab is kept as long as one of its values lives, so what is left of it at worst stays this small. */
const SLAB_BYTES = 64 * 1024;
/** Larger values get memory of their own. */
const MAX_SHARED_BYTES = 8 * 1024;

/**
 * Copies of many values that are read one after the other, several in one piece of memory: memory of its own costs a value
 * about 400 bytes and five times the time. The price is that a value which outlives its neighbours keeps their room; all
 * together that is never more than what was copied.
 */
export class ValueSlabs {
  #slab = Buffer.alloc(0);
  #used = 0;

  copy(bytes: Uint8Array): Uint8Array {
    if (bytes.length > MAX_SHARED_BYTES) return copyOf(bytes);
    if (this.#used + bytes.length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#used = 0;
    }
    const copy = this.#slab.subarray(this.#used, this.#used + bytes.length);
    copy.set(bytes);
    this.#used += bytes.length;
    return copy;
  }
}
