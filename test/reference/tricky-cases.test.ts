import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** The sheet's tricky cases (shared/spec/scheduling.md 9) that the core answers for: 50 is sampling, 51 and 52 are the queue's, 62 the component's. */
const CASES = [
  ...Array.from({ length: 49 }, (_, i) => i + 1),
  53,
  54,
  55,
  56,
  57,
  58,
  59,
  60,
  61,
  63,
  64,
  65,
  66,
  67,
  68,
  69,
  70,
];

const folder = new URL("./", import.meta.url);
const read = (file: string) => readFileSync(new URL(file, folder), "utf8");
const tests = readdirSync(folder).filter((file) => file.endsWith(".test.ts"));

/** A test's name begins with the numbers of its cases: `"30 maxSkew 2"`, `"41, 42 …"`. */
function casesOf(file: string): number[] {
  return [...read(file).matchAll(/(?:name: |test\(|\]\)\()"(\d\d?(?:, \d\d?)*)(?: [^"]*)?"/g)].flatMap(
    (found) => found[1]!.split(", ").map(Number),
  );
}

test("README.md says in which file each tricky case is, and it is there", () => {
  const byFile = new Map(tests.map((file) => [file, new Set(casesOf(file))]));
  const rows = [...read("README.md").matchAll(/^\| ([\d, -]+) \| `([\w.-]+)` \|/gm)];
  const claimed = new Map<number, string>();
  for (const [, numbers, file] of rows)
    for (const part of numbers!.split(", ")) {
      const [first, last = first] = part.split("-").map(Number);
      for (let number = first!; number <= last!; number++) claimed.set(number, file!);
    }
  const wrong = CASES.filter((number) => !byFile.get(claimed.get(number) ?? "")?.has(number));
  expect(wrong).toEqual([]);
});
