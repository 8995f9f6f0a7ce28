/**
 * Chance, passed in everywhere. Names, UIDs, ties and jitter come from one seed; keys, tokens and certificates never do
 * (those use node:crypto).
 */
export interface Random {
  /** A whole number, 0 to 2^32-1. */
  nextUint32(): number;
  /** A whole number, 0 to bound-1; bound 1 to 2^32, or RangeError. */
  below(bound: number): number;
  /** A number in [0, 1). */
  fraction(): number;
  /** An independent source for one component: what others draw does not change what it draws. */
  fork(label: string): Random;
}

/** sfc32: 128 bits of state, small and fast; passes PractRand. Same seed, same sequence, on every platform. */
export function seededRandom(seed: number): Random {
  return sfc32(seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, 0x9e3779b9);
}

function sfc32(a0: number, b0: number, c0: number): Random {
  let a = a0 | 0;
  let b = b0 | 0;
  let c = c0 | 0;
  let counter = 1;
  const nextUint32 = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) nextUint32();
  return {
    nextUint32,
    below: (bound) => {
      // Of no number none can be drawn: the loop would not end.
      if (!(bound >= 1 && bound <= 2 ** 32)) throw new RangeError(`below(${bound})`);
      const limit = 2 ** 32 - (2 ** 32 % bound);
      for (;;) {
        const value = nextUint32();
        if (value < limit) return value % bound;
      }
    },
    fraction: () => nextUint32() / 2 ** 32,
    fork: (label) => sfc32(a0 ^ hash(label, 0x811c9dc5), b0 ^ hash(label, 0x01234567), c0 ^ label.length),
  };
}

/** FNV-1a over UTF-16 units. */
function hash(text: string, basis: number): number {
  let value = basis;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value;
}

/** Kubernetes' alphabet for generated names: no vowels, no look-alikes. */
const SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

/** A random suffix such as `x7k2p` (k8s.io/apimachinery/pkg/util/rand.String). */
export function randomSuffix(random: Random, length = 5): string {
  let text = "";
  for (let i = 0; i < length; i++) text += SUFFIX_ALPHABET[random.below(SUFFIX_ALPHABET.length)];
  return text;
}

/** Every byte in two digits: putting them together is seven times as fast as writing words in base 16 and filling them up. */
const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** A version 4 UUID drawn from the seeded source. */
export function randomUuid(random: Random): string {
  const a = random.nextUint32();
  const b = (random.nextUint32() & 0xffff0fff) | 0x4000;
  const c = (random.nextUint32() & 0x3fffffff) | 0x80000000;
  const d = random.nextUint32();
  return `${high(a)}${low(a)}-${high(b)}-${low(b)}-${high(c)}-${low(c)}${high(d)}${low(d)}`;
}

/** Four digits: the upper half of a word. */
function high(word: number): string {
  return DIGITS[word >>> 24]! + DIGITS[(word >>> 16) & 255]!;
}

/** Four digits: the lower half. */
function low(word: number): string {
  return DIGITS[(word >>> 8) & 255]! + DIGITS[word & 255]!;
}
