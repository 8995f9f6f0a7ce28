import { join } from "node:path";
import Fastify from "fastify";
import { open } from "lmdb";
import { ensurePki } from "../../host/security/pki.ts";

/**
 * The peer of the start-up figures: Fastify, TLS with client certificates and LMDB, and no Kubernetes at all. What a
 * server of this stack costs before the first object. `node dist/bench/peers/bare-server.js FOLDER`; prints its port.
 */
const folder = process.argv[2];
if (folder === undefined) throw new Error("usage: bare-server FOLDER");

const pki = await ensurePki({ directory: join(folder, "pki"), nowMs: Date.now() });
const database = open<unknown, string>({ path: join(folder, "store") });
const server = Fastify({
  https: {
    ca: pki.caCert,
    cert: pki.serving.cert,
    key: pki.serving.key,
    requestCert: true,
    rejectUnauthorized: true,
  },
});
server.get("/objects/:name", (request) => database.get((request.params as { name: string }).name) ?? null);
server.post("/objects/:name", async (request) => {
  await database.put((request.params as { name: string }).name, request.body);
  return { stored: true };
});

await database.put("started", Date.now());
console.log(`listening on ${await server.listen({ port: 0, host: "127.0.0.1" })}`);
process.once("SIGINT", async () => {
  await server.close();
  await database.close();
});
