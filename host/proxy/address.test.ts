import { expect, test } from "vitest";
import { contains, parseAddress, parseRange } from "./address.ts";

test.each([
  ["10.180.0.1", "ipv4", "10.180.0.1"],
  ["10.180.00.001", "ipv4", "10.180.0.1"],
  ["255.255.255.255", "ipv4", "255.255.255.255"],
  ["::ffff:1.2.3.4", "ipv4", "1.2.3.4"],
  ["::", "ipv6", "::"],
  ["::1", "ipv6", "::1"],
  ["FD00:10:180::1", "ipv6", "fd00:10:180::1"],
  ["fd00:0:0:0:0:0:0:1", "ipv6", "fd00::1"],
  ["1:0:0:2:0:0:0:3", "ipv6", "1:0:0:2::3"],
  ["1:0:2:3:4:5:6:7", "ipv6", "1:0:2:3:4:5:6:7"],
  ["1::", "ipv6", "1::"],
  ["64:ff9b::1.2.3.4", "ipv6", "64:ff9b::102:304"],
])("%s is an %s address, printed %s", (text, family, printed) => {
  expect(parseAddress(text)).toMatchObject({ family, text: printed });
});

test.each([
  "",
  "1.2.3",
  "1.2.3.4.5",
  "1..2.3",
  "256.1.1.1",
  "a",
  "1:2",
  "1::2::3",
  ":::",
  "12345::",
  "1.2.3.4::",
  "::1%eth0",
  "1:2:3:4:5:6:7::8",
])("%j is no address", (text) => expect(parseAddress(text)).toBeUndefined());

test.each([
  ["10.1.2.3/8", "10.0.0.0/8", "10.255.255.255", "11.0.0.0"],
  ["0.0.0.0/0", "0.0.0.0/0", "1.2.3.4", "::1"],
  ["203.0.113.128/25", "203.0.113.128/25", "203.0.113.130", "203.0.113.2"],
  ["1.2.3.4/32", "1.2.3.4/32", "1.2.3.4", "1.2.3.5"],
  ["fd00:10:ffff::1/32", "fd00:10::/32", "fd00:10:ffff::9", "fd00:11::"],
  ["fd00::1/127", "fd00::/127", "fd00::1", "fd00::2"],
])("%s is %s, with %s and without %s", (text, printed, inside, outside) => {
  const range = parseRange(text)!;
  expect(range.text).toBe(printed);
  expect(contains(range, parseAddress(inside)!)).toBe(true);
  expect(contains(range, parseAddress(outside)!)).toBe(false);
});

test.each(["10.0.0.0", "10.0.0.0/33", "fd00::/129", "10.0.0.0/-1", "10.0.0.0/8 ", "/8", "10.0.0.0/"])(
  "%j is no range",
  (text) => expect(parseRange(text)).toBeUndefined(),
);
