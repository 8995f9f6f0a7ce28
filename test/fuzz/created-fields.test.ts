import { expect, test } from "vitest";
import { customKinds } from "../../host/api/custom-resources/kinds.ts";
import type { V1CustomResourceDefinition } from "../../host/api/generated/types.ts";
import { apiVersionOf, type Kind } from "../../host/api/kind.ts";
import { KINDS } from "../../host/api/registry.ts";
import { createdFields } from "../../host/apimachinery/managed-fields/created-fields.ts";
import { createdSet } from "../../host/apimachinery/managed-fields/created-set.ts";
import { type StructType, structType } from "../../host/apimachinery/managed-fields/field-type.ts";
import { writeOwners } from "../../host/apimachinery/managed-fields/owners.ts";
import { haveSameFields, outlineOf } from "../../host/apimachinery/managed-fields/same-fields.ts";
import { ownersAfterUpdate } from "../../host/apimachinery/managed-fields/track.ts";
import { seededRandom } from "../../host/apimachinery/random.ts";
import { loadSchema } from "../../host/apimachinery/schema.ts";
import { resetFields } from "../../host/apiserver/managed-fields/reset-fields.ts";
import { Draw } from "../reference/generator/draw.ts";
import { drawType, isJson, type Json } from "./objects.ts";
import { hostileText, hostileValue } from "./values.ts";

/**
 * What is written of a new object in one walk against the comparison with an object that says nothing, which every other
 * write goes through: the same bytes, for drawn objects of every built-in kind and of custom ones, well formed or not.
 */
const OBJECTS = Number(process.env["SOAK"] ? 3_000 : 40);
const TIMEOUT_MS = 600_000;
const schema = loadSchema();

const text = { type: "string" };
const named = {
  type: "object",
  properties: {
    name: text,
    value: text,
    from: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  },
};
const item = {
  type: "object",
  properties: { name: text, port: { type: "integer", default: 80 }, more: { type: "object" } },
};
const custom = customKinds({
  metadata: { name: "things.x.io" },
  spec: {
    group: "x.io",
    scope: "Namespaced",
    names: { plural: "things", kind: "Thing" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              spec: {
                type: "object",
                properties: {
                  map: { type: "object", additionalProperties: text },
                  lists: { type: "object", additionalProperties: { type: "array", items: text } },
                  atomic: { type: "object", "x-kubernetes-map-type": "atomic", properties: { a: text } },
                  free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
                  set: { type: "array", "x-kubernetes-list-type": "set", items: text },
                  named: {
                    type: "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    items: named,
                  },
                  items: {
                    type: "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["port", "name"],
                    items: item,
                  },
                },
              },
              status: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
            },
          },
        },
      },
    ],
  },
  status: { acceptedNames: { plural: "things", kind: "Thing" } },
} as V1CustomResourceDefinition)[0]!;

function drawCustom(draw: Draw): Json {
  const map = () => Object.fromEntries(draw.many(5, () => [hostileText(draw), hostileValue(draw, 1)]));
  const spec = {
    map: map(),
    lists: map(),
    atomic: map(),
    free: hostileValue(draw, 4),
    set: draw.many(5, () => hostileText(draw)),
    items: draw.many(5, () => {
      const [name, port] = [draw.pick(["a", "b", "b!", 'b"', "ä", ""]), draw.pick([1, 80, 443, null])];
      return draw.chance(90) ? { name, port, more: hostileValue(draw, 2) } : hostileValue(draw, 1);
    }),
    named: drawNamed(draw),
    more: hostileValue(draw),
  };
  const some = Object.fromEntries(draw.some(Object.entries(spec), 8));
  const { metadata } = drawType(draw, schema, "core.v1.ConfigMap", 3);
  return {
    kind: "Thing",
    metadata,
    status: hostileValue(draw),
    spec: draw.chance(95) ? some : hostileValue(draw),
  };
}

/** Up to more than are sorted in place; mostly of the same fields, and mostly of names that need no escaping. */
function drawNamed(draw: Draw): unknown[] {
  const isPlain = draw.chance(80);
  return draw.many(draw.pick([3, 20, 80]), (i) => {
    const name = isPlain
      ? `${draw.pick(["a", "b-", "B_", "9."])}${draw.chance(97) ? i : 0}`
      : hostileText(draw);
    const value = draw.pick(["x", "x", "x", null, undefined]);
    return { name, value, ...(draw.chance(10) ? { from: hostileValue(draw, 1) } : {}) };
  });
}

function typeOf(kind: Kind): StructType {
  return kind.custom?.fieldType ?? structType(schema, kind.type);
}

/** By the comparison that updates go through. */
function compared(kind: Kind, object: Json): string {
  const [type, apiVersion] = [typeOf(kind), apiVersionOf(kind)];
  const owners = ownersAfterUpdate({ metadata: {} }, object, {
    owners: new Map(),
    who: { name: "m", operation: "Update", apiVersion },
    reset: resetFields(kind, undefined),
    now: "",
    versions: () => ({ type, convert: (one) => one }),
  });
  return JSON.stringify(writeOwners(owners)?.[0]?.fieldsV1 ?? {});
}

const cases = [...KINDS, custom].map((kind) => ({ name: `${apiVersionOf(kind)} ${kind.kind}`, kind }));

test.each(cases)(
  "fields of a new $name",
  ({ kind }) => {
    for (let seed = 0; seed < OBJECTS; seed++) {
      const draw = new Draw(seededRandom(seed));
      const drawn = kind === custom ? drawCustom(draw) : drawType(draw, schema, kind.type, 7);
      const { managedFields: _, ...metadata } = (drawn["metadata"] ?? {}) as Json;
      const object = { kind: kind.kind, ...drawn, metadata };
      const written = createdFields(typeOf(kind), object, resetFields(kind, undefined));
      expect(written, `seed ${seed}: ${JSON.stringify(object).slice(0, 2_000)}`).toBe(compared(kind, object));
    }
  },
  TIMEOUT_MS,
);

/** The same but for one place, or but for what its texts say. */
function varied(draw: Draw, value: unknown): unknown {
  if (!isJson(value) && !Array.isArray(value))
    return draw.chance(50) ? otherThan(value) : hostileValue(draw, 2);
  const keys = Object.keys(value);
  const key = keys.length === 0 ? hostileText(draw) : draw.pick(keys);
  const all = value as Json;
  if (draw.chance(70)) return withMember(value, key, varied(draw, all[key]));
  if (Array.isArray(value)) return draw.chance(50) ? value.slice(1) : [...value].reverse();
  if (draw.chance(50)) return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
  return Object.fromEntries([...Object.entries(value), [hostileText(draw), hostileValue(draw, 1)]]);
}

function withMember(value: Json | unknown[], key: string, member: unknown): unknown {
  if (Array.isArray(value)) return value.map((one: unknown, at) => (String(at) === key ? member : one));
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, name === key ? member : one]));
}

function otherThan(value: unknown): unknown {
  if (typeof value === "number") return value + 1;
  return typeof value === "string" ? `${value}x` : value;
}

const found = { same: 0, missed: 0 };

test.each(cases)(
  "a $name like another has its fields",
  ({ kind }) => {
    const [type, reset] = [typeOf(kind), resetFields(kind, undefined)];
    for (let seed = 0; seed < OBJECTS; seed++) {
      const draw = new Draw(seededRandom(seed));
      const drawn = kind === custom ? drawCustom(draw) : drawType(draw, schema, kind.type, 7);
      const other = varied(draw, drawn);
      if (!isJson(other) || !isJson(drawn["metadata"]) || !isJson(other["metadata"])) continue;
      const [fields, otherFields] = [createdFields(type, drawn, reset), createdFields(type, other, reset)];
      const why = () => `seed ${seed}: ${JSON.stringify([drawn, other]).slice(0, 4_000)}`;
      if (haveSameFields(type, outlineOf(type, drawn), other)) {
        expect(otherFields, why()).toBe(fields);
        found.same++;
      } else if (otherFields === fields) found.missed++;
      expect(createdSet(type, other, reset), why()).toEqual(JSON.parse(otherFields));
    }
  },
  TIMEOUT_MS,
);

test("most that have the same fields are found", () => {
  expect(found.same).toBeGreaterThan(found.missed);
});
