import { ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import { join } from "node:path";
import type { Readable } from "node:stream";
import Fastify from "fastify";
import { open } from "lmdb";
import { ensurePki } from "../../host/security/pki.ts";

/**
 * The peer of the start-up and API server figures: Fastify, TLS with client certificates and LMDB, and no Kubernetes at
 * all: no validation, no admission, no revisions, no selectors. What this stack can do at most.
 * `node dist/bench/peers/bare-server.js FOLDER`; prints its URL.
 *
 *   POST  /objects         keeps the body under its metadata.name, durably, and answers with it
 *   GET   /objects/NAME    the kept bytes
 *   PATCH /objects/NAME    merges labels, annotations and nothing else
 *   GET   /objects         all kept bytes, joined
 *   GET   /watch           every later write, a line each
 */
const folder = process.argv[2];
if (folder === undefined) throw new Error("usage: bare-server FOLDER");

const pki = await ensurePki({ directory: join(folder, "pki"), nowMs: Date.now() });
const database = open<Buffer, string>({
  path: join(folder, "store"),
  encoding: "binary",
  overlappingSync: false,
  mapSize: 2 ** 33,
});
const server = Fastify({
  http2: true,
  http2SessionTimeout: 3_600_000,
  https: {
    allowHTTP1: true,
    ca: pki.caCert,
    cert: pki.serving.cert,
    key: pki.serving.key,
    requestCert: true,
    rejectUnauthorized: true,
  },
});
server.removeAllContentTypeParsers();
server.addContentTypeParser("*", async (_: unknown, body: Readable) => {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
});

interface Kept {
  metadata: { name: string; resourceVersion?: string; labels?: object; annotations?: object };
}

type Watcher = Pick<Http2ServerResponse, "write" | "end">;
const objects = new Map<string, Buffer>();
const watchers = new Set<Watcher>();
let revision = 0;

/** Durable before it is answered; npm lmdb lets writes that arrive together share one sync. */
async function keep(object: Kept, type: "ADDED" | "MODIFIED"): Promise<Buffer> {
  object.metadata.resourceVersion = String(++revision);
  const json = JSON.stringify(object);
  const bytes = Buffer.from(json);
  await database.put(object.metadata.name, bytes);
  objects.set(object.metadata.name, bytes);
  if (watchers.size > 0) {
    const line = Buffer.from(`{"type":"${type}","object":${json}}\n`);
    for (const watcher of watchers) watcher.write(line);
  }
  return bytes;
}

const JSON_TYPE = { "content-type": "application/json" };

server.get("/objects/:name", (request, reply) => {
  const bytes = objects.get((request.params as { name: string }).name);
  reply.code(bytes === undefined ? 404 : 200).headers(JSON_TYPE);
  return reply.send(bytes ?? "");
});
server.post("/objects", async (request, reply) => {
  const bytes = await keep(JSON.parse(String(request.body)), "ADDED");
  return reply.code(201).headers(JSON_TYPE).send(bytes);
});
server.patch("/objects/:name", async (request, reply) => {
  const bytes = objects.get((request.params as { name: string }).name);
  if (bytes === undefined) return reply.code(404).send("");
  const object = JSON.parse(bytes.toString()) as Kept;
  const { metadata } = JSON.parse(String(request.body)) as Kept;
  object.metadata.labels = { ...object.metadata.labels, ...metadata.labels };
  object.metadata.annotations = { ...object.metadata.annotations, ...metadata.annotations };
  return reply.headers(JSON_TYPE).send(await keep(object, "MODIFIED"));
});
const comma = Buffer.from(",");
server.get("/objects", (_, reply) => {
  const parts: Buffer[] = [Buffer.from('{"items":[')];
  for (const bytes of objects.values()) {
    if (parts.length > 1) parts.push(comma);
    parts.push(bytes);
  }
  parts.push(Buffer.from("]}"));
  return reply.headers(JSON_TYPE).send(Buffer.concat(parts));
});
server.get("/watch", (_, reply) => {
  reply.hijack();
  const raw: Http2ServerResponse | ServerResponse = reply.raw;
  raw.writeHead(200, JSON_TYPE);
  // HTTP/1.1's response keeps its head until the first write; that of HTTP/2 has no such method.
  if (raw instanceof ServerResponse) raw.flushHeaders();
  watchers.add(raw);
  raw.on("close", () => watchers.delete(raw));
});

console.log(`listening on ${await server.listen({ port: 0, host: "127.0.0.1" })}`);
process.once("SIGINT", async () => {
  for (const watcher of watchers) watcher.end();
  server.server.close();
  await database.close();
  process.exit(0);
});
process.on("SIGUSR2", () => globalThis.gc?.());
