import { describe, expect, test } from "vitest";
import { deepFreeze } from "../../apimachinery/copy.ts";
import { readTracked, writeTracked } from "./stored-text.ts";

const fields = (name: string) => ({ "f:spec": { [`f:${name}`]: {}, 'k:{"name":"}"}': { ".": {} } } });
const entry = (manager: string, more: object = { fieldsV1: fields(manager) }) => ({
  manager,
  operation: "Update",
  fieldsType: "FieldsV1",
  ...more,
});
const object = (managedFields: unknown, more: object = {}, meta: object = {}) => ({
  kind: "Thing",
  apiVersion: "x.io/v1",
  metadata: { name: "a", ...meta, managedFields, uid: "u" },
  ...more,
});

// What an object of another kind, or a client with odd ideas, may have where the texts are looked for.
const OBJECTS: Readonly<Record<string, object>> = {
  "an entry": object([entry("m")]),
  "two, one through a subresource": object([
    entry("m"),
    entry("n", { fieldsV1: fields("n"), subresource: "status" }),
  ]),
  "no entries": object([]),
  "none at all": object(undefined),
  "an entry without fields": object([entry("m", {}), entry("n")]),
  "an entry that owns nothing": object([entry("m", { fieldsV1: {} })]),
  "names with brackets and quotes": object([entry('a]"fieldsV1":{'), entry("}],"), entry('\\"')]),
  "fields that are a number": object([entry("m", { fieldsV1: 0 })], {
    spec: { list: [{ fieldsV1: fields("x") }] },
  }),
  "fields that are a list": object([entry("m", { fieldsV1: [{}] }), entry("n")]),
  "entries that are none": object([null, 1, "x", entry("m")]),
  "entries of something inside": object([entry("m")], { spec: object([entry("n")]) }),
  "entries of something inside alone": object(undefined, { spec: object([entry("n")]) }),
  "labels and annotations that look like it": object(
    [entry("m")],
    {},
    {
      labels: { managedFields: "0" },
      annotations: { managedFields: '"managedFields":0', other: '"managedFields":[{"fieldsV1":{' },
    },
  ),
  "a name like an element of JavaScript": object([
    entry("__proto__", { fieldsV1: JSON.parse('{"f:__proto__":{"f:a":{}}}') }),
  ]),
  "text beyond Latin": object([
    entry("ä 日本", { fieldsV1: { "f:data": { "f:日本": {}, "f:\ud83d\ude00": {} } } }),
  ]),
};

const written = (value: object) => writeTracked(structuredClone(value) as Parameters<typeof writeTracked>[0]);

describe.each(Object.entries(OBJECTS))("%s", (_, value) => {
  test("is written as JSON writes it, before its fields are known and after", () => {
    const text = JSON.stringify(value);
    expect(written(value)).toBe(text);
    const { metadata } = readTracked(text);
    expect(written({ ...value, metadata: { ...metadata } })).toBe(text);
  });

  test("is read as JSON reads it", () => {
    const text = JSON.stringify(value);
    expect(JSON.stringify(readTracked(text))).toBe(text);
    expect(readTracked(text)).toEqual(JSON.parse(text));
  });
});

test("the same fields are the same set, whoever has them", () => {
  const read = () => readTracked(JSON.stringify(object([entry("m")]))).metadata?.managedFields?.[0]?.fieldsV1;
  expect(read()).toBe(read());
});

test("what is frozen can be written", () => {
  const frozen = deepFreeze([entry("m")]);
  expect(writeTracked({ metadata: { managedFields: frozen } })).toBe(
    `{"metadata":{"managedFields":${JSON.stringify(frozen)}}}`,
  );
});

test("text that was cut off is refused", () => {
  const text = JSON.stringify(object([entry("m")]));
  for (let end = 1; end < text.length; end++)
    expect(() => readTracked(text.slice(0, end))).toThrow(SyntaxError);
});
