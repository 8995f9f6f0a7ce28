import { describe, expect, test } from "vitest";
import { ApiError } from "./errors.ts";
import {
  formatLabelSelector,
  labelSelectorFromMap,
  labelSelectorFromObject,
  matches,
  parseFieldSelector,
  parseLabelSelector,
} from "./selectors.ts";

/** Labels are written "a=1 b=2". */
function labels(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .split(" ")
      .filter(Boolean)
      .map((pair) => pair.split("=") as [string, string]),
  );
}

describe("label selectors match", () => {
  test.each([
    { selector: "", yes: ["", "a=1"], no: [] },
    { selector: "a=1", yes: ["a=1", "a=1 b=2"], no: ["", "a=2"] },
    { selector: "a==1", yes: ["a=1"], no: ["a=2"] },
    { selector: "a!=1", yes: ["", "a=2"], no: ["a=1"] },
    { selector: "a=1,b=2", yes: ["a=1 b=2"], no: ["a=1"] },
    { selector: "a in (1, 2)", yes: ["a=1", "a=2"], no: ["", "a=3"] },
    { selector: "a notin (1,2)", yes: ["", "a=3"], no: ["a=1"] },
    { selector: "a", yes: ["a=", "a=1"], no: ["b=1"] },
    { selector: "!a", yes: ["", "b=1"], no: ["a="] },
    { selector: "a>5", yes: ["a=6"], no: ["", "a=5", "a=x"] },
    { selector: "a<5", yes: ["a=4", "a=-1"], no: ["a=5", "a="] },
    { selector: "a>9007199254740992", yes: ["a=9007199254740993"], no: ["a=9007199254740992"] },
    { selector: "a=", yes: ["a="], no: ["a=1", ""] },
    { selector: "a in ()", yes: ["a="], no: ["a=1", ""] },
    { selector: "a in (,x)", yes: ["a=", "a=x"], no: ["a=1"] },
    { selector: "in in (in)", yes: ["in=in"], no: [""] },
    { selector: "app.kubernetes.io/name=web", yes: ["app.kubernetes.io/name=web"], no: [""] },
    { selector: "constructor", yes: ["constructor=1"], no: [""] },
  ])("$selector", ({ selector, yes, no }) => {
    const parsed = parseLabelSelector(selector);
    for (const text of yes) expect([text, matches(parsed, labels(text))]).toEqual([text, true]);
    for (const text of no) expect([text, matches(parsed, labels(text))]).toEqual([text, false]);
  });

  test("no labels at all", () => {
    expect(matches(parseLabelSelector("!a"), undefined)).toBe(true);
    expect(matches(parseLabelSelector("a"), undefined)).toBe(false);
  });
});

describe("label selectors are refused in Kubernetes' words", () => {
  test.each([
    ["a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ["a in b", "unable to parse requirement: found 'b' expected: '('"],
    ["a in (b", "unable to parse requirement: found '', expected: ',' or ')'"],
    ["a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"],
    ["a=1,", "found '', expected: identifier after ','"],
    ["a=1 b", "found 'b', expected: ',' or 'end of string'"],
    [",a", "found ',', expected: !, identifier, or 'end of string'"],
    ["!", "unable to parse requirement: found '', expected: identifier"],
    ["a=(", "unable to parse requirement: found '(', expected: identifier"],
    [
      "a=-b-",
      /^unable to parse requirement: values\[0\]\[a\]: Invalid value: "-b-": a valid label must be an empty/,
    ],
    [
      "a>x",
      "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
    ],
    ["a$=1", /^unable to parse requirement: <nil>: Invalid value: "a\$": name part must consist of/],
  ])("%s", (text, message) => {
    expect(() => parseLabelSelector(text)).toThrow(message);
    try {
      parseLabelSelector(text);
    } catch (error) {
      expect((error as ApiError).code).toBe(400);
    }
  });
});

describe("the text form", () => {
  test.each([
    ["b=2,a=1", "a=1,b=2"],
    ["a in (c,b)", "a in (b,c)"],
    ["a notin (b)", "a notin (b)"],
    ["!a", "!a"],
    ["a", "a"],
    ["a>5,b<3", "a>5,b<3"],
    ["a!=", "a!="],
  ])("%s prints as %s", (text, printed) => {
    expect(formatLabelSelector(parseLabelSelector(text))).toBe(printed);
    expect(parseLabelSelector(printed)).toEqual(parseLabelSelector(text));
  });
});

describe("selectors in objects", () => {
  test("absent selects nothing, empty selects everything", () => {
    expect(matches(labelSelectorFromObject(undefined), { a: "1" })).toBe(false);
    expect(matches(labelSelectorFromObject({}), { a: "1" })).toBe(true);
    expect(formatLabelSelector(labelSelectorFromObject(undefined))).toBe("<none>");
  });

  test("labels and expressions must all hold", () => {
    const selector = labelSelectorFromObject({
      matchLabels: { app: "web" },
      matchExpressions: [
        { key: "tier", operator: "In", values: ["a", "b"] },
        { key: "old", operator: "DoesNotExist" },
      ],
    });
    expect(matches(selector, { app: "web", tier: "a" })).toBe(true);
    expect(matches(selector, { app: "web", tier: "a", old: "1" })).toBe(false);
    expect(formatLabelSelector(selector)).toBe("app=web,!old,tier in (a,b)");
  });

  test("an operator that does not exist", () => {
    const matchExpressions = [{ key: "a", operator: "toString" }];
    expect(() => labelSelectorFromObject({ matchExpressions })).toThrow(
      '"toString" is not a valid label selector operator',
    );
  });

  test("a plain map", () => {
    expect(matches(labelSelectorFromMap({ a: "1" }), { a: "1", b: "2" })).toBe(true);
    expect(matches(labelSelectorFromMap({ a: "1" }), { b: "2" })).toBe(false);
  });
});

describe("field selectors", () => {
  test.each([
    ["", []],
    ["a.b=c", ["a.b = c"]],
    ["a==c,d!=e", ["a = c", "d != e"]],
    ["a=x\\,y\\=z\\\\", ["a = x,y=z\\"]],
    ["a=", ["a = "]],
  ])("%s", (text, wants) => {
    expect(parseFieldSelector(text).map(({ field, op, value }) => `${field} ${op} ${value}`)).toEqual(wants);
  });

  test.each([
    ["foo", "invalid selector: 'foo'; can't understand 'foo'"],
    ["a=b,foo", "invalid selector: 'a=b,foo'; can't understand 'foo'"],
    ["a=b=c", "invalid field selector: unescaped character in value: ="],
    ["a=b\\c", "invalid field selector: invalid escape sequence: \\c"],
  ])("%s is refused", (text, message) => {
    expect(() => parseFieldSelector(text)).toThrow(new ApiError("BadRequest", message));
  });
});
