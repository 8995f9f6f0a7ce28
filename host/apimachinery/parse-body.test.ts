import { describe, expect, test } from "vitest";
import { parseBody } from "./parse-body.ts";

const json = (text: string) => parseBody(Buffer.from(text), "application/json", "ConfigMap");
const yaml = (text: string) => parseBody(Buffer.from(text), "application/yaml", "ConfigMap");
const UNRECOGNIZED = "the object provided is unrecognized (must be of type ConfigMap): ";

describe("JSON that cannot be read", () => {
  test.each([
    ["", "unexpected end of JSON input (<empty>)"],
    ['{"a":', 'unexpected end of JSON input ({"a":)'],
    ['{"a":1', 'unexpected end of JSON input ({"a":1)'],
    ["{bad", "invalid character 'b' looking for beginning of object key string ({bad)"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string ({\"a\":1,})"],
    ['{"a" 1}', "invalid character '1' after object key ({\"a\" 1})"],
    ['{"a":1 "b"}', 'invalid character \'"\' after object key:value pair ({"a":1 "b"})'],
    ["[1 2]", "invalid character '2' after array element (5b3120325d)"],
    ["[1,]", "invalid character ']' looking for beginning of value (5b312c5d)"],
    ['{"a":tru}', "invalid character '}' in literal true (expecting 'e') ({\"a\":tru})"],
    ['{"a":01}', "invalid character '1' after object key:value pair ({\"a\":01})"],
    ['{"a":-x}', "invalid character 'x' in numeric literal ({\"a\":-x})"],
    ['{"a":1.x}', "invalid character 'x' after decimal point in numeric literal ({\"a\":1.x})"],
    ['{"a":1ex}', "invalid character 'x' in exponent of numeric literal ({\"a\":1ex})"],
    ['{"a":"\\q"}', 'invalid character \'q\' in string escape code ({"a":"\\q"})'],
    ['{"a":"\n"}', 'invalid character \'\\n\' in string literal ({"a":"\n"})'],
    ["{}x", "invalid character 'x' after top-level value ({}x)"],
    ["kind: x", "invalid character 'k' looking for beginning of value (6b696e643a2078)"],
    [`{"a":"${"x".repeat(40)}`, `unexpected end of JSON input ({"a":"${"x".repeat(24)} ...)`],
  ])("%j", (text, why) => {
    expect(() => json(text)).toThrow(`${UNRECOGNIZED}couldn't get version/kind; json parse error: ${why}`);
  });

  test.each([
    ["closed", `${"[".repeat(50_000)}${"]".repeat(50_000)}`],
    ["open", '{"a":'.repeat(100_000)],
  ])("nesting without end, %s", (_, text) => {
    expect(() => json(text)).toThrow("exceeded max depth");
  });
});

describe("keys given twice: the last one counts", () => {
  test.each([
    ['{"a":1,"b":{"a":2}}', []],
    ['{"a":1,"a":2}', ["a"]],
    ['{"data":{"a":"1","b":"\\":","a":"2"}}', ["data.a"]],
    ['{"spec":{"c":[{"n":1},{"n":1,"n":2}]}, "spec" :{}}', ["spec.c[1].n", "spec"]],
    ['{"a":1,"a":2,"a":3}', ["a"]],
    ['{"\\u0061":1,"a":2}', ["a"]],
    ['{"x":"}],{\\\\","y":[[],{}],"y":0}', ["y"]],
  ])("%s", (text, duplicates) => {
    const body = json(text);
    expect(body.value).toEqual(JSON.parse(text));
    expect(body.duplicateFields).toEqual(duplicates);
    expect(body.strictErrors).toEqual(duplicates.map((path) => `duplicate field "${path}"`));
  });

  test("no more than a hundred are told", () => {
    const keys = Array.from({ length: 5_000 }, (_, i) => `"k${i}":1`);
    expect(json(`{${[...keys, ...keys].join()}}`).duplicateFields).toHaveLength(100);
  });

  test("__proto__ is a key like any other", () => {
    const { value } = json('{"__proto__":{"admin":true}}');
    expect((value as { admin?: boolean }).admin).toBeUndefined();
  });
});

describe("YAML as sigs.k8s.io/yaml reads it", () => {
  test.each([
    ["a: yes\nb: 'yes'\nc: on", { a: true, b: "yes", c: true }],
    ["a: 0777\nb: 0x1F\nc: 1_000", { a: 511, b: 31, c: 1000 }],
    ["a: 2024-01-01\nb: 1:30", { a: "2024-01-01", b: "1:30" }],
    ["a: ~\nb:", { a: null, b: null }],
    ["1: x\ntrue: z", { "1": "x", true: "z" }],
    ["a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n  e: 2", { a: { b: 1 }, c: { b: 1 }, d: { b: 1, e: 2 } }],
    ["a: 1\n---\nb: 2", { a: 1 }],
    ['{"a": [1, "b"]}', { a: [1, "b"] }],
    ["", null],
  ])("%j", (text, value) => {
    expect(yaml(text).value).toEqual(value);
  });

  test("keys given twice", () => {
    const body = yaml("metadata:\n  name: a\n  name: b\n");
    expect(body.value).toEqual({ metadata: { name: "b" } });
    expect(body.strictErrors).toEqual(['line 3: key "name" already set in map']);
  });

  test.each([
    ["a: b: c", "yaml: mapping values are not allowed in this context"],
    ["x: 1\ny: b: c", "yaml: line 2: mapping values are not allowed in this context"],
    ["\ta: 1", "yaml: found character that cannot start any token"],
    ["x: 1\ny: 'foo", "yaml: line 2: found unexpected end of stream"],
    ["a: *n", "yaml: unknown anchor 'n' referenced"],
    ["a: &x [*x]", "yaml: exceeded max depth"],
  ])("%j is refused", (text, why) => {
    expect(() => yaml(text)).toThrow(`${UNRECOGNIZED}error converting YAML to JSON: ${why} (`);
  });

  test.each([
    ["flow lists", "[".repeat(50_000)],
    ["flow maps", "{a: ".repeat(50_000)],
    ["block lists", `${"- ".repeat(50_000)}x`],
    ["block maps", Array.from({ length: 1_500 }, (_, i) => `${" ".repeat(i)}a:`).join("\n")],
  ])("nesting without end: %s", (_, text) => {
    expect(() => yaml(text)).toThrow("yaml: exceeded max depth");
  });

  test("many keys are compared in one go, and thousands of aliases refused", () => {
    const keys = Array.from({ length: 5_000 }, (_, i) => `k${i}: ${i}`);
    expect(yaml([...keys, "k7: again"].join("\n")).duplicateFields).toEqual(["k7"]);
    const aliases = Array.from({ length: 6_000 }, (_, i) => `k${i}: *a`);
    expect(() => yaml(["a: &a x", ...aliases].join("\n"))).toThrow("excessive aliasing");
  });

  test("a list of more items than a call may have arguments", () => {
    expect(yaml(`a: [${"1,".repeat(200_000)}]`).value).toHaveProperty("a.length", 200_000);
  });

  test("a billion laughs are not expanded", () => {
    const levels = Array.from({ length: 9 }, (_, i) => {
      const laughs = Array.from({ length: 9 }, () => (i === 0 ? "lol" : `*a${i - 1}`));
      return `a${i}: &a${i} [${laughs.join(", ")}]`;
    });
    expect(() => yaml(levels.join("\n"))).toThrow("yaml: document contains excessive aliasing");
  });
});
