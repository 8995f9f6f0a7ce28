import { describe, expect, test } from "vitest";
import {
  isConfigMapKey,
  isDns1123Label,
  isDns1123Subdomain,
  isEnvironmentVariableName,
  isLabelValue,
  isPathSegmentName,
  isPortName,
  isPortNumber,
  isQualifiedName,
} from "./names.ts";

const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const CONFIG_KEY =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

describe.each([
  {
    name: "subdomain",
    check: isDns1123Subdomain,
    good: ["a", "a.b", "1", "my-name", "a".repeat(253)],
    bad: [
      ["", [SUBDOMAIN]],
      ["A", [SUBDOMAIN]],
      ["a_b", [SUBDOMAIN]],
      ["-a", [SUBDOMAIN]],
      ["a..b", [SUBDOMAIN]],
      ["a\n", [SUBDOMAIN]],
      ["a".repeat(254), ["must be no more than 253 characters"]],
    ],
  },
  {
    name: "label",
    check: isDns1123Label,
    good: ["a", "1abc", "a".repeat(63)],
    bad: [
      ["a.b", ["must not contain dots"]],
      ["A", [LABEL]],
      ["", [LABEL]],
      ["a".repeat(64), ["must be no more than 63 characters"]],
    ],
  },
  {
    name: "qualified name",
    check: isQualifiedName,
    good: ["a", "MyName", "example.com/MyName", "a/b_c.d", "a".repeat(63)],
    bad: [
      ["a b", [`name part ${QUALIFIED}`]],
      ["", ["name part must be non-empty", `name part ${QUALIFIED}`]],
      ["/a", ["prefix part must be non-empty"]],
      ["A/a", [`prefix part ${SUBDOMAIN}`]],
      [
        "a/b/c",
        [
          `a valid label key ${QUALIFIED} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
        ],
      ],
      ["a".repeat(64), ["name part must be no more than 63 bytes"]],
    ],
  },
  {
    name: "label value",
    check: isLabelValue,
    good: ["", "a", "A_b.c-d"],
    bad: [
      ["v v", [VALUE]],
      ["-b-", [VALUE]],
      ["a".repeat(64), ["must be no more than 63 bytes"]],
    ],
  },
  {
    name: "config map key",
    check: isConfigMapKey,
    good: ["a", "key.name", "_", "-"],
    bad: [
      ["a b", [CONFIG_KEY]],
      ["..", ["must not be '..'"]],
      [".", ["must not be '.'"]],
      ["..a", ["must not start with '..'"]],
    ],
  },
  {
    name: "path segment",
    check: isPathSegmentName,
    good: ["a", "Upper:case"],
    bad: [
      [".", ["may not be '.'"]],
      ["..", ["may not be '..'"]],
      ["a/b%", ["may not contain '/'", "may not contain '%'"]],
    ],
  },
  {
    name: "port name",
    check: isPortName,
    good: ["http", "web-1"],
    bad: [
      ["80", ["must contain at least one letter (a-z)"]],
      ["a--b", ["must not contain consecutive hyphens"]],
      ["-a", ["must not begin or end with a hyphen"]],
      ["Http", ["must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"]],
      ["abcdefghijklmnop", ["must be no more than 15 characters"]],
    ],
  },
  {
    name: "environment variable",
    check: isEnvironmentVariableName,
    good: ["A", "a.b-c", "1"],
    bad: [
      [
        "a=b",
        ["a valid environment variable name must consist only of printable ASCII characters other than '='"],
      ],
    ],
  },
] as const)("$name", ({ check, good, bad }) => {
  test.each(good.map((name) => [name]))("%s is good", (name) => {
    expect(check(name)).toEqual([]);
  });
  test.each(bad.map(([name, messages]) => ({ name, messages })))("$name is refused", ({ name, messages }) => {
    expect(check(name)).toEqual(messages);
  });
});

test.each([
  [0, 1],
  [1, 0],
  [65535, 0],
  [65536, 1],
])("port %i has %i faults", (port, faults) => {
  expect(isPortNumber(port)).toHaveLength(faults);
});
