import { describe, expect, test } from "vitest";
import { humanBytes, humanDuration, renderTable } from "./table.ts";

test("columns are as wide as their widest cell, and lines end with their last letter", () => {
  const rows = [
    ["node-1", "Ready", ""],
    ["n", "NotReady", "z"],
  ];
  expect(renderTable(["NAME", "STATUS", "ZONE"], rows)).toBe(
    "NAME     STATUS     ZONE\nnode-1   Ready\nn        NotReady   z\n",
  );
});

test.each([
  [0, "0"],
  [1023, "1023"],
  [1024, "1Ki"],
  [256 * 2 ** 20, "256Mi"],
  [32_674_804 * 1024, "31.2Gi"],
  [2 ** 70, "1024Ei"],
])("%d bytes are %s", (bytes, words) => {
  expect(humanBytes(bytes)).toBe(words);
});

describe("ages are in kubectl's words", () => {
  const [second, minute, hour, day] = [1, 60, 3600, 86_400] as const;
  test.each([
    [-5 * second, "0s"],
    [119 * second, "119s"],
    [2 * minute, "2m"],
    [3 * minute + 10, "3m10s"],
    [10 * minute + 59, "10m"],
    [179 * minute, "179m"],
    [3 * hour, "3h"],
    [5 * hour + 20 * minute, "5h20m"],
    [47 * hour + 59 * minute, "47h"],
    [2 * day, "2d"],
    [2 * day + 5 * hour, "2d5h"],
    [8 * day + 5 * hour, "8d"],
    [729 * day, "729d"],
    [731 * day, "2y1d"],
    [8 * 365 * day, "8y"],
  ])("%d s is %s", (seconds, words) => {
    expect(humanDuration(seconds * 1000)).toBe(words);
  });
});
