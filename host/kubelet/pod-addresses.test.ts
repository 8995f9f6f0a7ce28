import { expect, test } from "vitest";
import { findPodRange, formatIPv4, PodAddresses, parsePodRange } from "./pod-addresses.ts";

const CIDR = "10.128.5.0/24";

test("pods of one node get different addresses, after the network and its gateway", () => {
  const addresses = new PodAddresses();
  expect(["a", "b", "a"].map((uid) => addresses.reserve(CIDR, uid))).toEqual([
    "10.128.5.2",
    "10.128.5.3",
    "10.128.5.2",
  ]);
  expect(addresses.reserve("10.128.6.0/24", "c")).toBe("10.128.6.2");
});

test("a range gives 253 addresses, then none, then the one that was released", () => {
  const addresses = new PodAddresses();
  const given = Array.from({ length: 253 }, (_, i) => addresses.reserve(CIDR, `p${i}`));
  expect([given[0], given.at(-1), new Set(given).size]).toEqual(["10.128.5.2", "10.128.5.254", 253]);
  expect(addresses.reserve(CIDR, "late")).toBeUndefined();
  addresses.release("p100");
  expect(addresses.reserve(CIDR, "late")).toBe("10.128.5.102");
});

test("a released address is not the next one given out", () => {
  const addresses = new PodAddresses();
  addresses.reserve(CIDR, "a");
  addresses.release("a");
  expect(addresses.reserve(CIDR, "b")).toBe("10.128.5.3");
});

test("what pods have already is not given to others", () => {
  const addresses = new PodAddresses();
  addresses.claim(CIDR, "10.128.5.2", "old");
  addresses.claim(CIDR, "10.128.5.2", "twin");
  expect(addresses.reserve(CIDR, "new")).toBe("10.128.5.3");
  addresses.release("twin");
  expect(addresses.reserve(CIDR, "old")).toBe("10.128.5.2");
});

test.each([
  ["10.128.5.0/24", "10.128.5.0", 256],
  ["10.128.5.77/24", "10.128.5.0", 256],
  ["172.18.0.0/16", "172.18.0.0", 65_536],
])("%s starts at %s and has %i addresses", (cidr, base, size) => {
  const range = parsePodRange(cidr);
  expect([formatIPv4(range.base), range.size]).toEqual([base, size]);
});

test.each(["fd00::/64", "0.0.0.0/0", "10.0.0.0/7", "10.0.0.0/31", "10.0.0.300/24", "10.0.0.0", "x"])(
  "%s is no range that pods get addresses of",
  (cidr) => {
    expect(findPodRange(cidr)).toBeUndefined();
  },
);
