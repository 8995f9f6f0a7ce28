import { describe, expect, test } from "vitest";
import { decodeAnyValue } from "./decode.ts";
import { CleanDecoder } from "./decode-clean.ts";
import { DecodeError } from "./decode-error.ts";
import { type Random, seededRandom } from "./random.ts";
import { type Field, loadSchema } from "./schema.ts";

const schema = loadSchema();
const decoder = new CleanDecoder(schema);

/** Decoded the short way, once its constructor is written. */
function shortly(type: string, value: object): unknown {
  for (let i = 0; i < 8; i++) decoder.decode(type, {});
  return decoder.decode(type, value);
}

const SCALARS: Readonly<Record<string, readonly unknown[]>> = {
  string: ["", "x", "é"],
  bool: [true, false],
  int32: [0, -1, 2 ** 31 - 1],
  int64: [0, 2 ** 40],
  double: [0, 0.5],
  bytes: ["", "aGk="],
  Quantity: ["0", "100m", "0.5Gi", 3],
  IntOrString: [0, 80, "", "http"],
  "meta.Time": ["2026-01-02T03:04:05Z"],
  "meta.MicroTime": ["2026-01-02T03:04:05.000006Z"],
  "meta.Duration": ["1h"],
  "meta.Verbs": [["get"]],
  "authentication.v1.ExtraValue": [["a"]],
  "authorization.v1.ExtraValue": [["a"]],
  "certificates.v1.ExtraValue": [["a"]],
};

/** A value with nothing wrong in it, members in any order. */
function clean(random: Random, type: string, depth: number): unknown {
  const scalars = SCALARS[type];
  if (scalars !== undefined) return scalars[random.below(scalars.length)];
  const { shape, fields } = schema.type(type);
  if (shape === "any") return { free: [1, null, { form: true }] };
  if (shape !== "struct") return {};
  const value: Record<string, unknown> = {};
  const from = random.below(fields.length || 1);
  for (const field of [...fields.slice(from), ...fields.slice(0, from)]) {
    if (depth > 6 || random.below(3) > 0 || isUnion(field)) continue;
    const one = () => clean(random, field.type, depth + 1);
    const few = random.below(3);
    if (field.map)
      value[field.name] = Object.fromEntries(Array.from({ length: few }, (_, i) => [`k${i}`, one()]));
    else value[field.name] = field.list ? Array.from({ length: few }, one) : one();
  }
  return value;
}

/** Those are left to the long way. */
function isUnion({ type }: Field): boolean {
  return schema.find(type)?.shape.startsWith("schema-or-") === true;
}

describe("the short way makes of a clean document what the long way makes of it", () => {
  test.each(schema.names().filter((name) => schema.type(name).shape === "struct"))("%s", (name) => {
    const random = seededRandom(name.length);
    for (let i = 0; i < 10; i++) {
      const value = clean(random, name, 0) as Record<string, unknown>;
      const long = decodeAnyValue(schema, name, value);
      expect(long.unknownFields).toEqual([]);
      const short = shortly(name, value);
      expect(JSON.stringify(short)).toBe(JSON.stringify(long.value));
      expect(short).toStrictEqual(long.value);
    }
  });
});

describe("absent, null and zero", () => {
  test.each([
    ["a null", "core.v1.Pod", { metadata: { creationTimestamp: null, labels: null }, status: null }],
    ["an undefined member", "core.v1.Pod", { metadata: { name: undefined }, spec: { nodeName: "n" } }],
    ["an unknown member that is undefined", "core.v1.Pod", { foo: undefined, metadata: { name: "p" } }],
    ["kind and apiVersion", "core.v1.Pod", { kind: "Pod", apiVersion: "", metadata: {} }],
    [
      "zeros",
      "core.v1.Container",
      { name: "", image: "", stdin: false, ports: [], env: [{ name: "", value: "" }] },
    ],
    [
      "zeros behind pointers",
      "core.v1.PodSpec",
      { containers: [], priority: 0, hostUsers: false, enableServiceLinks: false },
    ],
    ["empty maps", "core.v1.ResourceRequirements", { limits: {}, requests: { cpu: "1000m" } }],
  ])("%s", (_, type, value) => {
    const short = shortly(type, value);
    expect(short).toBeDefined();
    expect(JSON.stringify(short)).toBe(JSON.stringify(decodeAnyValue(schema, type, value).value));
  });
});

describe("what is not clean is left to the long way", () => {
  test.each([
    ["an unknown field", "core.v1.Pod", '{"foo": 1}'],
    ["one far below", "core.v1.Pod", '{"spec": {"containers": [{"name": "a"}, {"nam": "b"}]}}'],
    ["__proto__ as a field", "core.v1.Pod", '{"__proto__": {"spec": {}}}'],
    ["__proto__ as a key", "core.v1.ConfigMap", '{"data": {"__proto__": "x"}}'],
    ["a number for a text", "core.v1.ConfigMap", '{"data": {"a": 5}}'],
    ["a list for an object", "core.v1.Pod", '{"spec": []}'],
    ["a null in a list", "core.v1.Pod", '{"spec": {"containers": [null]}}'],
    ["a null in a map", "core.v1.ConfigMap", '{"data": {"a": null}}'],
    ["a fraction", "core.v1.ContainerPort", '{"containerPort": 1.5}'],
    ["a bad quantity", "core.v1.ResourceRequirements", '{"limits": {"cpu": "x"}}'],
    ["a kind that is a number", "core.v1.Pod", '{"kind": 5}'],
  ])("%s", (_, type, text) => {
    expect(shortly(type, JSON.parse(text))).toBeUndefined();
  });

  test("an object that inherits nothing special, and no class of its own", () => {
    const pod = shortly("core.v1.Pod", { spec: { containers: [{ name: "c" }] } }) as { spec: object };
    expect(Object.getPrototypeOf(pod)).toBe(Object.prototype);
    expect(pod.constructor).toBe(Object);
    expect(structuredClone(pod.spec)).toEqual(pod.spec);
  });

  test("our own mistakes are not taken for the document's", () => {
    const broken = new CleanDecoder({
      ...schema,
      find: () => {
        throw new Error("no schema");
      },
    });
    for (let i = 0; i < 8; i++) broken.decode("core.v1.Pod", {});
    expect(() => broken.decode("core.v1.Pod", { spec: {} })).toThrow("no schema");
    expect(() => decodeAnyValue(schema, "core.v1.Pod", { spec: 1 })).toThrow(DecodeError);
  });
});
