import { beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { customKinds } from "../../api/custom-resources/kinds.ts";
import { CustomResourceDefinition } from "../../api/extension-kinds.ts";
import type { V1CustomResourceDefinition } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import { silentLogger } from "../../apimachinery/log.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { seededRandom } from "../../apimachinery/random.ts";
import type { Client } from "../../client/client.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import type { Store } from "../../store/store.ts";
import { type ApiCore, createApiCore } from "../core.ts";

type Widget = KubernetesObject & { spec?: Record<string, unknown>; status?: unknown };

let clock: VirtualClock;
let store: Store;
let core: ApiCore;
let client: Client;

const open = async () => {
  core = await createApiCore({ store, clock, random: seededRandom(7), log: silentLogger });
  client = core.client("test");
};

beforeEach(async () => {
  clock = new VirtualClock();
  store = createMemoryStore({ clock });
  await open();
});

const SCHEMA =
  "{type: object, properties: {spec: {type: object, properties: {size: {type: integer, default: 1, maximum: 9}}}, status: {type: object, x-kubernetes-preserve-unknown-fields: true}}}";

const definition = (
  name = "widgets",
  more = "",
  version = `{name: v1, served: true, storage: true, subresources: {status: {}}, schema: {openAPIV3Schema: ${SCHEMA}}}`,
) =>
  parse(
    `{metadata: {name: ${name}.a.io}, spec: {group: a.io, scope: Namespaced, names: {plural: ${name}, kind: Widget, shortNames: [wg]}, versions: [${version}]${more}}}`,
  ) as V1CustomResourceDefinition;

/** Creates a definition, lets the server take it in, and answers it as it is then. */
async function define(wanted = definition()): Promise<V1CustomResourceDefinition> {
  await client.create(CustomResourceDefinition, wanted);
  await clock.advance(0);
  return client.get(CustomResourceDefinition, { name: wanted.metadata!.name! });
}

/** The kind a definition declares, for the client. */
const kindOf = (of: V1CustomResourceDefinition, version = "v1") =>
  customKinds(of).find((kind) => kind.version === version)! as Kind<Widget>;

const widget = (spec: string): Widget => ({
  metadata: { name: "w", namespace: "default" },
  spec: parse(spec) as Record<string, unknown>,
});

async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ApiError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "accepted";
}

const conditions = ({ status }: V1CustomResourceDefinition) =>
  (status?.conditions ?? []).map(({ type, status: is, reason }) => `${type}=${is} ${reason}`);

describe("a definition", () => {
  test("gets its names, is served, and after a restart again", async () => {
    const made = await define();
    expect(conditions(made)).toEqual([
      "NamesAccepted=True NoConflicts",
      "Established=True InitialNamesAccepted",
    ]);
    expect(made.status).toMatchObject({
      acceptedNames: {
        plural: "widgets",
        singular: "widget",
        kind: "Widget",
        listKind: "WidgetList",
        shortNames: ["wg"],
      },
      storedVersions: ["v1"],
    });
    await client.create(kindOf(made), widget("{}"));
    core.stop();
    await open();
    expect(core.api.kinds.find("a.io", "v1", "widgets")?.kind).toBe("Widget");
    expect((await client.list(kindOf(made))).items).toHaveLength(1);
  });

  test("whose names another has is not served, until that one goes", async () => {
    await define();
    const second = await define(definition("gears"));
    expect(conditions(second)).toEqual([
      "NamesAccepted=False ListKindConflict",
      "Established=False NotAccepted",
    ]);
    expect(core.api.kinds.find("a.io", "v1", "gears")).toBeUndefined();
  });

  test("gets the names that another one gives back", async () => {
    await define();
    await define(definition("gears"));
    await client.delete(CustomResourceDefinition, { name: "widgets.a.io" });
    await clock.advance(10);
    const second = await client.get(CustomResourceDefinition, { name: "gears.a.io" });
    expect(conditions(second)).toEqual([
      "NamesAccepted=True NoConflicts",
      "Established=True InitialNamesAccepted",
    ]);
    expect(core.api.kinds.find("a.io", "v1", "gears")?.kind).toBe("Widget");
  });

  test("ends the watches of its kind when that changes or goes, and not when only its status does", async () => {
    const made = await define();
    const seen: string[] = [];
    const sink = {
      onEvent: (type: string) => seen.push(type),
      onEnd: (error?: Error) => seen.push(`END ${error ?? ""}`),
    };
    client.watch(kindOf(made), { resourceVersion: "0" }, sink);
    await client.patch(
      CustomResourceDefinition,
      { name: "widgets.a.io" },
      { type: "merge", body: { metadata: { labels: { a: "b" } } } },
    );
    await clock.advance(10);
    expect(seen).toEqual([]);
    const changed = definition();
    changed.spec.names.shortNames = ["wd"];
    await client.patch(
      CustomResourceDefinition,
      { name: "widgets.a.io" },
      { type: "merge", body: { spec: changed.spec } },
    );
    await clock.advance(10);
    expect(seen).toEqual(["END "]);
  });

  test("never takes the place of a built-in kind", async () => {
    const body = {
      status: {
        acceptedNames: { plural: "ingresses", kind: "Ingressx" },
        conditions: [{ type: "Established", status: "True" }],
      },
    };
    const wanted = parse(
      `{metadata: {name: ingresses.networking.k8s.io, annotations: {api-approved.kubernetes.io: unapproved}}, spec: {group: networking.k8s.io, scope: Namespaced, names: {plural: ingresses, kind: Ingressx}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}}`,
    ) as V1CustomResourceDefinition;
    await define(wanted);
    await client.patch(
      CustomResourceDefinition,
      { name: "ingresses.networking.k8s.io" },
      { type: "merge", body },
      { subresource: "status" },
    );
    await clock.advance(10);
    expect(core.api.kinds.find("networking.k8s.io", "v1", "ingresses")?.kind).toBe("Ingress");
  });

  test("that goes takes its objects along, waits for their finalizers, and is not served any more", async () => {
    const made = await define();
    const kind = kindOf(made);
    await client.create(kind, {
      ...widget("{}"),
      metadata: { name: "w", namespace: "default", finalizers: ["a.io/hold"] },
    });
    await client.delete(CustomResourceDefinition, { name: "widgets.a.io" });
    await clock.advance(0);
    const going = await client.get(CustomResourceDefinition, { name: "widgets.a.io" });
    expect(conditions(going)).toContain("Terminating=True InstanceDeletionInProgress");
    expect(
      await refusal(client.create(kind, { ...widget("{}"), metadata: { name: "x", namespace: "default" } })),
    ).toBe(
      '403 widgets.a.io "x" is forbidden: create not allowed while custom resource definition is terminating',
    );
    await client.patch(
      kind,
      { name: "w", namespace: "default" },
      { type: "merge", body: { metadata: { finalizers: null } } },
    );
    await clock.advance(2_000);
    expect(await refusal(client.get(CustomResourceDefinition, { name: "widgets.a.io" }))).toContain("404");
    expect(core.api.kinds.find("a.io", "v1", "widgets")).toBeUndefined();
  });

  test.each([
    [
      "a name that is not its own",
      definition("widgets", ", preserveUnknownFields: false").metadata!,
      "bars.a.io",
      'metadata.name: Invalid value: "bars.a.io": must be spec.names.plural+"."+spec.group',
    ],
  ])("with %s is refused", async (_, metadata, name, why) => {
    const wrong = { ...definition(), metadata: { ...metadata, name } };
    expect(await refusal(client.create(CustomResourceDefinition, wrong))).toContain(why);
  });

  test.each([
    [
      "two storage versions",
      "{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}, {name: v2, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}",
      "must have exactly one version marked as storage version",
    ],
    [
      "no schema",
      "{name: v1, served: true, storage: true}",
      "spec.versions[0].schema.openAPIV3Schema: Required value",
    ],
    [
      "a bad column",
      "{name: v1, served: true, storage: true, additionalPrinterColumns: [{name: a, type: string, jsonPath: spec.x}], schema: {openAPIV3Schema: {type: object}}}",
      'spec.additionalPrinterColumns[0].JSONPath: Invalid value: "spec.x": must be a simple json path starting with .',
    ],
    [
      "a bad scale",
      "{name: v1, served: true, storage: true, subresources: {scale: {specReplicasPath: .foo, statusReplicasPath: .status.r}}, schema: {openAPIV3Schema: {type: object}}}",
      'spec.subresources.scale.specReplicasPath: Invalid value: ".foo": should be a json path under .spec',
    ],
    [
      "a bad selectable field",
      "{name: v1, served: true, storage: true, selectableFields: [{jsonPath: .spec.no}], schema: {openAPIV3Schema: {type: object}}}",
      "is an invalid path: does not refer to a valid field",
    ],
    [
      "a bad version",
      "{name: V1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}",
      "a DNS-1035 label must consist of",
    ],
  ])("with %s is refused", async (_, version, why) => {
    expect(
      await refusal(client.create(CustomResourceDefinition, definition("widgets", "", version))),
    ).toContain(why);
  });

  test("that is established keeps its scope", async () => {
    const made = await define();
    const changed = { ...made, spec: { ...made.spec, scope: "Cluster" } };
    expect(await refusal(client.update(CustomResourceDefinition, changed))).toContain(
      'spec.scope: Invalid value: "Cluster": field is immutable',
    );
  });
});

describe("a custom resource", () => {
  test("is defaulted, pruned, counted, and its status is its own", async () => {
    const kind = kindOf(await define());
    const made = await client.create(kind, { ...widget("{foo: 1}"), status: { a: 1 } } as Widget);
    expect(made).toMatchObject({
      apiVersion: "a.io/v1",
      kind: "Widget",
      metadata: { generation: 1 },
      spec: { size: 1 },
    });
    expect([made.spec, made.status]).toEqual([{ size: 1 }, undefined]);
    const reported = await client.update(
      kind,
      { ...made, spec: { size: 5 }, status: { ready: 1 } } as Widget,
      { subresource: "status" },
    );
    expect([reported.spec, reported.status, reported.metadata!.generation]).toEqual([
      { size: 1 },
      { ready: 1 },
      1,
    ]);
    const changed = await client.update(kind, { ...reported, spec: { size: 5 } });
    expect([changed.spec, changed.status, changed.metadata!.generation]).toEqual([
      { size: 5 },
      { ready: 1 },
      2,
    ]);
  });

  test.each([
    [
      "{size: 10}",
      '422 Widget.a.io "w" is invalid: spec.size: Invalid value: 10: spec.size in body should be less than or equal to 9',
    ],
    [
      "{size: x}",
      '422 Widget.a.io "w" is invalid: spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"',
    ],
  ])("with %s is refused", async (spec, why) => {
    expect(await refusal(client.create(kindOf(await define()), widget(spec)))).toBe(why);
  });

  test("of another kind or version is refused", async () => {
    const kind = kindOf(await define());
    expect(await refusal(client.create(kind, { ...widget("{}"), kind: "Gadget" }))).toBe(
      '422 Gadget.a.io "w" is invalid: kind: Invalid value: "Gadget": must be Widget',
    );
    expect(await refusal(client.create(kind, { ...widget("{}"), apiVersion: "a.io/v2" }))).toBe(
      "400 the API version in the data (a.io/v2) does not match the expected API version (a.io/v1)",
    );
  });

  test("is applied by its schema's lists, and never merged strategically", async () => {
    const list =
      "{type: object, properties: {spec: {type: object, properties: {l: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [k], items: {type: object, required: [k], properties: {k: {type: string}, v: {type: string}}}}}}}}";
    const kind = kindOf(
      await define(
        definition(
          "widgets",
          "",
          `{name: v1, served: true, storage: true, schema: {openAPIV3Schema: ${list}}}`,
        ),
      ),
    );
    const apply = (fieldManager: string, spec: string) =>
      client.patch(
        kind,
        { name: "w", namespace: "default" },
        { type: "apply", body: { apiVersion: "a.io/v1", kind: "Widget", ...widget(spec) } },
        { fieldManager },
      );
    await apply("one", "{l: [{k: a, v: x}]}");
    const both = await apply("two", "{l: [{k: b, v: y}]}");
    expect(both.spec).toEqual({
      l: [
        { k: "a", v: "x" },
        { k: "b", v: "y" },
      ],
    });
    expect((await apply("one", "{l: []}")).spec).toEqual({ l: [{ k: "b", v: "y" }] });
    const strategic = client.patch(
      kind,
      { name: "w", namespace: "default" },
      { type: "strategic", body: {} },
    );
    expect(await refusal(strategic)).toContain("415 the body of the request was in an unknown format");
  });

  test("is judged by the version it is sent in", async () => {
    const two = `{name: v1, served: true, storage: true, schema: {openAPIV3Schema: ${SCHEMA}}}, {name: v2, served: true, storage: false, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: string, maxLength: 2}}}}}}}`;
    const v2 = kindOf(await define(definition("widgets", "", two)), "v2");
    const made = await client.create(v2, widget("{size: xl}"));
    expect(made.spec).toEqual({ size: "xl" });
    expect(await refusal(client.update(v2, { ...made, spec: { size: "xxl" } }))).toContain(
      "spec.size: Too long: may not be more than 2 bytes",
    );
  });

  test("without a schema is applied member by member all the same", async () => {
    const open =
      "{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}";
    const kind = kindOf(await define(definition("widgets", "", open)));
    const apply = (fieldManager: string, spec: string) =>
      client.patch(
        kind,
        { name: "w", namespace: "default" },
        { type: "apply", body: { apiVersion: "a.io/v1", kind: "Widget", ...widget(spec) } },
        { fieldManager },
      );
    await apply("one", "{free: {k: v, d: {e: 1}, l: [1]}}");
    expect((await apply("two", "{free: {b: v}}")).spec).toEqual({
      free: { k: "v", d: { e: 1 }, l: [1], b: "v" },
    });
    expect((await apply("one", "{free: {k: v}}")).spec).toEqual({ free: { k: "v", b: "v" } });
  });

  test("is there in every served version, and stored in one", async () => {
    const two = `{name: v1, served: true, storage: true, schema: {openAPIV3Schema: ${SCHEMA}}}, {name: v2, served: true, storage: false, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}, color: {type: string, default: red}}}}}}}`;
    const made = await define(definition("widgets", "", two));
    await client.create(kindOf(made), widget("{size: 3}"));
    const seen = await client.get(kindOf(made, "v2"), { name: "w", namespace: "default" });
    expect(seen).toMatchObject({ apiVersion: "a.io/v2", spec: { size: 3, color: "red" } });
    const [entry] = (await store.range("/registry/a.io/widgets/")).entries;
    expect(JSON.parse(Buffer.from(entry!.value).toString())).toMatchObject({
      apiVersion: "a.io/v1",
      spec: { size: 3 },
    });
  });
});
