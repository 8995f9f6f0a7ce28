/** Bytes that break off, or say what cannot be. */
export class ProtobufError extends Error {
  override readonly name = "ProtobufError";
}

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

/**
 * Reads the protobuf wire format from a stretch of bytes, front to back. Every step moves forward and none reads past the
 * end, so any bytes at all end in a value or a ProtobufError.
 */
export class ProtobufReader {
  private place: number;
  private readonly view: Buffer;

  constructor(
    bytes: Uint8Array,
    start = 0,
    private readonly end = bytes.length,
  ) {
    this.view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.place = start;
  }

  get done(): boolean {
    return this.place >= this.end;
  }

  /** Whether nothing was in the message at all. */
  get length(): number {
    return this.end - this.place;
  }

  /** Field number and wire type of what comes next. */
  tag(): { number: number; wire: number } {
    const tag = this.uint();
    const number = Math.floor(tag / 8);
    if (number < 1 || number >= 2 ** 29)
      throw new ProtobufError(`proto: illegal tag ${number} (wire type ${tag % 8})`);
    return { number, wire: tag % 8 };
  }

  /** An unsigned number; loses precision from 2^53, which lengths and tags cannot reach. */
  uint(): number {
    const low = this.varint();
    return low.high * 2 ** 32 + low.low;
  }

  int32(): number {
    return this.varint().low | 0;
  }

  /** A signed number; from 2^53 the nearest double, as JSON has it. */
  int64(): number {
    const { high, low } = this.varint();
    return (high | 0) * 2 ** 32 + low;
  }

  bool(): boolean {
    const { high, low } = this.varint();
    return low !== 0 || high !== 0;
  }

  double(): number {
    return this.view.readDoubleLE(this.advance(8));
  }

  string(): string {
    const start = this.stretch();
    return this.view.toString("utf8", start, this.place);
  }

  bytes(): Buffer {
    const start = this.stretch();
    return this.view.subarray(start, this.place);
  }

  /** A reader for the message that comes next. */
  message(): ProtobufReader {
    const start = this.stretch();
    return new ProtobufReader(this.view, start, this.place);
  }

  skip(wire: number): void {
    if (wire === VARINT) this.varint();
    else if (wire === FIXED64) this.advance(8);
    else if (wire === BYTES) this.stretch();
    else if (wire === FIXED32) this.advance(4);
    else throw new ProtobufError(`proto: illegal wireType ${wire}`);
  }

  /** Both halves of a 64-bit number, each unsigned. */
  private varint(): { high: number; low: number } {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.view[this.advance(1)]!;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= (bits & 1) << 31;
      if (byte < 0x80) return { high: high >>> 0, low: low >>> 0 };
    }
    throw new ProtobufError("proto: integer overflow");
  }

  /** Moves past a length and as many bytes; returns where they began. */
  private stretch(): number {
    return this.advance(this.uint());
  }

  private advance(count: number): number {
    const start = this.place;
    if (count > this.end - start) throw new ProtobufError("unexpected EOF");
    this.place = start + count;
    return start;
  }
}
