import type { Draw } from "../reference/generator/draw.ts";

/** Values that have broken servers before: sizes, signs, encodings, names of JavaScript's own. */
const TEXTS: readonly string[] = [
  "",
  " ",
  "a",
  "a".repeat(64),
  "a".repeat(254),
  "-a",
  "a.b",
  "A",
  "ä",
  "\u0000",
  "\ud800",
  "日本",
  "../../etc/passwd",
  "a/b",
  "%2e%2e%2f",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "null",
  "true",
  "1",
  "1e3",
  "0x10",
  "100m",
  "1Gi",
  "9999999999999999999999",
  "1e999999999",
  "-1",
  "NaN",
  "2026-01-01T00:00:00Z",
  "2026-13-45T99:99:99Z",
  "*",
  "$(A)",
  "{{.}}",
  "a=b,c in (d",
  "'; DROP TABLE pods; --",
];

export function hostileText(draw: Draw): string {
  return draw.chance(2) ? "x".repeat(draw.pick([1_000, 10_000, 300_000])) : draw.pick(TEXTS);
}

export function hostileNumber(draw: Draw): number {
  return draw.pick([
    0,
    -0,
    1,
    -1,
    0.5,
    65_535,
    65_536,
    2 ** 31,
    -(2 ** 31) - 1,
    2 ** 53,
    2 ** 63,
    1e308,
    1e-308,
  ]);
}

/** Any JSON, not deep. */
export function hostileValue(draw: Draw, depth = 3): unknown {
  switch (draw.below(depth > 0 ? 8 : 5)) {
    case 0:
      return null;
    case 1:
      return draw.chance(50);
    case 2:
      return hostileNumber(draw);
    case 3:
    case 4:
      return hostileText(draw);
    case 5:
      return draw.many(4, () => hostileValue(draw, depth - 1));
    default:
      return Object.fromEntries(draw.many(4, () => [hostileText(draw), hostileValue(draw, depth - 1)]));
  }
}

/** Nested so deep that a reader that calls itself runs out of stack. */
export function deep(draw: Draw): string {
  const depth = draw.pick([100, 1_000, 10_001, 200_000]);
  const [open, close] = draw.pick([
    ["[", "]"],
    ['{"a":', "}"],
  ] as const);
  return open.repeat(depth) + (open === "[" ? "" : "1") + close.repeat(depth);
}
