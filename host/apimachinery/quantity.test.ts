import { describe, expect, test } from "vitest";
import {
  addQuantity,
  canonicalQuantity,
  compareQuantity,
  formatQuantity,
  milliValue,
  parseQuantity,
  type Quantity,
  quantityOf,
  roundUpToMilli,
  value,
} from "./quantity.ts";
import { seededRandom } from "./random.ts";

const FORMAT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const SUFFIX = "unable to parse quantity's suffix";

describe("canonical form", () => {
  test.each([
    ["0", "0"],
    ["0Gi", "0"],
    ["0.5", "500m"],
    ["1000m", "1"],
    ["1500m", "1500m"],
    ["1024Mi", "1Gi"],
    ["1.5Gi", "1536Mi"],
    ["100Mi", "100Mi"],
    ["1000Mi", "1000Mi"],
    ["1023", "1023"],
    ["1024", "1024"],
    ["512Ki", "512Ki"],
    ["0.5Ki", "512"],
    ["0.1Ki", "102400m"],
    ["1000k", "1M"],
    ["1e3", "1e3"],
    ["1E3", "1e3"],
    ["12e6", "12e6"],
    ["1E", "1E"],
    ["100000", "100k"],
    ["+5", "5"],
    ["-5", "-5"],
    ["-1500m", "-1500m"],
    [".5", "500m"],
    ["5.", "5"],
    ["1n", "1n"],
    ["0.1n", "1n"],
    ["1.0000000001", "1000000001n"],
    ["999999999Gi", "999999999Gi"],
    ["9223372036854775807", "9223372036854775807"],
    ["9223372036854775808", "9223372036854775807"],
    ["1e400", "9223372036854775807"],
    ["1e-400", "1e-9"],
    ["123456789012345678901234567890", "9223372036854775807"],
  ])("%s is %s", (text, canonical) => {
    expect(canonicalQuantity(text)).toBe(canonical);
    expect(canonicalQuantity(canonical)).toBe(canonical);
  });

  test.each([
    ["", FORMAT],
    ["abc", FORMAT],
    ["1.2.3", FORMAT],
    ["1 Gi", FORMAT],
    ["--1", FORMAT],
    [".", FORMAT],
    ["1x", FORMAT],
    ["5b", FORMAT],
    ["1KiB", FORMAT],
    ["1mm", SUFFIX],
    ["1ki", SUFFIX],
    ["1K", SUFFIX],
    ["1i", SUFFIX],
    ["1m5", SUFFIX],
    ["1e", SUFFIX],
  ])("%s is refused", (text, message) => {
    expect(() => parseQuantity(text)).toThrow(message);
  });

  test("a text of a million digits is answered at once", () => {
    expect(() => parseQuantity("1".repeat(1_000_000))).toThrow(FORMAT);
  });
});

describe("values are rounded up, away from zero", () => {
  test.each([
    ["1", 1000, 1],
    ["1m", 1, 1],
    ["1001m", 1001, 2],
    ["1n", 1, 1],
    ["1500001u", 1501, 2],
    ["-1n", -1, -1],
    ["-1500m", -1500, -2],
    ["128Mi", 134217728000, 134217728],
    ["9000000000000000", 9000000000000000000n, 9000000000000000],
    ["8Ei", 9223372036854775807000n, 9223372036854775807n],
  ])("%s: %s thousandths, %s units", (text, milli, units) => {
    expect(milliValue(parseQuantity(text))).toBe(milli);
    expect(value(parseQuantity(text))).toBe(units);
  });
});

describe("arithmetic", () => {
  test.each([
    ["1", "500m", "1500m"],
    ["1Gi", "1Gi", "2Gi"],
    ["0", "1Gi", "1Gi"],
    ["1Gi", "1k", "1073742824"],
    ["1n", "1", "1000000001n"],
    ["8000000000000000", "8000000000000000", "16P"],
  ])("%s + %s = %s", (a, b, sum) => {
    expect(formatQuantity(addQuantity(parseQuantity(a), parseQuantity(b)))).toBe(sum);
  });

  test.each([
    ["1", "1000m", 0],
    ["1Gi", "1G", 1],
    ["1n", "1u", -1],
    ["-1", "0", -1],
    ["9223372036854775807", "1", 1],
  ])("%s against %s is %i", (a, b, order) => {
    expect(compareQuantity(parseQuantity(a), parseQuantity(b))).toBe(order);
    expect(compareQuantity(parseQuantity(b), parseQuantity(a))).toBe(order === 0 ? 0 : -order);
  });

  test("rounding up to thousandths", () => {
    expect(formatQuantity(roundUpToMilli(parseQuantity("0.0001")))).toBe("1m");
    expect(formatQuantity(roundUpToMilli(parseQuantity("1500m")))).toBe("1500m");
  });

  test("a whole number of units", () => {
    expect(formatQuantity(quantityOf(1024, "BinarySI"))).toBe("1Ki");
  });
});

test("the fast path and the exact one agree (seed 7)", () => {
  const random = seededRandom(7);
  const suffixes = ["", "m", "Ki", "Mi", "Gi", "k", "M", "e3", "n"];
  for (let i = 0; i < 2000; i++) {
    const text = `${random.below(10 ** (1 + random.below(9)))}${suffixes[random.below(suffixes.length)]}`;
    const parsed: Quantity = parseQuantity(text);
    // A leading zero beyond nine digits takes the exact path.
    const exact = parseQuantity(`0000000000${text}`);
    expect([text, milliValue(parsed), formatQuantity(parsed)]).toEqual([
      text,
      milliValue(exact),
      formatQuantity(exact),
    ]);
  }
});
