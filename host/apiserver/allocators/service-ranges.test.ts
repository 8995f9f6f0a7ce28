import { describe, expect, test } from "vitest";
import { seededRandom } from "../../apimachinery/random.ts";
import { Band } from "./band.ts";
import {
  addressIndex,
  dnsServiceAddress,
  parsePortRange,
  parseServiceRanges,
  serviceAddress,
} from "./service-ranges.ts";

/** shared/spec/service-tables.md, 8.1: the bands of a range. */
test.each([
  ["10.96.0.0/12", 256, "10.96.0.1", "10.96.1.0", "10.96.1.1", "10.111.255.254"],
  ["10.0.0.0/24", 16, "10.0.0.1", "10.0.0.16", "10.0.0.17", "10.0.0.254"],
  ["10.96.0.0/20", 256, "10.96.0.1", "10.96.1.0", "10.96.1.1", "10.96.15.254"],
  ["10.96.0.0/16", 256, "10.96.0.1", "10.96.1.0", "10.96.1.1", "10.96.255.254"],
  ["10.96.0.0/22", 64, "10.96.0.1", "10.96.0.64", "10.96.0.65", "10.96.3.254"],
  ["10.96.0.0/28", 0, "", "", "10.96.0.1", "10.96.0.14"],
  ["fd00::/108", 256, "fd00::1", "fd00::100", "fd00::101", "fd00::f:ffff"],
])("%s leaves %d to those who ask", (cidr, offset, firstStatic, lastStatic, first, last) => {
  const [range] = parseServiceRanges(cidr);
  const at = (n: number) => serviceAddress(range!, n);
  expect(range!.offset).toBe(offset);
  expect([at(offset + 1), at(range!.usable)]).toEqual([first, last]);
  if (offset > 0) expect([at(1), at(offset)]).toEqual([firstStatic, lastStatic]);
  for (const n of [1, offset + 1, range!.usable]) expect(addressIndex(range!, at(n))).toBe(n - 1);
});

test("an address is found however it is written, and only in its range", () => {
  const [four, six] = parseServiceRanges("10.96.0.0/28, fd00:0:0::/120");
  expect(addressIndex(six!, "FD00:0:0:0::0a")).toBe(9);
  const none = ["10.96.0.0", "10.96.0.15", "10.96.0.16", "10.95.255.255", "fd00::1", "web", ""];
  expect(none.map((address) => addressIndex(four!, address))).toEqual(none.map(() => undefined));
  expect(["fd00::", "fd00::100", "10.96.0.1"].map((address) => addressIndex(six!, address))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect([dnsServiceAddress(), dnsServiceAddress("fd00::/112")]).toEqual(["10.96.0.10", "fd00::a"]);
});

test.each([
  ["10.96.0.0", "10.96.0.0 is not a CIDR"],
  ["10.0.0.0/8", "10.0.0.0/8 is too large: its mask must be at least /12"],
  ["fd00::/64", "fd00::/64 is too large: its mask must be at least /108"],
  ["10.96.0.0/30", "10.96.0.0/30 is too small: it must have at least 10 addresses"],
  ["10.96.0.0/16,10.97.0.0/16", "must be one CIDR, or two of different IP families"],
  ["10.96.0.0/16,fd00::/112,fd01::/112", "must be one CIDR, or two of different IP families"],
])("%s: %s", (text, why) => expect(() => parseServiceRanges(text)).toThrow(why));

test.each(["30000", "0-10", "40000-30000", "1-65536", "a-b"])("%j is no range of ports", (text) =>
  expect(() => parsePortRange(text)).toThrow("is not a range such as 30000-32767"),
);

describe("a band", () => {
  test("gives out the upper part first, then the lower, and then nothing", () => {
    const band = new Band(10, 4, seededRandom(3));
    const given = Array.from({ length: 11 }, () => band.takeNext("a"));
    expect(given.slice(0, 6).toSorted()).toEqual([4, 5, 6, 7, 8, 9]);
    expect(given.slice(6, 10).toSorted()).toEqual([0, 1, 2, 3]);
    expect(given[10]).toBeUndefined();
  });
});
