/**
 * Quantities such as `500m`, `1.5Gi`, `1e3`: exact numbers with at most nine decimal places, rounded up beyond.
 * Source: k8s.io/apimachinery/pkg/api/resource/quantity.go.
 *
 * Inside, a number is `mantissa * 10^exponent` in nano to whole units; plain integers that fit a double stay numbers,
 * everything else is a BigInt of nano units. The scheduler parses hundreds of thousands of these, so the usual forms
 * (`2`, `500m`, `128Mi`) never touch BigInt.
 */
export type QuantityFormat = "DecimalSI" | "BinarySI" | "DecimalExponent";

export interface Quantity {
  /**
   * The amount in thousandths, when that is a whole number below 2^53; then `nano` is not filled.
   */
  readonly milli: number | undefined;
  /** The amount in billionths, when `milli` cannot say it. */
  readonly nano: bigint | undefined;
  readonly format: QuantityFormat;
}

export const QUANTITY_PATTERN = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$";

/** Kubernetes' words for a text that is not a quantity. */
export class QuantityError extends Error {
  override readonly name = "QuantityError";
}

const FORMAT_ERROR = `quantities must match the regular expression '${QUANTITY_PATTERN}'`;
const SUFFIX_ERROR = "unable to parse quantity's suffix";

/** A binary suffix as a power of 1024. */
export const BINARY_POWERS: Readonly<Record<string, number>> = { Ki: 1, Mi: 2, Gi: 3, Ti: 4, Pi: 5, Ei: 6 };
/** A decimal suffix as a power of ten. */
export const DECIMAL_POWERS: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  "": 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};

const NANO = 1_000_000_000n;
const NANO_PER_MILLI = 1_000_000n;
/** 2^63 - 1 whole units: larger amounts are cut to it. */
const MAX_NANO = (2n ** 63n - 1n) * NANO;

/** Parses a quantity; throws QuantityError with Kubernetes' words. */
export function parseQuantity(text: string): Quantity {
  const fast = parsePlain(text);
  if (fast !== undefined) return fast;
  return parseExact(text);
}

/** The usual forms: up to 9 digits, then nothing, `m`, or a binary suffix up to `Gi`. */
function parsePlain(text: string): Quantity | undefined {
  const length = text.length;
  let value = 0;
  let i = 0;
  for (; i < length && i < 9; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  if (i === 0) return undefined;
  if (i === length) return { milli: value * 1000, nano: undefined, format: "DecimalSI" };
  const suffix = text.charCodeAt(i);
  if (i + 1 === length && suffix === 109) return { milli: value, nano: undefined, format: "DecimalSI" };
  if (i + 2 === length && text.charCodeAt(i + 1) === 105) {
    const unit = suffix === 75 ? 1024 : suffix === 77 ? 1048576 : suffix === 71 ? 1073741824 : 0;
    const milli = value * unit * 1000;
    if (unit !== 0 && milli <= Number.MAX_SAFE_INTEGER) return { milli, nano: undefined, format: "BinarySI" };
  }
  return undefined;
}

/** Longer texts than this name no amount that could be told apart; they are refused unread. */
const MAX_LENGTH = 1024;

function parseExact(text: string): Quantity {
  if (text.length > MAX_LENGTH) throw new QuantityError(FORMAT_ERROR);
  const match = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([a-zA-Z]*)([-+]?[0-9]*)$/.exec(text);
  if (!match) throw new QuantityError(FORMAT_ERROR);
  const [, sign, whole = "", fraction = "", letters = "", digits = ""] = match;
  if (whole === "" && fraction === "") throw new QuantityError(FORMAT_ERROR);
  if (/[^eEinumkKMGTP]/.test(letters)) throw new QuantityError(FORMAT_ERROR);
  const unit = readSuffix(letters, digits);
  if (unit === undefined) throw new QuantityError(SUFFIX_ERROR);
  let numerator = BigInt(whole + fraction) * (1024n ** BigInt(unit.binary) * NANO);
  const shift = unit.decimal - fraction.length;
  if (shift >= 0) numerator *= 10n ** BigInt(Math.min(shift, 400));
  let nano = shift >= 0 ? numerator : divideUp(numerator, 10n ** BigInt(Math.min(-shift, 4000)));
  if (nano > MAX_NANO) nano = MAX_NANO;
  let format = unit.format;
  // A fraction of a byte is not shown in binary units (as Kubernetes does, to avoid rounding).
  if (format === "BinarySI" && nano > 0n && nano < NANO) format = "DecimalSI";
  return fromNano(sign === "-" ? -nano : nano, format);
}

interface Unit {
  readonly format: QuantityFormat;
  readonly decimal: number;
  readonly binary: number;
}

function readSuffix(letters: string, digits: string): Unit | undefined {
  if (digits === "") {
    const binary = Object.hasOwn(BINARY_POWERS, letters) ? BINARY_POWERS[letters] : undefined;
    if (binary !== undefined) return { format: "BinarySI", decimal: 0, binary };
    const decimal = Object.hasOwn(DECIMAL_POWERS, letters) ? DECIMAL_POWERS[letters] : undefined;
    return decimal === undefined ? undefined : { format: "DecimalSI", decimal, binary: 0 };
  }
  if (letters !== "e" && letters !== "E") return undefined;
  const exponent = Number(digits);
  return Number.isInteger(exponent) && Math.abs(exponent) < 2 ** 31
    ? { format: "DecimalExponent", decimal: exponent, binary: 0 }
    : undefined;
}

/** Division of a non-negative number, rounded up. */
function divideUp(numerator: bigint, denominator: bigint): bigint {
  return (numerator + denominator - 1n) / denominator;
}

/** Division rounded away from zero, as quantities round. */
function divideAway(numerator: bigint, denominator: bigint): bigint {
  return numerator < 0n ? -divideUp(-numerator, denominator) : divideUp(numerator, denominator);
}

function fromNano(nano: bigint, format: QuantityFormat): Quantity {
  if (nano % NANO_PER_MILLI === 0n) {
    const milli = Number(nano / NANO_PER_MILLI);
    if (Number.isSafeInteger(milli)) return { milli: milli === 0 ? 0 : milli, nano: undefined, format };
  }
  return { milli: undefined, nano, format };
}

function toNano(quantity: Quantity): bigint {
  return quantity.nano ?? BigInt(quantity.milli!) * NANO_PER_MILLI;
}

/**
 * The amount in thousandths, rounded up (away from zero). A number while exact, that is below 2^53; otherwise a bigint.
 */
export function milliValue(quantity: Quantity): number | bigint {
  if (quantity.milli !== undefined) return quantity.milli;
  return narrow(divideAway(quantity.nano!, NANO_PER_MILLI));
}

/** The amount in whole units, rounded up (away from zero). A number while exact, that is below 2^53; otherwise a bigint. */
export function value(quantity: Quantity): number | bigint {
  const { milli } = quantity;
  if (milli !== undefined) return milli < 0 ? -Math.ceil(-milli / 1000) : Math.ceil(milli / 1000);
  return narrow(divideAway(quantity.nano!, NANO));
}

function narrow(amount: bigint): number | bigint {
  return amount >= Number.MIN_SAFE_INTEGER && amount <= Number.MAX_SAFE_INTEGER ? Number(amount) : amount;
}

/** -1, 0 or 1. */
export function compareQuantity(a: Quantity, b: Quantity): number {
  if (a.milli !== undefined && b.milli !== undefined) return Math.sign(a.milli - b.milli);
  const left = toNano(a);
  const right = toNano(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The sum, in the first one's format (in the second's, when the first is zero). */
export function addQuantity(a: Quantity, b: Quantity): Quantity {
  const format = a.milli === 0 ? b.format : a.format;
  if (a.milli !== undefined && b.milli !== undefined) {
    const milli = a.milli + b.milli;
    if (Number.isSafeInteger(milli)) return { milli, nano: undefined, format };
  }
  return fromNano(toNano(a) + toNano(b), format);
}

/** Rounds up to thousandths, as Kubernetes does with every resource list (`0.0001` cpu is `1m`). */
export function roundUpToMilli(quantity: Quantity): Quantity {
  if (quantity.milli !== undefined) return quantity;
  return fromNano(divideAway(quantity.nano!, NANO_PER_MILLI) * NANO_PER_MILLI, quantity.format);
}

/** A whole number of units. */
export function quantityOf(amount: number, format: QuantityFormat = "DecimalSI"): Quantity {
  return fromNano(BigInt(amount) * NANO, format);
}

const BINARY_SUFFIXES = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL_SUFFIXES = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

/** The canonical text: no fraction, the largest suffix that is exact. `0.5` is `500m`, `1024Mi` is `1Gi`. */
export function formatQuantity(quantity: Quantity): string {
  const nano = toNano(quantity);
  if (nano === 0n) return "0";
  if (quantity.format === "BinarySI" && (nano >= 1024n * NANO || nano <= -1024n * NANO)) {
    return formatBinary(divideAway(nano, NANO));
  }
  return formatDecimal(nano, quantity.format === "DecimalExponent");
}

function formatBinary(units: bigint): string {
  let amount = units;
  let power = 0;
  while (amount % 1024n === 0n && power < 6) {
    amount /= 1024n;
    power++;
  }
  return `${amount}${BINARY_SUFFIXES[power]}`;
}

function formatDecimal(nano: bigint, exponential: boolean): string {
  let amount = nano;
  let step = 0;
  while (amount % 1000n === 0n && step < 9) {
    amount /= 1000n;
    step++;
  }
  if (!exponential) return `${amount}${DECIMAL_SUFFIXES[step]}`;
  const exponent = (step - 3) * 3;
  return exponent === 0 ? `${amount}` : `${amount}e${exponent}`;
}

/** Canonical form of a text: what the API server stores. Throws QuantityError. */
export function canonicalQuantity(text: string): string {
  return formatQuantity(parseQuantity(text));
}
