/**
 * Reads ASN.1 in its distinguished encoding, as far as certificate requests need it. An element is a tag, a length and its
 * content; one that is constructed has elements as its content. Nothing is copied.
 */
export interface DerElement {
  /** The first byte: class, whether constructed, number. Numbers above 30 are refused. */
  readonly tag: number;
  readonly content: Buffer;
  /** Tag and length included: what is signed. */
  readonly whole: Buffer;
}

export class DerError extends Error {
  override readonly name = "DerError";
}

export const TAG = { bitString: 0x03, octetString: 0x04, oid: 0x06, sequence: 0x30, set: 0x31 } as const;

/** The one element that the bytes are. */
export function readDer(bytes: Buffer): DerElement {
  const element = elementAt(bytes, 0);
  if (element.whole.length !== bytes.length) throw new DerError("asn1: syntax error: trailing data");
  return element;
}

/** The elements of a constructed one, in order. */
export function childrenOf({ content }: DerElement): DerElement[] {
  const children: DerElement[] = [];
  for (let at = 0; at < content.length; ) {
    const child = elementAt(content, at);
    children.push(child);
    at += child.whole.length;
  }
  return children;
}

export function expectTag(element: DerElement | undefined, tag: number): DerElement {
  if (element?.tag !== tag) throw new DerError("asn1: structure error: tags don't match");
  return element;
}

function elementAt(bytes: Buffer, start: number): DerElement {
  const tag = bytes[start];
  const first = bytes[start + 1];
  if (tag === undefined || first === undefined) throw new DerError("asn1: syntax error: data truncated");
  if ((tag & 0x1f) === 0x1f) throw new DerError("asn1: structure error: unsupported tag");
  let length = first;
  let at = start + 2;
  if (first >= 0x80) {
    const count = first - 0x80;
    // Four bytes of length are more than any request may have; none would be the indefinite form.
    if (count === 0 || count > 4 || at + count > bytes.length)
      throw new DerError("asn1: structure error: length too large");
    length = bytes.readUIntBE(at, count);
    at += count;
    if (length < 0x80) throw new DerError("asn1: structure error: non-minimal length");
  }
  if (at + length > bytes.length) throw new DerError("asn1: syntax error: data truncated");
  return { tag, content: bytes.subarray(at, at + length), whole: bytes.subarray(start, at + length) };
}

/** `2.5.4.3` */
export function readOid(element: DerElement | undefined): string {
  const { content } = expectTag(element, TAG.oid);
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 128)
      throw new DerError("asn1: structure error: base 128 integer too large");
    if (byte < 0x80) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const [head = 0, ...rest] = arcs;
  const first = Math.min(2, Math.floor(head / 40));
  return [first, head - first * 40, ...rest].join(".");
}
