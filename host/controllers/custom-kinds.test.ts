import { afterEach, beforeEach, expect, test } from "vitest";
import { ConfigMap, Namespace } from "../api/core-kinds.ts";
import { customKinds } from "../api/custom-resources/kinds.ts";
import { CustomResourceDefinition } from "../api/extension-kinds.ts";
import type { V1CustomResourceDefinition } from "../api/generated/types.ts";
import type { Kind } from "../api/kind.ts";
import { createApiCore } from "../apiserver/core.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { TestCluster } from "./test-cluster.ts";

let cluster: TestCluster;
let kind: Kind;

beforeEach(async () => {
  cluster = await new TestCluster().start((parts) =>
    createApiCore({ ...parts, store: createMemoryStore({ clock: parts.clock }) }),
  );
  const definition: V1CustomResourceDefinition = {
    metadata: { name: "widgets.a.io" },
    spec: {
      group: "a.io",
      scope: "Namespaced",
      names: { plural: "widgets", kind: "Widget" },
      versions: [
        { name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } },
        { name: "v2", served: true, storage: false, schema: { openAPIV3Schema: { type: "object" } } },
      ],
    },
  };
  await cluster.client.create(CustomResourceDefinition, definition);
  await cluster.clock.advance(10);
  [kind] = customKinds(await cluster.client.get(CustomResourceDefinition, { name: "widgets.a.io" })) as [
    Kind,
  ];
});

afterEach(() => cluster.stop());

const widget = (name: string, namespace = "default") =>
  cluster.client.create(kind, { metadata: { name, namespace } });
const count = async (of: Kind, namespace: string, name: RegExp) =>
  (await cluster.client.list(of, { namespace })).items.filter((one) => name.test(one.metadata!.name!)).length;

test.each(["a.io/v1", "a.io/v2"])(
  "what a custom resource owns goes with it, also when it was named as %s",
  async (apiVersion) => {
    const { uid = "" } = (await widget("w")).metadata!;
    const ownerReferences = [{ apiVersion, kind: "Widget", name: "w", uid }];
    await cluster.client.create(ConfigMap, {
      metadata: { name: "child", namespace: "default", ownerReferences },
    });
    const children = () => count(ConfigMap as unknown as Kind, "default", /child/);
    await cluster.clock.advance(60_000);
    expect(await children()).toBe(1);
    await cluster.client.delete(kind, { namespace: "default", name: "w" });
    await cluster.until(async () => (await children()) === 0);
  },
);

test("a custom resource goes with its owner, in the foreground too", async () => {
  const owner = await cluster.client.create(ConfigMap, { metadata: { name: "owner", namespace: "default" } });
  const ownerReferences = [
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      name: "owner",
      uid: owner.metadata!.uid!,
      blockOwnerDeletion: true,
    },
  ];
  await cluster.client.create(kind, { metadata: { name: "w", namespace: "default", ownerReferences } });
  await cluster.clock.advance(1_000);
  await cluster.client.delete(
    ConfigMap,
    { namespace: "default", name: "owner" },
    { propagationPolicy: "Foreground" },
  );
  await cluster.until(async () => (await count(ConfigMap as unknown as Kind, "default", /^owner$/)) === 0);
  expect(await count(kind, "default", /w/)).toBe(0);
});

test("a namespace that goes takes its custom resources along", async () => {
  await cluster.client.create(Namespace, { metadata: { name: "ns" } });
  await widget("w", "ns");
  await cluster.client.delete(Namespace, { name: "ns" });
  await cluster.until(async () =>
    (await cluster.client.list(Namespace)).items.every(({ metadata }) => metadata!.name !== "ns"),
  );
  expect(await count(kind, "ns", /w/)).toBe(0);
});

test("once the definition is gone nobody asks for its kind any more", async () => {
  await widget("w");
  await cluster.client.delete(CustomResourceDefinition, { name: "widgets.a.io" });
  await cluster.clock.advance(5_000);
  cluster.lines.length = 0;
  await cluster.clock.advance(300_000);
  expect(cluster.lines.filter((line) => line.includes("widgets"))).toEqual([]);
});
