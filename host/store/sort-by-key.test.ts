import { describe, expect, test } from "vitest";
import { seededRandom } from "../apimachinery/random.ts";
import { sortByKey } from "./sort-by-key.ts";

const random = seededRandom(7);
const below = (bound: number) => random.below(bound);
const word = (alphabet: string, length: number) =>
  Array.from({ length }, () => alphabet[below(alphabet.length)]).join("");

describe("sorting by key is what comparing key by key gives", () => {
  test.each<[string, number, () => string]>([
    ["none", 0, () => ""],
    ["one", 1, () => "a"],
    ["all the same", 200, () => "/registry/pods/a"],
    ["prefixes of each other", 3_000, () => "abcdefghijklmnopqrstuvwxyz".slice(0, below(27))],
    ["two letters", 5_000, () => word("ab", below(20))],
    [
      "every ASCII character",
      5_000,
      () => String.fromCharCode(...Array.from({ length: below(9) }, () => 1 + below(127))),
    ],
    [
      "kinds and namespaces",
      20_000,
      () => `/registry/${word("pe", 1)}/namespace-${below(5)}/web-${word("abcdef", 3)}-${below(9_999)}`,
    ],
    ["zeros, which look like an end", 500, () => `a${"\0".repeat(below(300))}`],
    ["long and nearly alike", 2_000, () => `${"x".repeat(200)}${word("ab", 12)}`],
    ["unlike from the start", 50_000, () => word("abcdefghijklmnopqrstuvwxyz0123456789-./", 1 + below(12))],
  ])("%s", (_name, count, make) => {
    const entries = Array.from({ length: count }, () => ({ key: make() }));
    const expected = entries.map(({ key }) => key).sort();
    const before = new Set(entries);
    sortByKey(entries);
    expect(entries.map(({ key }) => key)).toEqual(expected);
    expect(new Set(entries)).toEqual(before);
  });
});
