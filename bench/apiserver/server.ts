import { join } from "node:path";
import { ServiceAccount } from "../../host/api/registry.ts";
import { SystemClock } from "../../host/apimachinery/clock.ts";
import { createLogger } from "../../host/apimachinery/log.ts";
import { seededRandom } from "../../host/apimachinery/random.ts";
import { createApiServer } from "../../host/apiserver/server.ts";
import { ensurePki } from "../../host/security/pki.ts";
import { openLmdbStore } from "../../host/store/lmdb-store.ts";

/**
 * The real API server alone on LMDB, with everything it has switched on and nobody inside who acts on what is posted.
 * `node dist/bench/apiserver/server.js FOLDER`; prints its URL, ends with SIGINT.
 */
const folder = process.argv[2];
if (folder === undefined) throw new Error("usage: server FOLDER");

const clock = new SystemClock();
const pki = await ensurePki({ directory: join(folder, "pki"), nowMs: clock.nowMs() });
const store = await openLmdbStore(join(folder, "store"));
const server = await createApiServer({
  store,
  clock,
  random: seededRandom(1),
  log: createLogger((line) => process.stderr.write(`${line}\n`), "warn"),
  port: 0,
  tls: { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key },
  serviceAccountKey: pki.serviceAccountKey,
});
// A pod needs its namespace's account, which a controller makes elsewhere.
await server.client("bench").create(ServiceAccount, { metadata: { name: "default", namespace: "default" } });
console.log(`listening on ${server.url}`);
process.once("SIGINT", async () => {
  await server.stop();
  await store.close();
});
process.on("SIGUSR2", () => globalThis.gc?.());
