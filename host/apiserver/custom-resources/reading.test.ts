import { afterEach, beforeEach, expect, test } from "vitest";
import { CustomResourceDefinition } from "../../api/extension-kinds.ts";
import type { V1CustomResourceDefinition, V1JSONSchemaProps } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/log.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { seededRandom } from "../../apimachinery/random.ts";
import type { Client } from "../../client/client.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import { type ApiCore, createApiCore } from "../core.ts";
import { parseRequestBody } from "../http/body.ts";
import { listAnswer } from "../http/list-body.ts";
import { select } from "../selection.ts";
import { create } from "../verbs/create.ts";
import { list } from "../verbs/list.ts";

const clock = new VirtualClock();
let core: ApiCore;
let client: Client;

beforeEach(async () => {
  core = await createApiCore({
    store: createMemoryStore({ clock }),
    clock,
    random: seededRandom(7),
    log: silentLogger,
  });
  client = core.client("test");
});
afterEach(() => core.stop());

type Spec = Record<string, V1JSONSchemaProps>;

function definition(versions: readonly { name: string; storage: boolean; spec: Spec }[]) {
  return {
    metadata: { name: "widgets.a.io" },
    spec: {
      group: "a.io",
      scope: "Namespaced",
      names: { plural: "widgets", kind: "Widget" },
      versions: versions.map(({ name, storage, spec }) => ({
        name,
        served: true,
        storage,
        schema: {
          openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties: spec } } },
        },
      })),
    },
  };
}

async function define(versions: Parameters<typeof definition>[0]): Promise<void> {
  await client.create(CustomResourceDefinition, definition(versions) as V1CustomResourceDefinition);
  await clock.advance(10);
}

async function redefine(versions: Parameters<typeof definition>[0]): Promise<void> {
  const current = await client.get(CustomResourceDefinition, { name: "widgets.a.io" });
  const spec = { ...current.spec, versions: definition(versions).spec.versions };
  await client.update(CustomResourceDefinition, { ...current, spec } as V1CustomResourceDefinition);
  await clock.advance(10);
}

const kind = (version: string) => core.api.kinds.find("a.io", version, "widgets")! as Kind<KubernetesObject>;
const widget = { namespace: "default", name: "w" };

async function read(version: string): Promise<Record<string, unknown>> {
  return (await client.get(kind(version), widget)) as unknown as Record<string, unknown>;
}

const a: V1JSONSchemaProps = { type: "string" };

test("a default that a schema comes to have is seen by who reads, and is no change for who writes", async () => {
  await define([{ name: "v1", storage: true, spec: { a } }]);
  await client.create(kind("v1"), { metadata: widget, spec: { a: "x" } } as KubernetesObject);
  await redefine([{ name: "v1", storage: true, spec: { a, b: { type: "string", default: "new" } } }]);
  expect((await read("v1"))["spec"]).toEqual({ a: "x", b: "new" });
  const { items } = await client.list(kind("v1"));
  expect((items[0] as unknown as { spec: object }).spec).toEqual({ a: "x", b: "new" });
  const served = core.api.kinds.find("a.io", "v1", "widgets")!;
  const listed = await list(core.api, select(served, undefined, {}), {});
  const look = { representation: { as: "object" }, pretty: false, include: "Object", nowMs: 0 } as never;
  expect(String(listAnswer(core.api, listed, look).body)).toContain('"b":"new"');
  const seen: unknown[] = [];
  client.watch(
    kind("v1"),
    { resourceVersion: "0" },
    { onEvent: (_, one) => seen.push(one), onEnd: () => {} },
  );
  await clock.advance(1);
  expect(seen).toMatchObject([{ spec: { b: "new" } }]);
  const labels = { body: { metadata: { labels: { l: "v" } } }, type: "merge" } as const;
  const labelled = await client.patch(kind("v1"), widget, labels);
  expect(labelled.metadata!.generation).toBe(1);
});

test("what a schema says no more is not shown", async () => {
  await define([{ name: "v1", storage: true, spec: { a, b: a } }]);
  await client.create(kind("v1"), { metadata: widget, spec: { a: "x", b: "y" } } as KubernetesObject);
  await redefine([{ name: "v1", storage: true, spec: { a } }]);
  expect((await read("v1"))["spec"]).toEqual({ a: "x" });
});

test("what was stored in another version is read in the one asked for", async () => {
  await define([{ name: "v1", storage: true, spec: { a } }]);
  await client.create(kind("v1"), { metadata: widget, spec: { a: "x" } } as KubernetesObject);
  await redefine([
    { name: "v1", storage: false, spec: { a } },
    { name: "v2", storage: true, spec: { a } },
  ]);
  for (const version of ["v1", "v2"])
    expect(await read(version)).toMatchObject({ apiVersion: `a.io/${version}`, spec: { a: "x" } });
  const { status } = await client.get(CustomResourceDefinition, { name: "widgets.a.io" });
  expect(status?.storedVersions).toEqual(["v1", "v2"]);
});

test("a custom resource has no protobuf", async () => {
  await define([{ name: "v1", storage: true, spec: { a } }]);
  const served = core.api.kinds.find("a.io", "v1", "widgets")!;
  const body = Buffer.from("k8s\0");
  expect(() => parseRequestBody(core.api, served, body, "application/vnd.kubernetes.protobuf")).toThrow(
    "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml",
  );
});

test("a format that nobody checks is worth a warning, once", async () => {
  const warnings: string[] = [];
  const value = definition([
    {
      name: "v1",
      storage: true,
      spec: {
        a: { type: "string", format: "foo" },
        b: { type: "array", items: { type: "string", format: "foo" } },
        c: { type: "string", format: "date" },
      },
    },
  ]);
  const context = {
    user: { name: "test", groups: [] },
    dryRun: true,
    fieldValidation: "Strict",
    warn: (text: string) => warnings.push(text),
  } as const;
  const kind = CustomResourceDefinition as unknown as Kind;
  await create(core.api, kind, undefined, { value, strictErrors: [] }, context);
  expect(warnings).toEqual(['unrecognized format "foo"']);
});
