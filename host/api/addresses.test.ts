import { expect, test } from "vitest";
import { validateReachable } from "./addresses.ts";

const UNSPECIFIED = "unspecified (0.0.0.0 or ::)";
const LOOPBACK = "in the loopback range (127.0.0.0/8, ::1/128)";
const LINK_LOCAL = "in the link-local range (169.254.0.0/16, fe80::/10)";
const MULTICAST = "in the link-local multicast range (224.0.0.0/24, ff02::/10)";

test.each([
  ["10.0.0.1", undefined],
  ["::ffff:10.0.0.1", undefined],
  ["fd00::7f00:1", undefined],
  ["::127.0.0.1", undefined],
  ["0.0.0.0", UNSPECIFIED],
  ["0:0:0:0:0:0:0:0", UNSPECIFIED],
  ["::0.0.0.0", UNSPECIFIED],
  ["::ffff:0.0.0.0", UNSPECIFIED],
  ["127.8.9.1", LOOPBACK],
  ["0:0:0:0:0:0:0:1", LOOPBACK],
  ["0::01", LOOPBACK],
  ["::ffff:127.0.0.1", LOOPBACK],
  ["::FFFF:7f00:1", LOOPBACK],
  ["169.254.1.1", LINK_LOCAL],
  ["FEBF::1", LINK_LOCAL],
  ["::ffff:169.254.169.254", LINK_LOCAL],
  ["224.0.0.9", MULTICAST],
  ["224.0.1.9", undefined],
  ["ff02::1", MULTICAST],
  ["ff12::1", MULTICAST],
])("%s may not be %s", (address, what) => {
  const wants = what === undefined ? [] : [`Invalid value: "${address}": may not be ${what}`];
  expect(validateReachable("ip", address).map(({ message }) => message)).toEqual(wants);
});
