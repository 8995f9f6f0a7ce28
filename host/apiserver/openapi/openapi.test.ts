import { describe, expect, test } from "vitest";
import { apiVersionOf } from "../../api/kind.ts";
import { KINDS } from "../../api/registry.ts";
import { loadSchema } from "../../apimachinery/schema.ts";
import { openApiV2 } from "./v2.ts";
import { openApiV3Document, openApiV3Index } from "./v3.ts";

const schema = loadSchema();

interface Document {
  paths: Record<string, Record<string, Record<string, unknown>>>;
  components: { schemas: Record<string, { properties: Record<string, unknown> } & Record<string, unknown>> };
  definitions: Document["components"]["schemas"];
}

function v3(path: string): Document {
  return JSON.parse(openApiV3Document(schema, KINDS, path)!.body) as Document;
}

/** Every `$ref` anywhere in a document. */
function references(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) =>
    key === "$ref" && typeof member === "string" ? [member] : references(member),
  );
}

describe("/openapi/v3", () => {
  const index = JSON.parse(openApiV3Index(KINDS, []).body) as {
    paths: Record<string, { serverRelativeURL: string }>;
  };

  test("names a document for each group and version, with the hash that document has", () => {
    expect(Object.keys(index.paths)).toEqual(
      expect.arrayContaining(["api/v1", "apis/apps/v1", "apis/batch/v1"]),
    );
    for (const [path, { serverRelativeURL }] of Object.entries(index.paths)) {
      const { hash } = openApiV3Document(schema, KINDS, path)!;
      expect(serverRelativeURL).toBe(`/openapi/v3/${path}?hash=${hash}`);
    }
  });

  test("a group that is not served has none", () => {
    expect(openApiV3Document(schema, KINDS, "apis/no.such/v1")).toBeUndefined();
    expect(openApiV3Document(schema, KINDS, "constructor")).toBeUndefined();
  });

  test("a hash changes when a kind joins, and only where it does", () => {
    const without = KINDS.filter(({ kind }) => kind !== "ConfigMap");
    const hash = (kinds: typeof KINDS, path: string) => openApiV3Document(schema, kinds, path)?.hash;
    expect(hash(without, "api/v1")).not.toBe(hash(KINDS, "api/v1"));
    expect(hash(without, "apis/apps/v1")).toBe(hash(KINDS, "apis/apps/v1"));
  });

  test.each(Object.keys(index.paths))("%s: every reference leads somewhere", (path) => {
    const document = v3(path);
    const known = new Set(
      Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`),
    );
    expect(references(document).filter((reference) => !known.has(reference))).toEqual([]);
  });

  test("each kind that can be patched says so, as kubectl's validation asks", () => {
    for (const kind of KINDS.filter(({ verbs }) => verbs.includes("patch"))) {
      const { group, version } = kind;
      const document = v3(group === "" ? `api/${version}` : `apis/${apiVersionOf(kind)}`);
      const found = Object.values(document.paths).find(({ patch }) => {
        const gvk = patch?.["x-kubernetes-group-version-kind"] as { kind: string } | undefined;
        return gvk?.kind === kind.kind;
      });
      expect(found?.["patch"]).toMatchObject({
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": { group, version, kind: kind.kind },
        parameters: expect.arrayContaining([
          expect.objectContaining({ name: "fieldValidation", in: "query" }),
        ]),
        requestBody: { content: { "application/strategic-merge-patch+json": {} } },
      });
    }
  });

  const core = v3("api/v1").components.schemas;

  test.each([
    ["Pod", "spec", { allOf: [{ $ref: "#/components/schemas/io.k8s.api.core.v1.PodSpec" }], default: {} }],
    [
      "Container",
      "ports",
      {
        type: "array",
        "x-kubernetes-patch-merge-key": "containerPort",
        "x-kubernetes-patch-strategy": "merge",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
      },
    ],
    ["PodSpec", "volumes", { "x-kubernetes-patch-strategy": "merge,retainKeys" }],
    ["PodSpec", "tolerations", { "x-kubernetes-list-type": "atomic" }],
    ["PodSpec", "nodeSelector", { type: "object", "x-kubernetes-map-type": "atomic" }],
    ["ConfigMap", "data", { type: "object", additionalProperties: { type: "string", default: "" } }],
    ["Secret", "data", { additionalProperties: { type: "string", format: "byte" } }],
    ["ServicePort", "port", { type: "integer", format: "int32", default: 0 }],
    ["ServicePort", "protocol", { type: "string", default: "TCP" }],
    ["ConfigMap", "kind", { type: "string" }],
  ])("%s.%s", (type, field, wants) => {
    expect(core[`io.k8s.api.core.v1.${type}`]?.properties[field]).toMatchObject(wants);
  });

  test("types know their kinds, their words and what is required", () => {
    expect(core["io.k8s.api.core.v1.Pod"]).toMatchObject({
      description: expect.stringMatching(/^Pod is a collection of containers/),
      "x-kubernetes-group-version-kind": [{ group: "", kind: "Pod", version: "v1" }],
    });
    expect(core["io.k8s.api.core.v1.PodList"]).toMatchObject({
      required: ["items"],
      "x-kubernetes-group-version-kind": [{ group: "", kind: "PodList", version: "v1" }],
    });
    expect(core["io.k8s.api.core.v1.PodTemplateSpec"]?.properties).not.toHaveProperty("kind");
    expect(core["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]).toMatchObject({
      format: "int-or-string",
      oneOf: [{ type: "integer" }, { type: "string" }],
    });
  });

  test("inline structs are flat, as in JSON", () => {
    const volume = core["io.k8s.api.core.v1.Volume"]?.properties ?? {};
    expect(Object.keys(volume)).toEqual(expect.arrayContaining(["name", "emptyDir", "configMap"]));
    expect(volume).not.toHaveProperty("volumeSource");
  });
});

describe("/openapi/v2", () => {
  const document = JSON.parse(openApiV2(schema, KINDS).body) as Document;

  test("every reference leads somewhere", () => {
    const known = new Set(Object.keys(document.definitions).map((name) => `#/definitions/${name}`));
    expect(references(document).filter((reference) => !known.has(reference))).toEqual([]);
  });

  test("references stand bare beside their words", () => {
    expect(document.definitions["io.k8s.api.core.v1.Pod"]?.properties["spec"]).toMatchObject({
      $ref: "#/definitions/io.k8s.api.core.v1.PodSpec",
    });
  });

  test("holds every kind", () => {
    const kinds = Object.values(document.definitions).flatMap(
      (one) => (one["x-kubernetes-group-version-kind"] ?? []) as { group: string; kind: string }[],
    );
    for (const { group, kind } of KINDS)
      expect(kinds).toContainEqual(expect.objectContaining({ group, kind }));
  });
});
