import { describe, expect, test } from "vitest";
import { goTypeName, loadSchema } from "./schema.ts";

const schema = loadSchema();

describe("the generated schema", () => {
  test("is complete in itself: every field's type is a scalar or there", () => {
    const scalars = ["string", "bool", "int32", "int64", "double", "bytes"];
    const missing = schema
      .names()
      .flatMap((name) => schema.type(name).fields.map((field) => ({ name, field })))
      .filter(({ field }) => !scalars.includes(field.type) && schema.find(field.type) === undefined)
      .map(({ name, field }) => `${name}.${field.name}: ${field.type}`);
    expect(missing).toEqual([]);
  });

  test("merge keys and list keys are fields of the elements", () => {
    const wrong: string[] = [];
    for (const name of schema.names()) {
      for (const field of schema.type(name).fields) {
        for (const key of [field.mergeKey, ...(field.listKeys ?? [])]) {
          if (key !== undefined && !schema.type(field.type).index.has(key))
            wrong.push(`${name}.${field.name} ${key}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  test.each([
    ["core.v1.Pod", true],
    ["core.v1.PodList", true],
    ["core.v1.PodTemplateSpec", false],
    ["core.v1.ObjectReference", false],
    ["meta.DeleteOptions", true],
    ["autoscaling.v1.Scale", true],
  ])("%s has a kind of its own: %s", (name, object) => {
    expect(schema.type(name).object).toBe(object);
  });

  test("inline messages are one field in protobuf and flat in JSON", () => {
    const volume = schema.type("core.v1.Volume");
    expect(volume.protoFields.get(2)?.type).toBe("core.v1.VolumeSource");
    expect(volume.index.has("volumeSource")).toBe(false);
    expect(volume.fields[volume.index.get("emptyDir")!]?.type).toBe("core.v1.EmptyDirVolumeSource");
  });

  test("JSON names win over protobuf names", () => {
    const schemaProps = schema.type("apiextensions.v1.JSONSchemaProps");
    expect(schemaProps.fields.find((field) => field.number === 3)?.name).toBe("$ref");
  });

  test("names that nobody gave are not found", () => {
    expect(schema.find("core.v1.Nope")).toBeUndefined();
    expect(schema.find("constructor")).toBeUndefined();
    expect(() => schema.type("__proto__")).toThrow("no type __proto__");
  });
});

test.each([
  ["core.v1.PodSpec", "v1.PodSpec"],
  ["meta.ObjectMeta", "v1.ObjectMeta"],
  ["autoscaling.v2.MetricSpec", "v2.MetricSpec"],
  ["Quantity", "resource.Quantity"],
])("%s is %s in Go", (type, goName) => {
  expect(goTypeName(type)).toBe(goName);
});
