import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { settle } from "./decode.ts";
import { hasFormat } from "./formats.ts";
import { memberNames, parseJsonPath, valuesAt } from "./json-path.ts";
import { schemaErrors } from "./schema-rules.ts";
import type { Structural } from "./structural-schema.ts";
import { validateValue } from "./validate.ts";

const schema = (text: string) => parse(text) as Structural;

describe("what is stored of a value (api-policy 7.2)", () => {
  test.each([
    ["unknown fields are pruned", "properties: {a: {type: string}}", "{a: x, b: y}", { a: "x" }, ["b"]],
    [
      "preserved where asked",
      "x-kubernetes-preserve-unknown-fields: true, properties: {a: {type: object}}",
      "{b: 1, a: {c: 1}}",
      { b: 1, a: {} },
      ["a.c"],
    ],
    [
      "a map keeps its keys",
      "additionalProperties: {type: object, properties: {a: {type: string}}}",
      "{k: {a: x, z: 1}}",
      { k: { a: "x" } },
      ["k.z"],
    ],
    [
      "a list is pruned item by item",
      "properties: {l: {type: array, items: {type: object, properties: {a: {type: string}}}}}",
      "{l: [{a: x, z: 1}]}",
      { l: [{ a: "x" }] },
      ["l[0].z"],
    ],
    ["defaults are filled in", "properties: {a: {type: string, default: d}}", "{}", { a: "d" }, []],
    [
      "not inside what is not there",
      "properties: {nest: {type: object, properties: {a: {type: string, default: d}}}}",
      "{}",
      {},
      [],
    ],
    [
      "but inside what is there by default",
      "properties: {nest: {type: object, default: {}, properties: {a: {type: string, default: d}}}}",
      "{}",
      { nest: { a: "d" } },
      [],
    ],
    ["null that may not be one is dropped", "properties: {a: {type: string}}", "{a: null}", {}, []],
    [
      "or gives way to the default",
      "properties: {a: {type: string, default: d}}",
      "{a: null}",
      { a: "d" },
      [],
    ],
    [
      "null that may be one stays",
      "properties: {a: {type: string, nullable: true, default: d}}",
      "{a: null}",
      { a: null },
      [],
    ],
    [
      "an embedded object keeps what makes it one",
      "properties: {o: {type: object, x-kubernetes-embedded-resource: true, properties: {spec: {type: object}}}}",
      "{o: {kind: K, apiVersion: v1, metadata: {name: n}, z: 1}}",
      { o: { kind: "K", apiVersion: "v1", metadata: { name: "n" } } },
      ["o.z"],
    ],
  ])("%s", (_, type, value, stored, dropped) => {
    const unknown: string[] = [];
    expect(settle(schema(`{type: object, ${type}}`), parse(value), unknown)).toEqual(stored);
    expect(unknown).toEqual(dropped);
  });
});

describe("what is wrong with a value (api-policy 7.2)", () => {
  const told = (type: string, value: string, old?: string) =>
    validateValue(
      schema(`{type: object, properties: {f: {${type}}}}`),
      parse(value),
      "",
      old === undefined ? undefined : parse(old),
    ).map(({ field, message }) => `${field}: ${message}`);

  test.each([
    ["type: integer", "{f: x}", 'f: Invalid value: "string": f in body must be of type integer: "string"'],
    ["type: integer", "{f: 2.0}", undefined],
    [
      "type: integer, minimum: 1",
      "{f: 0}",
      "f: Invalid value: 0: f in body should be greater than or equal to 1",
    ],
    [
      "type: integer, maximum: 1, exclusiveMaximum: true",
      "{f: 1}",
      "f: Invalid value: 1: f in body should be less than 1",
    ],
    [
      "type: number, multipleOf: 0.5",
      "{f: 0.7}",
      "f: Invalid value: 0.7: f in body should be a multiple of 0.5",
    ],
    [
      "type: string, minLength: 2",
      "{f: a}",
      'f: Invalid value: "a": f in body should be at least 2 chars long',
    ],
    ["type: string, maxLength: 5", "{f: abcdef}", "f: Too long: may not be more than 5 bytes"],
    [
      "type: string, pattern: '^[a-z]+$'",
      "{f: A}",
      "f: Invalid value: \"A\": f in body should match '^[a-z]+$'",
    ],
    ["type: string, enum: [a, b]", "{f: z}", 'f: Unsupported value: "z": supported values: "a", "b"'],
    [
      "type: string, format: ipv4",
      "{f: 999.1.1.1}",
      'f: Invalid value: "999.1.1.1": f in body must be of type ipv4: "999.1.1.1"',
    ],
    [
      "type: array, minItems: 1, items: {type: string}",
      "{f: []}",
      "f: Invalid value: 0: f in body should have at least 1 items",
    ],
    [
      "type: array, maxItems: 2, items: {type: string}",
      "{f: [a, b, c]}",
      "f: Too many: 3: must have at most 2 items",
    ],
    [
      "type: array, x-kubernetes-list-type: set, items: {type: string}",
      "{f: [a, a]}",
      'f[1]: Duplicate value: "a"',
    ],
    [
      "type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [k], items: {type: object, properties: {k: {type: string}}}",
      "{f: [{k: a}, {k: a}]}",
      'f[1]: Duplicate value: {"k":"a"}',
    ],
    [
      "type: object, additionalProperties: {type: string}",
      "{f: {a: 1}}",
      'f.a: Invalid value: "integer": f.a in body must be of type string: "integer"',
    ],
    [
      "type: object, maxProperties: 1, additionalProperties: {type: string}",
      "{f: {a: x, b: x}}",
      "f: Too many: 2: must have at most 1 items",
    ],
    ["type: object, required: [r]", "{f: {}}", "f.r: Required value"],
    [
      "x-kubernetes-int-or-string: true",
      "{f: 1.5}",
      'f: Invalid value: "number": f in body must be of type integer,string: "number"',
    ],
    [
      "type: integer, format: int32",
      "{f: 3000000000}",
      '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in f',
    ],
    [
      "type: object, oneOf: [{required: [a]}, {required: [b]}]",
      "{f: {}}",
      '<nil>: Invalid value: "": "f" must validate one and only one schema (oneOf). Found none valid',
    ],
    [
      "type: object, oneOf: [{required: [a]}, {required: [b]}]",
      "{f: {a: 1, b: 1}}",
      '<nil>: Invalid value: "": "f" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ],
    [
      "type: string, anyOf: [{pattern: a}, {pattern: b}]",
      "{f: c}",
      '<nil>: Invalid value: "": "f" must validate at least one schema (anyOf)',
    ],
    [
      "type: string, not: {pattern: a}",
      "{f: a}",
      '<nil>: Invalid value: "": "f" must not validate the schema (not)',
    ],
    ["type: string, nullable: true", "{f: null}", undefined],
  ])("%s of %s", (type, value, answer) => {
    expect(told(type, value)).toEqual(answer === undefined ? [] : [answer]);
  });

  test.each([
    [
      "a value that an update leaves alone is not held against it",
      "type: string, maxLength: 1",
      "{f: abc}",
      "{f: abc}",
      0,
    ],
    ["a value that changes is", "type: string, maxLength: 1", "{f: abd}", "{f: abc}", 1],
    ["what is required is, changed or not", "type: object, required: [r]", "{f: {}}", "{f: {}}", 1],
    [
      "an item of a map-list is known by its keys",
      "type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [k], items: {type: object, properties: {k: {type: string}, v: {type: integer, maximum: 1}}}",
      "{f: [{k: b, v: 0}, {k: a, v: 5}]}",
      "{f: [{k: a, v: 5}]}",
      0,
    ],
    [
      "nobody knows an item of an atomic list",
      "type: array, items: {type: integer, maximum: 1}",
      "{f: [0, 5]}",
      "{f: [5]}",
      1,
    ],
  ])("%s", (_, type, next, old, count) => {
    expect(told(type, next, old)).toHaveLength(count);
  });
});

describe("what is wrong with a schema (api-policy 7.1)", () => {
  test.each([
    ["type: string", 's.type: Invalid value: "string": must be object at the root'],
    [
      "type: object, properties: {a: {}}",
      "s.properties[a].type: Required value: must not be empty for specified object fields",
    ],
    [
      "type: object, properties: {a: {type: array}}",
      "s.properties[a].items: Required value: must be specified",
    ],
    [
      "type: object, properties: {a: {type: array, items: {}}}",
      "s.properties[a].items.type: Required value: must not be empty for specified array items",
    ],
    [
      "type: object, properties: {a: {type: foo}}",
      's.properties[a].type: Unsupported value: "foo": supported values: "array", "boolean", "integer", "number", "object", "string"',
    ],
    [
      "type: object, properties: {a: {type: string, $ref: x}}",
      "s.properties[a].$ref: Forbidden: $ref is not supported",
    ],
    [
      "type: object, properties: {a: {type: array, uniqueItems: true, items: {type: string}}}",
      "s.properties[a].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
    ],
    ["type: object, anyOf: [{type: object}]", "s.anyOf[0].type: Forbidden: must be empty to be structural"],
    [
      "type: object, properties: {metadata: {type: object, properties: {labels: {type: object}}}}",
      "s.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified",
    ],
    [
      "type: object, properties: {a: {type: array, x-kubernetes-list-type: foo, items: {type: string}}}",
      's.properties[a].x-kubernetes-list-type: Unsupported value: "foo": supported values: "atomic", "set", "map"',
    ],
    [
      "type: object, properties: {a: {type: array, x-kubernetes-list-type: set, items: {type: object}}}",
      "s.properties[a].items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set",
    ],
    [
      "type: object, properties: {a: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [k], items: {type: object, properties: {k: {type: string}}}}}",
      "s.properties[a].items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
    ],
    [
      "type: object, properties: {a: {type: object, default: {z: 1}}}",
      's.properties[a].default: Invalid value: {"z":1}: must not have unknown fields',
    ],
    [
      "type: object, x-kubernetes-preserve-unknown-fields: false",
      "s.x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined",
    ],
    [
      "type: object, properties: {a: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}}",
      undefined,
    ],
    ["type: object, x-kubernetes-preserve-unknown-fields: true", undefined],
    [
      "type: object, properties: {a: {type: string, pattern: '(?<=a)b'}}",
      's.properties[a].pattern: Invalid value: "(?<=a)b": must be a valid regular expression, but isn\'t: error parsing regexp: invalid named capture: `(?<=a)b`',
    ],
  ])("%s", (text, answer) => {
    const told = schemaErrors(schema(`{${text}}`), "s").map(({ field, message }) => `${field}: ${message}`);
    expect(told).toEqual(answer === undefined ? [] : [answer]);
  });
});

test("defaults do not grow a short list beyond what can be stored", () => {
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i}`, "v"]));
  const items: Structural = { type: "object", default: many, additionalProperties: { type: "string" } };
  const list: Structural = { type: "object", properties: { l: { type: "array", items } } };
  expect(() => settle(list, { l: Array.from({ length: 20_000 }, () => null) }, [])).toThrow(
    "Request entity too large",
  );
});

test.each([
  ["^(a+)+$", `${"a".repeat(4000)}!`, false],
  ["(?i)^ABC$", "abc", true],
  ["^[[:alpha:]]+$", "ab1", false],
  ["^a\\-b$", "a-b", true],
])("pattern %s is read as Go reads it, in time that grows with the text", (pattern, text, fits) => {
  const wrong = validateValue({ type: "string", pattern }, text, "f");
  expect(wrong.length === 0).toBe(fits);
});

test("a format's own expression does not go astray either", () => {
  expect(hasFormat("duration", `${"00s".repeat(2000)}!`)).toBe(false);
});

test.each([
  ["date", "2024-02-29", "2023-02-29"],
  ["date-time", "2024-01-01T00:00:00Z", "2024-01-01"],
  ["uuid4", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "f47ac10b-58cc-1372-a567-0e02b2c3d479"],
  ["cidr", "10.0.0.0/8", "10.0.0.0/33"],
  ["isbn10", "0-306-40615-2", "0-306-40615-3"],
  ["isbn13", "978-0-306-40615-7", "978-0-306-40615-8"],
  ["creditcard", "4111 1111 1111 1111", "4111 1111 1111 1112"],
  ["rgbcolor", "rgb(1, 2, 255)", "rgb(1, 2, 256)"],
  ["duration", "1h30m", "1x"],
  ["byte", "aGk=", "a"],
  ["mac", "01:02:03:04:05:06", "01:02:03:04:05"],
  ["k8s-short-name", "a-b", "a.b"],
])("format %s takes %s and not %s", (format, good, bad) => {
  expect([hasFormat(format, good), hasFormat(format, bad)]).toEqual([true, false]);
});

test.each([
  [".spec.a", ["x"]],
  [".spec.list[*]", ["p", "q"]],
  [".spec.list[0]", ["p"]],
  ['.spec.items[?(@.k=="two")].v', [2]],
  [".spec['dotted.name']", ["d"]],
  [".spec.dotted\\.name", ["d"]],
  [".spec.none.b", []],
])("JSON path %s", (path, found) => {
  const object = parse(
    "{spec: {a: x, list: [p, q], items: [{k: one, v: 1}, {k: two, v: 2}], dotted.name: d}}",
  ) as unknown;
  expect(valuesAt(parseJsonPath(path)!, object)).toEqual(found);
});

test("a path is simple, or none", () => {
  expect([parseJsonPath("spec.a"), parseJsonPath(".a[?(1)]"), memberNames(".a[0]")]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(memberNames(".spec.replicas")).toEqual(["spec", "replicas"]);
});
