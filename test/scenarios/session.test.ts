import { describe, expect, test } from "vitest";
import { matches, parseSession } from "./session.ts";

test("a session is commands, what they print, and how they end", () => {
  const text = "# a remark\n$ kubectl get x\na  b\n\n$~ kubectl get y\n[exit 1]\n";
  expect(parseSession(text)).toEqual([
    { line: 2, command: "kubectl get x", eventually: false, expected: ["a  b", ""], exitCode: 0 },
    { line: 5, command: "kubectl get y", eventually: true, expected: [], exitCode: 1 },
  ]);
});

describe("what is printed", () => {
  test.each([
    ["web   2/2", "web 2/2\n", true],
    ["web   2/2", "web 2/3\n", false],
    ["web", "web\nmore\n", false],
    ["", "", true],
    ["", "something\n", false],
    ["web-<hash>-<suffix> <age>", "web-6859ff8f4f-q74k9   3m12s\n", true],
    ["web-<hash>-<suffix> <age>", "web-6859ff8f4f-q74k9   soon\n", false],
    ["first\n...\nlast", "first\n1\n2\nlast\n", true],
    ["first\n...\nlast", "first\nlast\n", true],
    ["first\n...\nlast", "first\n1\n", false],
    ["(a.b)", "(aXb)\n", false],
  ])("%j, printed %j: %s", (expected, printed, same) => {
    expect(matches(expected.split("\n"), printed)).toBe(same);
  });
});
