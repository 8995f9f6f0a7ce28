import { connect as connectHttp2 } from "node:http2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfigMap, Deployment, ServiceAccount } from "../api/registry.ts";
import type { Client } from "../client/client.ts";
import { ensurePki } from "../security/pki.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import type { ApiServer } from "./server.ts";
import {
  type Answered,
  type Asked,
  askHttp1,
  askHttp2,
  type Identity,
  startServer,
} from "./server-fixture.ts";

const pki = await ensurePki({ nowMs: Date.now() });
const stranger = (await ensurePki({ nowMs: Date.now() })).admin;
const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };

let server: ApiServer;
let client: Client;

beforeAll(async () => {
  server = await startServer(createMemoryStore(), tls);
  client = server.client("test");
  await client.create(ServiceAccount, { metadata: { name: "default", namespace: "default" } });
  await client.create(ConfigMap, { metadata: { name: "here", namespace: "default" }, data: { a: "b" } });
});
afterAll(() => server.stop());

const ask = (asked: Asked, identity: Identity | undefined = pki.admin): Promise<Answered> =>
  askHttp2(server, pki.caCert, asked, identity);

const maps = "/api/v1/namespaces/default/configmaps";
const configMap = (fields: object) => JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", ...fields });

describe("who asks", () => {
  test.each([
    { name: "nobody, a resource", path: maps, identity: undefined, code: 401, message: "Unauthorized" },
    { name: "nobody, discovery", path: "/api", identity: undefined, code: 401, message: "Unauthorized" },
    { name: "a foreign authority", path: maps, identity: stranger, code: 401, message: "Unauthorized" },
  ])("$name is refused", async ({ path, identity, code, message }) => {
    const answer = await askHttp2(server, pki.caCert, { path }, identity);
    expect([answer.code, answer.json()["message"], answer.json()["reason"]]).toEqual([
      code,
      message,
      "Unauthorized",
    ]);
  });

  test("a wrong token is 401, never anonymous", async () => {
    const headers = { authorization: "Bearer nope" };
    const answer = await askHttp2(server, pki.caCert, { path: "/version", headers });
    expect(answer.code).toBe(401);
  });

  test.each(["/livez", "/readyz", "/healthz", "/version"])("%s is for everybody", async (path) => {
    expect((await askHttp2(server, pki.caCert, { path })).code).toBe(200);
  });
});

describe("answers", () => {
  test("an unknown group is a page not found", async () => {
    for (const path of ["/apis/no.such/v1/foos", "/nope", "/apis/no.such"]) {
      const answer = await ask({ path });
      expect([answer.code, answer.headers["content-type"], answer.text]).toEqual([
        404,
        "text/plain; charset=utf-8",
        "404 page not found\n",
      ]);
    }
  });

  // A request is written "METHOD path"; wants is the code.
  test.each([
    { asked: "GET /api/v1/%zz", code: 400 },
    { asked: "GET //api/v1/namespaces", code: 200 },
    { asked: "HEAD /api/v1/namespaces/default", code: 200 },
    { asked: "HEAD /api/v1/namespaces/none", code: 404 },
    { asked: "OPTIONS /api/v1/namespaces/default", code: 405 },
    { asked: "TRACE /api/v1/namespaces/default", code: 405 },
    { asked: `GET /api/v1/namespaces/${"n".repeat(5000)}`, code: 404 },
    { asked: "POST /api/v1/namespaces/default/pods/p/exec?command=ls", code: 404 },
    { asked: "GET /api/v1/namespaces/default/configmaps/here/nope", code: 404 },
    { asked: "GET /api/v1/namespaces/default/namespaces/x", code: 404 },
  ])("$code for $asked", async ({ asked, code }) => {
    const [method = "", path = ""] = asked.split(" ");
    for (const over of [askHttp1, askHttp2]) {
      const answer = await over(server, pki.caCert, { method, path }, pki.admin);
      expect(answer.code).toBe(code);
      if (method !== "HEAD" && code >= 400) expect(answer.json()).toMatchObject({ kind: "Status", code });
      if (method === "HEAD") expect(answer.text).toBe("");
    }
  });

  test("a body without Content-Type is JSON, and unknown fields are warned of", async () => {
    const body = configMap({ metadata: { name: "warned" }, foo: 1 });
    const answer = await ask({ method: "POST", path: maps, body });
    expect([answer.code, answer.headers["warning"]]).toEqual([201, '299 - "unknown field \\"foo\\""']);
    expect(answer.text.endsWith("}\n")).toBe(true);
  });

  test("YAML is read", async () => {
    const answer = await ask({
      method: "POST",
      path: maps,
      headers: { "content-type": "application/yaml" },
      body: "metadata:\n  name: from-yaml\ndata:\n  a: b\n",
    });
    expect(answer.json()).toMatchObject({ kind: "ConfigMap", apiVersion: "v1", data: { a: "b" } });
  });

  test("lists leave kind and apiVersion out of their items", async () => {
    const { kind, items } = (await ask({ path: maps })).json() as { kind: string; items: object[] };
    expect(kind).toBe("ConfigMapList");
    expect(items.length).toBeGreaterThan(0);
    expect(items.every((item) => !("kind" in item) && "metadata" in item)).toBe(true);
  });

  test("pages over the wire", async () => {
    const first = (await ask({ path: "/api/v1/namespaces?limit=3" })).json() as {
      metadata: { continue: string; remainingItemCount: number };
    };
    expect(first.metadata.remainingItemCount).toBe(1);
    const token = JSON.parse(Buffer.from(first.metadata.continue, "base64url").toString());
    expect(token).toMatchObject({ v: "meta.k8s.io/v1", start: "/kube-public\u0000" });
    const next = await ask({ path: `/api/v1/namespaces?limit=3&continue=${first.metadata.continue}` });
    const { items, metadata } = next.json() as { items: { metadata: { name: string } }[]; metadata: object };
    expect(items.map((item) => item.metadata.name)).toEqual(["kube-system"]);
    expect(metadata).not.toHaveProperty("continue");
  });

  test("a Table has every cell, and the object's metadata beside it", async () => {
    const headers = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" };
    const table = (await ask({ path: "/api/v1/namespaces/default", headers })).json() as {
      kind: string;
      columnDefinitions: { name: string }[];
      rows: { cells: unknown[]; object: { kind: string } }[];
    };
    expect(table.columnDefinitions.map(({ name }) => name)).toEqual(["Name", "Status", "Age"]);
    expect(table.rows[0]?.cells.slice(0, 2)).toEqual(["default", "Active"]);
    expect(table.rows[0]?.object.kind).toBe("PartialObjectMetadata");
  });

  test("a Scale has columns of its own", async () => {
    const labels = { app: "web" };
    await client.create(Deployment, {
      metadata: { name: "web", namespace: "default" },
      spec: {
        replicas: 3,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "nginx" }] } },
      },
    });
    const headers = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" };
    const path = "/apis/apps/v1/namespaces/default/deployments/web/scale";
    const table = (await ask({ path, headers })).json() as {
      columnDefinitions: { name: string }[];
      rows: { cells: unknown[] }[];
    };
    expect(table.columnDefinitions.map(({ name }) => name)).toEqual(["Name", "Desired", "Available", "Age"]);
    expect(table.rows[0]?.cells.slice(0, 3)).toEqual(["web", 3, 0]);
    const { metadata } = (await ask({ path })).json() as { metadata: { resourceVersion: string } };
    expect(Number(metadata.resourceVersion)).toBeGreaterThan(1);
  });

  test("JSON's type bears no charset", async () => {
    expect((await ask({ path: maps })).headers["content-type"]).toBe("application/json");
  });

  test("a body that was not read is answered over HTTP/2 without a warning of Node's", async () => {
    const warnings: string[] = [];
    const listen = (warning: Error) => warnings.push(warning.message);
    process.on("warning", listen);
    const body = `{"metadata":{"name":"${"n".repeat(4_000_000)}"}}`;
    const tooLarge = await ask({ method: "POST", path: maps, body });
    expect(tooLarge.code).toBe(413);
    process.off("warning", listen);
    expect(warnings).toEqual([]);
  });

  test("aggregated discovery is revalidated by its tag", async () => {
    const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    const first = await ask({ path: "/apis", headers: { accept } });
    expect(first.json()["kind"]).toBe("APIGroupDiscoveryList");
    const tag = String(first.headers["etag"]);
    expect(tag).toMatch(/^"[0-9A-F]{128}"$/);
    const again = await ask({ path: "/apis", headers: { accept, "if-none-match": tag } });
    expect([again.code, again.text]).toEqual([304, ""]);
  });

  test("the storage version hash is Kubernetes' own", async () => {
    const list = (await ask({ path: "/apis/apps/v1" })).json() as {
      resources: { name: string; storageVersionHash?: string }[];
    };
    const deployments = list.resources.find(({ name }) => name === "deployments");
    expect(deployments?.storageVersionHash).toBe("8aSe+NMegvE=");
  });

  test("PUT on a lease creates it", async () => {
    const path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l1";
    const body = JSON.stringify({ metadata: { name: "l1", resourceVersion: "5" }, spec: {} });
    expect((await ask({ method: "PUT", path, body })).code).toBe(201);
    const again = await ask({ method: "PUT", path, body: JSON.stringify({ metadata: { name: "l1" } }) });
    expect(again.json()["message"]).toBe(
      'leases.coordination.k8s.io "l1" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
    );
  });
});

describe("watch", () => {
  /** Collects lines until `count` are there, then lets go. */
  function follow(path: string, count: number, headers: Record<string, string> = {}) {
    const session = connectHttp2(server.url, { ca: pki.caCert, ...pki.admin });
    const stream = session.request({ ":path": path, ...headers });
    const opened = new Promise<number>((resolve) => {
      stream.on("response", (all) => resolve(Number(all[":status"])));
    });
    const lines = new Promise<{ type: string; object: Record<string, unknown> }[]>((resolve) => {
      let text = "";
      const done = () => {
        session.destroy();
        const whole = text.split("\n").filter(Boolean);
        resolve(whole.map((line) => JSON.parse(line)));
      };
      stream.on("data", (chunk: Buffer) => {
        text += chunk.toString("utf8");
        if (text.split("\n").length > count) done();
      });
      stream.on("end", done);
    });
    return { opened, lines };
  }

  const watchMaps = `${maps}?watch=true&fieldSelector=metadata.name%3Dwatched`;

  test("headers come before any event", async () => {
    const { opened, lines } = follow(`${watchMaps}&resourceVersion=1`, 1);
    expect(await opened).toBe(200);
    await client.create(ConfigMap, { metadata: { name: "watched", namespace: "default" } });
    expect((await lines).map(({ type, object }) => [type, object["kind"]])).toEqual([["ADDED", "ConfigMap"]]);
  });

  test("initial events end with their bookmark", async () => {
    const query = "allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true";
    const { lines } = follow(`${watchMaps}&${query}`, 2);
    const [added, bookmark] = await lines;
    expect(added?.type).toBe("ADDED");
    expect(bookmark).toMatchObject({
      type: "BOOKMARK",
      object: { kind: "ConfigMap", metadata: { annotations: { "k8s.io/initial-events-end": "true" } } },
    });
  });

  test("a watched Table names its columns once", async () => {
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    const { opened, lines } = follow(watchMaps, 2, { accept });
    await opened;
    await client.patch(
      ConfigMap,
      { namespace: "default", name: "watched" },
      { type: "merge", body: { data: { x: "y" } } },
    );
    const columns = (await lines).map(({ object }) => object["columnDefinitions"]);
    expect(columns).toEqual([expect.any(Array), null]);
  });

  test("ends after timeoutSeconds", async () => {
    const { lines } = follow(`${watchMaps}&timeoutSeconds=1`, 99);
    expect((await lines).map(({ type }) => type)).toEqual(["ADDED"]);
  });

  test("option mistakes are refused before the stream", async () => {
    const letters = await ask({ path: `${maps}?watch=true&timeoutSeconds=x` });
    expect(letters.json()["message"]).toBe('strconv.ParseInt: parsing "x": invalid syntax');
    const answer = await ask({ path: `${maps}?watch=true&sendInitialEvents=true` });
    expect(answer.json()["message"]).toBe(
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    );
  });
});

test("a revision that history has lost ends a watch with 410 in the stream", async () => {
  const store = createMemoryStore();
  const own = await startServer(store, tls);
  try {
    await own.client("test").create(ConfigMap, { metadata: { name: "a", namespace: "default" } });
    await store.compact(store.revision);
    const path = "/api/v1/configmaps?watch=true&resourceVersion=1";
    const answer = await askHttp2(own, pki.caCert, { path }, pki.admin);
    expect(JSON.parse(answer.text)).toMatchObject({
      type: "ERROR",
      object: { kind: "Status", code: 410, reason: "Expired" },
    });
    const list = await askHttp2(
      own,
      pki.caCert,
      { path: "/api/v1/configmaps?resourceVersion=1&resourceVersionMatch=Exact" },
      pki.admin,
    );
    expect(list.json()["message"]).toBe("The resourceVersion for the provided list is too old.");
  } finally {
    await own.stop();
  }
});
