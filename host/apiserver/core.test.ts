import { beforeEach, describe, expect, test } from "vitest";
import type { V1ConfigMap, V1Pod, V1Service } from "../api/generated/types.ts";
import { ConfigMap, Namespace, Pod, Service, ServiceAccount } from "../api/registry.ts";
import { VirtualClock } from "../apimachinery/clock.ts";
import { ApiError } from "../apimachinery/errors.ts";
import { silentLogger } from "../apimachinery/log.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { seededRandom } from "../apimachinery/random.ts";
import type { Client, WatchOptions } from "../client/client.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { createApiCore } from "./core.ts";

let clock: VirtualClock;
let client: Client;

beforeEach(async () => {
  clock = new VirtualClock();
  const store = createMemoryStore({ clock });
  const core = await createApiCore({ store, clock, random: seededRandom(7), log: silentLogger });
  client = core.client("test");
  await client.create(ServiceAccount, { metadata: { name: "default", namespace: "default" } });
});

const configMap = (name: string, data: Record<string, string> = {}, labels?: Record<string, string>) =>
  ({ metadata: { name, namespace: "default", labels }, data }) satisfies V1ConfigMap;

const at = (name: string) => ({ namespace: "default", name });

const pod = (name: string, nodeName?: string): V1Pod => ({
  metadata: { name, namespace: "default" },
  spec: { nodeName, containers: [{ name: "c", image: "nginx" }] },
});

/** What a failing call was told: code, reason and message. */
async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ApiError) return `${error.code} ${error.reason}: ${error.message}`;
    throw error;
  }
  return "accepted";
}

/** Records a watch as `ADDED a`, `MODIFIED a 12`, … */
function record(options: WatchOptions) {
  const seen: string[] = [];
  const objects: KubernetesObject[] = [];
  const stream = client.watch(ConfigMap, options, {
    onEvent: (type, object) => {
      seen.push(`${type} ${object.metadata?.name ?? object.metadata?.resourceVersion}`);
      objects.push(object);
    },
    onEnd: (error) => seen.push(`END ${error?.message ?? ""}`.trim()),
  });
  return { seen, objects, stream };
}

describe("create and get", () => {
  test("gives uid, time and revision, and hands out the same frozen object", async () => {
    const created = await client.create(ConfigMap, configMap("a", { k: "v" }));
    const { uid, creationTimestamp, resourceVersion } = created.metadata ?? {};
    expect(uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
    expect(creationTimestamp).toBe("2026-01-01T00:00:00Z");
    expect(Number(resourceVersion)).toBeGreaterThan(1);
    expect(await client.get(ConfigMap, at("a"))).toBe(created);
    expect(Object.isFrozen(created.data)).toBe(true);
  });

  test("generates names and retries nothing that is not a collision", async () => {
    const one = await client.create(ConfigMap, { metadata: { generateName: "x-", namespace: "default" } });
    expect(one.metadata?.name).toMatch(/^x-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(one.metadata?.generateName).toBe("x-");
  });

  test("a dry run stores nothing", async () => {
    const made = await client.create(ConfigMap, configMap("dry"), { dryRun: true });
    expect(made.metadata?.resourceVersion).toBeUndefined();
    expect(await refusal(client.get(ConfigMap, at("dry")))).toMatch(/^404/);
  });

  test("a created pod carries what admission gives it", async () => {
    const { spec } = await client.create(Pod, pod("p"));
    expect(spec).toMatchObject({
      serviceAccountName: "default",
      serviceAccount: "default",
      priority: 0,
      preemptionPolicy: "PreemptLowerPriority",
      enableServiceLinks: true,
      tolerations: [
        {
          key: "node.kubernetes.io/not-ready",
          operator: "Exists",
          effect: "NoExecute",
          tolerationSeconds: 300,
        },
        {
          key: "node.kubernetes.io/unreachable",
          operator: "Exists",
          effect: "NoExecute",
          tolerationSeconds: 300,
        },
      ],
    });
    expect(spec?.volumes?.[0]?.name).toMatch(/^kube-api-access-/);
    expect(spec?.containers[0]?.volumeMounts?.[0]?.mountPath).toBe(
      "/var/run/secrets/kubernetes.io/serviceaccount",
    );
  });

  test.each([
    {
      name: "a taken name",
      object: configMap("dup"),
      says: '409 AlreadyExists: configmaps "dup" already exists',
    },
    {
      name: "a missing namespace",
      object: { metadata: { name: "a", namespace: "no" } },
      says: '404 NotFound: namespaces "no" not found',
    },
    {
      name: "no name",
      object: { metadata: { namespace: "default" } },
      says: '422 Invalid: ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    },
    {
      name: "a revision",
      object: { metadata: { name: "a", namespace: "default", resourceVersion: "1" } },
      says: "500 : resourceVersion should not be set on objects to be created",
    },
  ])("refuses $name", async ({ object, says }) => {
    await client.create(ConfigMap, configMap("dup"));
    expect(await refusal(client.create(ConfigMap, object))).toBe(says);
  });
});

describe("update and patch", () => {
  test("a stale revision conflicts, an equal object writes nothing", async () => {
    const first = await client.create(ConfigMap, configMap("a", { k: "1" }));
    const second = await client.update(ConfigMap, { ...first, data: { k: "2" } });
    expect(await refusal(client.update(ConfigMap, { ...first, data: { k: "3" } }))).toBe(
      '409 Conflict: Operation cannot be fulfilled on configmaps "a": the object has been modified; ' +
        "please apply your changes to the latest version and try again",
    );
    const again = await client.update(ConfigMap, { ...second });
    expect(again.metadata?.resourceVersion).toBe(second.metadata?.resourceVersion);
  });

  test.each([
    { type: "merge" as const, body: { data: { k: "2", gone: null } } },
    { type: "strategic" as const, body: { data: { k: "2", gone: null } } },
    {
      type: "json" as const,
      body: [
        { op: "replace", path: "/data/k", value: "2" },
        { op: "remove", path: "/data/gone" },
      ],
    },
  ])("a $type patch", async (patch) => {
    await client.create(ConfigMap, configMap("a", { k: "1", gone: "x" }));
    const patched = await client.patch(ConfigMap, at("a"), patch);
    expect(patched.data).toEqual({ k: "2" });
  });

  test("many patches at once all arrive", async () => {
    await client.create(ConfigMap, configMap("a"));
    const keys = Array.from({ length: 5 }, (_, index) => `k${index}`);
    await Promise.all(
      keys.map((key) => client.patch(ConfigMap, at("a"), { type: "merge", body: { data: { [key]: "1" } } })),
    );
    expect(Object.keys((await client.get(ConfigMap, at("a"))).data ?? {})).toEqual(keys);
  });

  test("status keeps the rest, the rest keeps status", async () => {
    const created = await client.create(Pod, pod("p", "n1"));
    const running = { ...created, spec: undefined, status: { phase: "Running" } };
    const updated = await client.update(Pod, running as unknown as V1Pod, { subresource: "status" });
    expect(updated.status?.phase).toBe("Running");
    expect(updated.spec).toEqual(created.spec);
    const labelled = await client.patch(Pod, at("p"), {
      type: "merge",
      body: { metadata: { labels: { a: "b" } }, status: { phase: "Failed" } },
    });
    expect(labelled.status?.phase).toBe("Running");
    expect(labelled.metadata?.labels).toEqual({ a: "b" });
  });
});

describe("delete", () => {
  test("a plain object goes at once and is named in the answer", async () => {
    const created = await client.create(ConfigMap, configMap("a"));
    expect(await client.delete(ConfigMap, at("a"))).toMatchObject({
      kind: "Status",
      status: "Success",
      details: { name: "a", kind: "configmaps", uid: created.metadata?.uid },
    });
    expect(await refusal(client.get(ConfigMap, at("a")))).toBe('404 NotFound: configmaps "a" not found');
  });

  test("finalizers hold an object until the last one is removed", async () => {
    await client.create(ConfigMap, { metadata: { name: "a", namespace: "default", finalizers: ["x.io/y"] } });
    const marked = (await client.delete(ConfigMap, at("a"))) as V1ConfigMap;
    expect(marked.metadata).toMatchObject({
      deletionTimestamp: "2026-01-01T00:00:00Z",
      deletionGracePeriodSeconds: 0,
    });
    const again = (await client.delete(ConfigMap, at("a"))) as V1ConfigMap;
    expect(again.metadata?.resourceVersion).toBe(marked.metadata?.resourceVersion);
    await client.patch(ConfigMap, at("a"), { type: "merge", body: { metadata: { finalizers: null } } });
    expect(await refusal(client.get(ConfigMap, at("a")))).toMatch(/^404/);
  });

  // A delete is written "grace": the seconds asked for; wants says how long the pod has, or that it is gone.
  test.each([
    { name: "a waiting pod goes at once", node: undefined, graces: [undefined], wants: "gone" },
    { name: "a placed pod has its grace", node: "n1", graces: [undefined], wants: "30" },
    { name: "asked grace", node: "n1", graces: [5], wants: "5" },
    { name: "a second delete shortens", node: "n1", graces: [undefined, 3], wants: "3" },
    { name: "but never lengthens", node: "n1", graces: [5, 60], wants: "5" },
    { name: "zero removes", node: "n1", graces: [undefined, 0], wants: "gone" },
  ])("pods: $name", async ({ node, graces, wants }) => {
    await client.create(Pod, pod("p", node));
    for (const gracePeriodSeconds of graces) await client.delete(Pod, at("p"), { gracePeriodSeconds });
    const left = await client.get(Pod, at("p")).catch(() => undefined);
    expect(left === undefined ? "gone" : String(left.metadata?.deletionGracePeriodSeconds)).toBe(wants);
  });

  test("preconditions and policies", async () => {
    const { metadata } = await client.create(ConfigMap, configMap("a"));
    expect(await refusal(client.delete(ConfigMap, at("a"), { preconditions: { uid: "other" } }))).toBe(
      `409 Conflict: Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (other) does not ` +
        `match the UID in record (${metadata?.uid}). The object might have been deleted and then recreated`,
    );
    const marked = (await client.delete(ConfigMap, at("a"), {
      propagationPolicy: "Foreground",
    })) as V1ConfigMap;
    expect(marked.metadata?.finalizers).toEqual(["foregroundDeletion"]);
  });

  test("a namespace terminates, refuses newcomers, and goes when finalized", async () => {
    await client.create(Namespace, { metadata: { name: "w" } });
    const going = (await client.delete(Namespace, { name: "w" })) as { status?: { phase?: string } };
    expect(going.status?.phase).toBe("Terminating");
    expect(await refusal(client.create(ConfigMap, { metadata: { name: "late", namespace: "w" } }))).toContain(
      "unable to create new content in namespace w because it is being terminated",
    );
    const live = await client.get(Namespace, { name: "w" });
    await client.update(Namespace, { ...live, spec: { finalizers: [] } }, {
      subresource: "finalize",
    } as never);
    expect(await refusal(client.get(Namespace, { name: "w" }))).toMatch(/^404/);
    expect(await refusal(client.delete(Namespace, { name: "default" }))).toBe(
      '403 Forbidden: namespaces "default" is forbidden: this namespace may not be deleted',
    );
  });
});

describe("list", () => {
  beforeEach(async () => {
    for (const name of ["a", "b", "c", "d", "e"]) {
      await client.create(ConfigMap, configMap(name, {}, { odd: String("ace".includes(name)) }));
    }
  });

  test("pages are of one moment", async () => {
    const names: string[] = [];
    let token: string | undefined;
    do {
      const page = await client.list(ConfigMap, { namespace: "default", limit: 2, continue: token });
      names.push(page.items.map((item) => item.metadata?.name).join(""));
      if (token === undefined) await client.create(ConfigMap, configMap("bb"));
      token = page.metadata.continue;
    } while (token);
    expect(names).toEqual(["ab", "cd", "e"]);
  });

  test("selectors", async () => {
    const listed = async (options: object) =>
      (await client.list(ConfigMap, { namespace: "default", ...options })).items
        .map((item) => item.metadata?.name)
        .join("");
    expect(await listed({ labelSelector: "odd=true" })).toBe("ace");
    expect(await listed({ labelSelector: "odd!=true", limit: 1 })).toBe("b");
    expect(await listed({ fieldSelector: "metadata.name=c" })).toBe("c");
    expect(await refusal(client.list(ConfigMap, { fieldSelector: "spec.foo=1" }))).toBe(
      '400 BadRequest: "spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"',
    );
  });
});

describe("watch", () => {
  test("state first, then changes, with selector transitions", async () => {
    await client.create(ConfigMap, configMap("a", {}, { on: "1" }));
    await client.create(ConfigMap, configMap("b"));
    const { seen, objects } = record({ namespace: "default", labelSelector: "on=1" });
    await clock.advance(0);
    const label = (name: string, on: string | null) =>
      client.patch(ConfigMap, at(name), { type: "merge", body: { metadata: { labels: { on } } } });
    await label("b", "1");
    await client.patch(ConfigMap, at("b"), { type: "merge", body: { data: { k: "v" } } });
    const moved = await label("a", null);
    await client.delete(ConfigMap, at("b"));
    await clock.advance(0);
    expect(seen).toEqual(["ADDED a", "ADDED b", "MODIFIED b", "DELETED a", "DELETED b"]);
    expect(objects[3]?.metadata).toMatchObject({
      labels: { on: "1" },
      resourceVersion: moved.metadata?.resourceVersion,
    });
  });

  test("from a revision, with bookmarks every minute and an end", async () => {
    const { metadata } = await client.create(ConfigMap, configMap("a"));
    await client.create(ConfigMap, configMap("b"));
    const { seen } = record({
      resourceVersion: metadata?.resourceVersion,
      bookmarks: true,
      timeoutSeconds: 100,
    });
    await clock.advance(61_000);
    expect(seen[0]).toBe("ADDED b");
    expect(seen[1]).toMatch(/^BOOKMARK \d+/);
    await clock.advance(40_000);
    expect(seen.at(-1)).toBe("END");
  });

  test("a cancelled watch is silent", async () => {
    const { seen, stream } = record({ namespace: "default" });
    await clock.advance(0);
    stream.cancel();
    await client.create(ConfigMap, configMap("a"));
    await clock.advance(0);
    expect(seen).toEqual([]);
  });
});

describe("subresources", () => {
  test("a binding places a pod once", async () => {
    await client.create(Pod, pod("p"));
    const bind = (node: string) =>
      client.createSubresource(Pod as never, at("p"), "binding", {
        apiVersion: "v1",
        kind: "Binding",
        metadata: { name: "p" },
        target: { kind: "Node", name: node },
      } as KubernetesObject);
    expect(await bind("n1")).toMatchObject({ status: "Success", code: 201 });
    const bound = await client.get(Pod, at("p"));
    expect(bound.spec?.nodeName).toBe("n1");
    expect(bound.status?.conditions?.find((one) => one.type === "PodScheduled")?.status).toBe("True");
    expect(await refusal(bind("n2"))).toBe(
      '409 Conflict: Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"',
    );
  });
});

describe("service addresses", () => {
  const service = (name: string, spec: object): V1Service => ({
    metadata: { name, namespace: "default" },
    spec: { ports: [{ port: 80 }], selector: { app: "a" }, ...spec },
  });

  test("are given out from the dynamic band, and one address once", async () => {
    const { spec } = await client.create(Service, service("a", {}));
    expect(spec?.clusterIP).toMatch(/^10\.(9[6-9]|10\d|11[01])\./);
    expect(spec?.clusterIPs).toEqual([spec?.clusterIP]);
    expect(spec).toMatchObject({ ipFamilies: ["IPv4"], ipFamilyPolicy: "SingleStack" });
    expect(await refusal(client.create(Service, service("b", { clusterIP: spec?.clusterIP })))).toContain(
      "provided IP is already allocated",
    );
    await client.delete(Service, at("a"));
    expect(await refusal(client.create(Service, service("b", { clusterIP: spec?.clusterIP })))).toBe(
      "accepted",
    );
  });

  test("node ports are unique and kept by an update that does not name them", async () => {
    const ports = [{ port: 80, nodePort: 30080 }];
    const made = await client.create(Service, service("a", { type: "NodePort", ports }));
    expect(made.spec?.ports?.[0]?.nodePort).toBe(30080);
    expect(await refusal(client.create(Service, service("b", { type: "NodePort", ports })))).toBe(
      '422 Invalid: Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
    );
    const kept = await client.update(Service, service("a", { type: "NodePort" }));
    expect(kept.spec?.ports?.[0]?.nodePort).toBe(30080);
    expect(kept.spec?.clusterIP).toBe(made.spec?.clusterIP);
    expect(
      await refusal(client.update(Service, service("a", { type: "NodePort", clusterIP: "10.96.7.7" }))),
    ).toBe(
      '422 Invalid: Service "a" is invalid: spec.clusterIPs[0]: Invalid value: ["10.96.7.7"]: may not change once set',
    );
    const plain = await client.update(Service, service("a", {}));
    expect(plain.spec?.ports?.[0]?.nodePort).toBeUndefined();
    expect(await refusal(client.create(Service, service("b", { type: "NodePort", ports })))).toBe("accepted");
  });
});
