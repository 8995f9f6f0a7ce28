import { connect as connectHttp2 } from "node:http2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfigMap, ServiceAccount } from "../api/registry.ts";
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

const pki = ensurePki({ nowMs: Date.now() });
const stranger = ensurePki({ nowMs: Date.now() }).admin;
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
const json = { "content-type": "application/json" };
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

  test.each(["/livez", "/readyz", "/healthz", "/version", "/healthz/ping"])(
    "%s is for everybody",
    async (path) => {
      expect((await askHttp2(server, pki.caCert, { path })).code).toBe(200);
    },
  );
});

// An ask is written as a request; says is the Status's code, reason and message.
const REFUSALS: { name: string; asked: Asked; says: string }[] = [
  {
    name: "broken JSON",
    asked: { method: "POST", path: maps, body: "{bad" },
    says: "400 BadRequest the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: invalid character 'b' looking for beginning of object key string ({bad)",
  },
  {
    name: "an empty body",
    asked: { method: "POST", path: maps, headers: json },
    says: "400 BadRequest the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)",
  },
  {
    name: "another kind",
    asked: { method: "POST", path: maps, body: '{"apiVersion":"v1","kind":"Secret"}' },
    says: '400 BadRequest Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion',
  },
  {
    name: "another version",
    asked: { method: "POST", path: maps, body: '{"apiVersion":"v2","kind":"ConfigMap"}' },
    says: '400 BadRequest ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v2" in scheme "pkg/api/legacyscheme/scheme.go:30"',
  },
  {
    name: "a wrong type",
    asked: { method: "POST", path: maps, body: configMap({ data: 7 }) },
    says: '400 BadRequest ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type map[string]string',
  },
  {
    name: "an unknown field, strictly",
    asked: {
      method: "POST",
      path: `${maps}?fieldValidation=Strict`,
      body: configMap({ metadata: { name: "x" }, foo: 1 }),
    },
    says: '400 BadRequest ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "foo"',
  },
  {
    name: "a field given twice, strictly",
    asked: {
      method: "POST",
      path: `${maps}?fieldValidation=Strict`,
      body: '{"metadata":{"name":"x"},"data":{"a":"1","a":"2"}}',
    },
    says: '400 BadRequest ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data.a"',
  },
  {
    name: "another namespace",
    asked: { method: "POST", path: maps, body: configMap({ metadata: { name: "x", namespace: "y" } }) },
    says: "400 BadRequest the namespace of the provided object does not match the namespace sent on the request",
  },
  {
    name: "a name against the rules",
    asked: { method: "POST", path: maps, body: configMap({ metadata: { name: "X_" } }) },
    says: `422 Invalid ConfigMap "X_" is invalid: metadata.name: Invalid value: "X_": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
  },
  {
    name: "a taken name",
    asked: { method: "POST", path: maps, body: configMap({ metadata: { name: "here" } }) },
    says: '409 AlreadyExists configmaps "here" already exists',
  },
  {
    name: "another name than the URL's",
    asked: { method: "PUT", path: `${maps}/here`, body: configMap({ metadata: { name: "x" } }) },
    says: "400 BadRequest the name of the object (x) does not match the name on the URL (here)",
  },
  {
    name: "an old revision",
    asked: {
      method: "PUT",
      path: `${maps}/here`,
      body: configMap({ metadata: { name: "here", resourceVersion: "1" } }),
    },
    says: '409 Conflict Operation cannot be fulfilled on configmaps "here": the object has been modified; please apply your changes to the latest version and try again',
  },
  {
    name: "an absent object",
    asked: { path: `${maps}/x` },
    says: '404 NotFound configmaps "x" not found',
  },
  {
    name: "a missing namespace",
    asked: {
      method: "POST",
      path: "/api/v1/namespaces/no/configmaps",
      body: configMap({ metadata: { name: "x" } }),
    },
    says: '404 NotFound namespaces "no" not found',
  },
  {
    name: "an unknown resource",
    asked: { path: "/api/v1/foos" },
    says: "404 NotFound the server could not find the requested resource",
  },
  {
    name: "POST on an object",
    asked: { method: "POST", path: `${maps}/here`, body: "{}" },
    says: "405 MethodNotAllowed the server does not allow this method on the requested resource",
  },
  {
    name: "PATCH on a collection",
    asked: { method: "PATCH", path: maps, body: "{}" },
    says: "405 MethodNotAllowed the server does not allow this method on the requested resource",
  },
  {
    name: "HTML",
    asked: { path: `${maps}/here`, headers: { accept: "text/html" } },
    says: "406 NotAcceptable 406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch",
  },
  {
    name: "an unknown view",
    asked: { path: `${maps}/here`, headers: { accept: "application/json;as=Foo;v=v1;g=meta.k8s.io" } },
    says: "406 NotAcceptable only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf",
  },
  {
    name: "a body in XML",
    asked: { method: "POST", path: maps, headers: { "content-type": "text/xml" }, body: "<a/>" },
    says: "415 UnsupportedMediaType the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf",
  },
  {
    name: "a patch without its type",
    asked: { method: "PATCH", path: `${maps}/here`, headers: json, body: "{}" },
    says: "415 UnsupportedMediaType 415: Unsupported Media Type",
  },
  {
    name: "a JSON patch that is no list",
    asked: {
      method: "PATCH",
      path: `${maps}/here`,
      headers: { "content-type": "application/json-patch+json" },
      body: "{}",
    },
    says: "400 BadRequest error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
  },
  {
    name: "a JSON patch whose test fails",
    asked: {
      method: "PATCH",
      path: `${maps}/here`,
      headers: { "content-type": "application/json-patch+json" },
      body: '[{"op":"test","path":"/data/a","value":"z"}]',
    },
    says: "422 Invalid the server rejected our request due to an error in our request",
  },
  {
    name: "a revision that is no number",
    asked: { path: `${maps}?resourceVersion=abc` },
    says: '400 BadRequest invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax',
  },
  {
    name: "a match without a revision",
    asked: { path: `${maps}?resourceVersionMatch=Exact` },
    says: '422 Invalid ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
  },
  {
    name: "a limit that is no number",
    asked: { path: `${maps}?limit=abc` },
    says: '400 BadRequest strconv.ParseInt: parsing "abc": invalid syntax',
  },
  {
    name: "a label selector that does not parse",
    asked: { path: `${maps}?labelSelector=a%20b` },
    says: "400 BadRequest unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
  },
  {
    name: "an unknown field selector",
    asked: { path: `${maps}?fieldSelector=spec.foo%3D1` },
    says: '400 BadRequest "spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"',
  },
  {
    name: "an unknown dryRun",
    asked: { method: "POST", path: `${maps}?dryRun=foo`, body: configMap({ metadata: { name: "x" } }) },
    says: '422 Invalid CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["foo"]: supported values: "All"',
  },
  {
    name: "an unknown fieldValidation",
    asked: {
      method: "POST",
      path: `${maps}?fieldValidation=Foo`,
      body: configMap({ metadata: { name: "x" } }),
    },
    says: '422 Invalid CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Foo": supported values: "", "Ignore", "Strict", "Warn"',
  },
  {
    name: "an unknown propagation",
    asked: { method: "DELETE", path: `${maps}/here`, body: '{"propagationPolicy":"X"}' },
    says: '422 Invalid DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "X": supported values: "Foreground", "Background", "Orphan", "nil"',
  },
  {
    name: "a timeout that is none",
    asked: { path: `${maps}?timeout=abc` },
    says: '400 BadRequest invalid timeout specified in the request URL - time: invalid duration "abc"',
  },
  {
    name: "a body of 4 MiB",
    asked: { method: "POST", path: maps, headers: json, body: Buffer.alloc(4 * 1024 * 1024, " ") },
    says: "413 RequestEntityTooLarge Request entity too large: limit is 3145728",
  },
];

describe.each([
  { protocol: "HTTP/2", over: askHttp2 },
  { protocol: "HTTP/1.1", over: askHttp1 },
])("refusals over $protocol", ({ over }) => {
  test.each(REFUSALS)("$name", async ({ asked, says }) => {
    const answer = await over(server, pki.caCert, asked, pki.admin);
    const { code, reason, message, kind, status } = answer.json();
    expect(`${code} ${reason} ${message}`).toBe(says);
    expect([answer.code, kind, status]).toEqual([code, "Status", "Failure"]);
    expect(answer.headers["audit-id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.headers["cache-control"]).toBe("no-cache, private");
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
