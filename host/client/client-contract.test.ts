import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ConfigMap, Namespace, Node, Pod, ServiceAccount } from "../api/core-kinds.ts";
import type { V1ConfigMap, V1Pod } from "../api/generated/types.ts";
import { ReplicaSet } from "../api/workload-kinds.ts";
import { SystemClock } from "../apimachinery/clock.ts";
import { ApiError } from "../apimachinery/errors.ts";
import { silentLogger } from "../apimachinery/log.ts";
import { seededRandom } from "../apimachinery/random.ts";
import { type ApiServer, createApiServer } from "../apiserver/server.ts";
import { ensurePki } from "../security/pki.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import type { Client, WatchOptions } from "./client.ts";
import { createHttpClient, type HttpClient } from "./http-client.ts";

let server: ApiServer;
let http: HttpClient;
let namespaces = 0;

const clock = new SystemClock();
const pki = await ensurePki({ nowMs: clock.nowMs() });

async function startServer(port: number, store = createMemoryStore({})): Promise<ApiServer> {
  const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };
  return createApiServer({ store, clock, random: seededRandom(3), log: silentLogger, port, tls });
}

beforeAll(async () => {
  server = await startServer(0);
  const { cert, key } = pki.admin;
  http = createHttpClient({ server: server.url, ca: pki.caCert, cert, key });
});

afterAll(async () => {
  http.close();
  await server.stop();
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

describe.each([
  { transport: "in-process", open: (): Client => server.client("contract") },
  { transport: "HTTP", open: (): Client => http },
])("Client, $transport", ({ open }) => {
  let client: Client;
  let namespace: string;

  beforeEach(async () => {
    client = open();
    namespace = `n${++namespaces}`;
    await client.create(Namespace, { metadata: { name: namespace } });
  });

  const map = (name: string, value = "1", labels?: Record<string, string>): V1ConfigMap => ({
    metadata: { namespace, name, labels },
    data: { value },
  });
  const at = (name: string) => ({ namespace, name });
  const names = (items: readonly { metadata?: { name?: string } }[]) =>
    items.map((one) => one.metadata?.name);

  test("creates, gets, updates and deletes", async () => {
    const made = await client.create(ConfigMap, map("a"));
    expect(made.metadata?.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(await client.get(ConfigMap, at("a"))).toEqual(made);
    const changed = await client.update(ConfigMap, { ...made, data: { value: "2" } });
    expect(Number(changed.metadata?.resourceVersion)).toBeGreaterThan(Number(made.metadata?.resourceVersion));
    const gone = await client.delete(ConfigMap, at("a"));
    expect(gone).toMatchObject({
      kind: "Status",
      status: "Success",
      details: { name: "a", kind: "configmaps", uid: made.metadata?.uid },
    });
  });

  test("a dry run changes nothing", async () => {
    expect((await client.create(ConfigMap, map("a"), { dryRun: true })).metadata?.name).toBe("a");
    expect(await refusal(client.get(ConfigMap, at("a")))).toContain("404");
    await client.create(ConfigMap, map("a"));
    await client.delete(ConfigMap, at("a"), { dryRun: true });
    expect((await client.get(ConfigMap, at("a"))).data).toEqual({ value: "1" });
  });

  test("refuses in Kubernetes' words", async () => {
    const made = await client.create(ConfigMap, map("a"));
    const stale = { ...made, metadata: { ...made.metadata, resourceVersion: "1" } };
    const other = { uid: "other" };
    expect([
      await refusal(client.get(ConfigMap, at("b"))),
      await refusal(client.create(ConfigMap, map("a"))),
      await refusal(client.update(ConfigMap, stale)),
      await refusal(client.create(ConfigMap, map("Not a name"))).then((text) => text.slice(0, 74)),
      await refusal(client.delete(ConfigMap, at("a"), { preconditions: other })).then((text) =>
        text.slice(0, 12),
      ),
    ]).toEqual([
      '404 NotFound: configmaps "b" not found',
      '409 AlreadyExists: configmaps "a" already exists',
      '409 Conflict: Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
      '422 Invalid: ConfigMap "Not a name" is invalid: metadata.name: Invalid val',
      "409 Conflict",
    ]);
  });

  test.each([
    { type: "json", body: [{ op: "replace", path: "/data/value", value: "9" }] },
    { type: "merge", body: { data: { value: "9" } } },
    { type: "strategic", body: { data: { value: "9" } } },
  ] as const)("patches: $type", async (patch) => {
    await client.create(ConfigMap, map("a"));
    expect((await client.patch(ConfigMap, at("a"), patch)).data).toEqual({ value: "9" });
  });

  test("lists by label and field, and page by page", async () => {
    for (const name of ["a", "b", "c"])
      await client.create(ConfigMap, map(name, "1", { odd: String(name !== "b") }));
    const byLabel = await client.list(ConfigMap, { namespace, labelSelector: "odd=true" });
    const byField = await client.list(ConfigMap, { namespace, fieldSelector: "metadata.name=b" });
    const first = await client.list(ConfigMap, { namespace, limit: 2 });
    const rest = await client.list(ConfigMap, { namespace, limit: 2, continue: first.metadata.continue });
    expect([byLabel, byField, first, rest].map(({ items }) => names(items))).toEqual([
      ["a", "c"],
      ["b"],
      ["a", "b"],
      ["c"],
    ]);
    expect(rest.metadata.continue).toBeUndefined();
  });

  test("deletes a collection by label", async () => {
    for (const name of ["a", "b"]) await client.create(ConfigMap, map(name, "1", { name }));
    await client.deleteCollection(ConfigMap, { namespace, labelSelector: "name=a" });
    expect(names((await client.list(ConfigMap, { namespace })).items)).toEqual(["b"]);
  });

  test("writes a status apart from the rest", async () => {
    await client.create(ReplicaSet, {
      metadata: { namespace, name: "r" },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: "r" } },
        template: { metadata: { labels: { app: "r" } }, spec: { containers: [{ name: "c", image: "i" }] } },
      },
    });
    const set = await client.get(ReplicaSet, at("r"));
    const both = { ...set, spec: { ...set.spec!, replicas: 5 }, status: { replicas: 1 } };
    const written = await client.update(ReplicaSet, both, { subresource: "status" });
    expect([written.spec?.replicas, written.status?.replicas]).toEqual([1, 1]);
    const body = { status: { replicas: 2 } };
    const patched = await client.patch(
      ReplicaSet,
      at("r"),
      { type: "merge", body },
      { subresource: "status" },
    );
    expect(patched.status?.replicas).toBe(2);
  });

  test("binds a pod, which then is deleted gracefully", async () => {
    await client.create(ServiceAccount, { metadata: { namespace, name: "default" } });
    const pod: V1Pod = {
      metadata: { namespace, name: "p" },
      spec: { containers: [{ name: "c", image: "i" }] },
    };
    await client.create(Pod, pod);
    const binding = {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { namespace, name: "p" },
      target: { kind: "Node", name: "n1" },
    };
    expect(await client.createSubresource(Pod, at("p"), "binding", binding)).toMatchObject({
      status: "Success",
    });
    expect((await client.get(Pod, at("p"))).spec?.nodeName).toBe("n1");
    const leaving = (await client.delete(Pod, at("p"), { gracePeriodSeconds: 7 })) as V1Pod;
    expect([leaving.kind ?? "Pod", leaving.metadata?.deletionGracePeriodSeconds]).toEqual(["Pod", 7]);
    await client.delete(Pod, at("p"), { gracePeriodSeconds: 0 });
    expect(await refusal(client.get(Pod, at("p")))).toContain("404 NotFound");
  });

  test("a cluster-scoped kind has no namespace", async () => {
    const node = await client.create(Node, { metadata: { name: `node-${namespace}` } });
    expect((await client.get(Node, { name: `node-${namespace}` })).metadata?.uid).toBe(node.metadata?.uid);
    await client.delete(Node, { name: `node-${namespace}` });
  });

  /** Records a watch; `until(n)` resolves when n lines are there. */
  function record(options: WatchOptions) {
    const lines: string[] = [];
    let wake = () => {};
    const stream = client.watch(ConfigMap, options, {
      onEvent: (type, object) => {
        lines.push(`${type} ${object.metadata?.name ?? ""}`.trim());
        wake();
      },
      onEnd: (error) => {
        lines.push(`END ${error instanceof ApiError ? error.reason : (error?.message ?? "")}`.trim());
        wake();
      },
    });
    const until = async (count: number) => {
      while (lines.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return lines;
    };
    return { until, lines, cancel: () => stream.cancel() };
  }

  test("watches from a revision on, in order", async () => {
    const { metadata } = await client.create(ConfigMap, map("a"));
    const watching = record({ namespace, resourceVersion: metadata?.resourceVersion });
    await client.create(ConfigMap, map("b"));
    await client.patch(ConfigMap, at("a"), { type: "merge", body: { data: { value: "2" } } });
    await client.delete(ConfigMap, at("b"));
    expect(await watching.until(3)).toEqual(["ADDED b", "MODIFIED a", "DELETED b"]);
    watching.cancel();
  });

  test("a watch without a revision begins with what is there; one by label sees objects come and go", async () => {
    await client.create(ConfigMap, map("a", "1", { on: "yes" }));
    const watching = record({ namespace, labelSelector: "on=yes" });
    await watching.until(1);
    await client.create(ConfigMap, map("b", "1", { on: "yes" }));
    await client.patch(ConfigMap, at("a"), { type: "merge", body: { metadata: { labels: { on: "no" } } } });
    expect(await watching.until(3)).toEqual(["ADDED a", "ADDED b", "DELETED a"]);
    watching.cancel();
  });

  test("a watch with a time limit ends by itself, and without an error", async () => {
    const { metadata } = await client.list(ConfigMap, { namespace });
    const watching = record({ namespace, resourceVersion: metadata.resourceVersion, timeoutSeconds: 1 });
    expect(await watching.until(1)).toEqual(["END"]);
  });

  test("a cancelled watch says nothing more", async () => {
    const watching = record({ namespace });
    await client.create(ConfigMap, map("a"));
    await watching.until(1);
    watching.cancel();
    await client.create(ConfigMap, map("b"));
    await client.list(ConfigMap, { namespace });
    expect(watching.lines).toEqual(["ADDED a"]);
  });
});

describe("HTTP client", () => {
  test("without a certificate of ours it is told 401", async () => {
    const stranger = createHttpClient({ server: server.url, ca: pki.caCert });
    expect(await refusal(stranger.list(ConfigMap))).toBe("401 Unauthorized: Unauthorized");
    stranger.close();
  });

  test("a server that is not there is ServiceUnavailable, for a watch at its end", async () => {
    const lost = createHttpClient({ server: "https://127.0.0.1:1", ca: pki.caCert });
    expect(await refusal(lost.list(ConfigMap))).toMatch(/^503 ServiceUnavailable: .*ECONNREFUSED/);
    const end = await new Promise<Error | undefined>((onEnd) => {
      lost.watch(ConfigMap, {}, { onEvent: () => {}, onEnd });
    });
    expect(end).toMatchObject({ reason: "ServiceUnavailable" });
    lost.close();
  });

  test("it connects again to a server that was restarted", async () => {
    const store = createMemoryStore({});
    const first = await startServer(0, store);
    const client = createHttpClient({ server: first.url, ca: pki.caCert, ...pki.admin });
    const watchEnded = new Promise((resolve) => {
      client.watch(ConfigMap, { timeoutSeconds: 60 }, { onEvent: () => {}, onEnd: resolve });
    });
    expect((await client.list(Namespace)).items.length).toBeGreaterThan(0);
    await first.stop();
    await watchEnded;
    expect(await refusal(client.list(Namespace))).toContain("503 ServiceUnavailable");
    const second = await startServer(first.port, createMemoryStore({}));
    expect((await client.list(Namespace)).items.length).toBeGreaterThan(0);
    client.close();
    await second.stop();
  });
});
