/**
 * Writes DER, the byte form of certificates: every value is tag, length, content. Only what `certificate.ts` needs,
 * and no reading: Node's own X509Certificate parses and verifies.
 *
 *   30 06          SEQUENCE of 6 bytes
 *      02 01 05    INTEGER 5
 *      01 01 ff    BOOLEAN true
 */
export type Der = Buffer;

function tagged(tag: number, content: Uint8Array): Der {
  const { length } = content;
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >>> 8, length & 0xff];
  if (length > 0xffff) throw new Error(`DER value of ${length} bytes is longer than this writer knows`);
  return Buffer.concat([Buffer.from(head), content]);
}

export function sequence(...items: readonly Uint8Array[]): Der {
  return tagged(0x30, Buffer.concat(items));
}

export function setOf(item: Uint8Array): Der {
  return tagged(0x31, item);
}

/** A whole number >= 0 as big-endian bytes; a leading zero keeps it from reading as negative. */
export function integer(bytes: Uint8Array): Der {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const shortest = bytes.subarray(start);
  return tagged(0x02, (shortest[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), shortest]) : shortest);
}

export function boolean(value: boolean): Der {
  return tagged(0x01, Buffer.of(value ? 0xff : 0));
}

export function octetString(content: Uint8Array): Der {
  return tagged(0x04, content);
}

export function utf8String(text: string): Der {
  return tagged(0x0c, Buffer.from(text, "utf8"));
}

/** @param unusedBits  how many of the last byte's low bits are padding, 0 to 7 */
export function bitString(content: Uint8Array, unusedBits = 0): Der {
  return tagged(0x03, Buffer.concat([Buffer.of(unusedBits), content]));
}

/** An object identifier from its dotted form: `2.5.4.3` is commonName. */
export function objectIdentifier(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const digits = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return tagged(0x06, Buffer.from(bytes));
}

/** RFC 5280 4.1.2.5: UTCTime with two digits of year through 2049, GeneralizedTime from 2050 on. */
export function time(ms: number): Der {
  const text = `${new Date(ms).toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`;
  return text < "2050" ? tagged(0x17, Buffer.from(text.slice(2))) : tagged(0x18, Buffer.from(text));
}

/** `[number]` around whole values (constructed, explicit). */
export function explicit(number: number, content: Uint8Array): Der {
  return tagged(0xa0 | number, content);
}

/** `[number]` in place of a primitive value's own tag. */
export function implicit(number: number, content: Uint8Array): Der {
  return tagged(0x80 | number, content);
}
