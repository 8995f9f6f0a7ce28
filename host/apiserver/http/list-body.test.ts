import { type ClientHttp2Session, connect } from "node:http2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfigMap, Event } from "../../api/registry.ts";
import { SystemClock } from "../../apimachinery/clock.ts";
import { ensurePki } from "../../security/pki.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import type { ApiServer } from "../server.ts";
import { askHttp1, startServer } from "../server-fixture.ts";

let server: ApiServer;
let session: ClientHttp2Session;
let pki: Awaited<ReturnType<typeof ensurePki>>;
const OBJECTS = 3_000;
const maps = "/api/v1/namespaces/default/configmaps";

beforeAll(async () => {
  pki = await ensurePki({ nowMs: new SystemClock().nowMs() });
  const store = createMemoryStore();
  server = await startServer(store, {
    caCert: pki.caCert,
    cert: pki.serving.cert,
    key: pki.serving.key,
  });
  const client = server.client("test");
  const data = { text: "x".repeat(3_000) };
  for (let made = 0; made < OBJECTS; made += 500)
    await Promise.all(
      Array.from({ length: 500 }, (_, i) =>
        client.create(ConfigMap, {
          metadata: { name: `m-${made + i}`, namespace: "default", labels: { third: String(i % 3) } },
          data,
        }),
      ),
    );
  session = connect(server.url, { ca: pki.caCert, ...pki.admin });
  await answered("/version");
});

afterAll(async () => {
  session.destroy();
  await server.stop();
});

/** The whole answer over HTTP/2; `onStart` hears of its first bytes. */
function answered(path: string, headers: Record<string, string> = {}, onStart = () => {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":path": path, ...headers });
    const chunks: Buffer[] = [];
    stream.once("data", onStart);
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => resolve(Buffer.concat(chunks).toString()));
    stream.on("error", reject);
  });
}

interface List {
  readonly kind: string;
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly resourceVersion: string };
  }[];
  readonly rows: readonly { readonly cells: readonly unknown[] }[];
}

describe("a list of many slices", () => {
  test("a GET that comes while it is written is answered before its end", async () => {
    const order: string[] = [];
    let short: Promise<unknown> = Promise.resolve();
    const list = answered(maps, {}, () => {
      short = answered(`${maps}/m-1`).then(() => order.push("get"));
    }).then((text) => {
      order.push("list");
      return JSON.parse(text) as List;
    });
    expect((await list).items).toHaveLength(OBJECTS);
    await short;
    expect(order).toEqual(["get", "list"]);
  });

  const table = { accept: "application/json;as=Table;g=meta.k8s.io;v=v1" };
  const partial = { accept: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1" };
  test.each([
    { name: "objects", headers: {}, query: "", kind: "ConfigMapList", count: OBJECTS },
    {
      name: "what a selector finds",
      headers: {},
      query: "?labelSelector=third%3D1",
      kind: "ConfigMapList",
      count: 1_002,
    },
    { name: "one page", headers: {}, query: "?limit=700", kind: "ConfigMapList", count: 700 },
    { name: "metadata", headers: partial, query: "", kind: "PartialObjectMetadataList", count: OBJECTS },
    { name: "rows", headers: table, query: "", kind: "Table", count: OBJECTS },
    { name: "nothing", headers: {}, query: "?labelSelector=third%3D9", kind: "ConfigMapList", count: 0 },
    { name: "no rows", headers: table, query: "?labelSelector=third%3D9", kind: "Table", count: 0 },
    { name: "rows to the end of a slice", headers: table, query: "?limit=100", kind: "Table", count: 100 },
  ])("is whole: $name", async ({ headers, query, kind, count }) => {
    const list = JSON.parse(await answered(maps + query, headers)) as List;
    expect([list.kind, (list.items ?? list.rows).length]).toEqual([kind, count]);
    expect(list.metadata.resourceVersion).toMatch(/^\d+$/);
    const names = list.items?.map(({ metadata }) => metadata.name) ?? list.rows.map(({ cells }) => cells[0]);
    expect(new Set(names).size).toBe(count);
    for (const { metadata } of list.items ?? []) expect(metadata.resourceVersion).toMatch(/^\d+$/);
  });

  test("over HTTP/1.1, too, and HEAD has no body", async () => {
    const whole = await askHttp1(server, pki.caCert, { path: maps }, pki.admin);
    expect((whole.json() as unknown as List).items).toHaveLength(OBJECTS);
    const head = await askHttp1(server, pki.caCert, { method: "HEAD", path: maps }, pki.admin);
    expect([head.code, head.text]).toEqual([200, ""]);
  });

  test("a client that leaves in the middle is no trouble", async () => {
    await new Promise<void>((resolve) => {
      const stream = session.request({ ":path": maps });
      stream.once("data", () => stream.close());
      stream.on("close", resolve);
    });
    expect(await answered(`${maps}/m-2`)).toContain('"name":"m-2"');
  });
});

test("a kind stored as another version is listed as what was asked for", async () => {
  const name = "seen";
  await server.client("test").create(Event, {
    metadata: { name, namespace: "default" },
    involvedObject: { kind: "ConfigMap", name: "m-1", namespace: "default" },
    message: "it was seen",
    type: "Normal",
  });
  const path = "/apis/events.k8s.io/v1/namespaces/default/events";
  const { items } = JSON.parse(await answered(path)) as {
    items: { note: string; metadata: { name: string } }[];
  };
  expect(items.map(({ note, metadata }) => [metadata.name, note])).toEqual([[name, "it was seen"]]);
});
