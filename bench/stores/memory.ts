import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Pod, ServiceAccount } from "../../host/api/registry.ts";
import { SystemClock } from "../../host/apimachinery/clock.ts";
import { createLogger } from "../../host/apimachinery/log.ts";
import { seededRandom } from "../../host/apimachinery/random.ts";
import { createApiServer } from "../../host/apiserver/server.ts";
import { ensurePki } from "../../host/security/pki.ts";
import { openLmdbStore } from "../../host/store/lmdb-store.ts";
import { createMemoryStore } from "../../host/store/memory-store.ts";
import type { Store } from "../../host/store/store.ts";
import { podKey } from "./keys.ts";

/**
 * What stored pods take up, in a process of its own. Prints one line of JSON.
 * `node --expose-gc dist/bench/stores/memory.js memory|lmdb store|apiserver PODS`
 */
export interface MemoryReport {
  /** Of a stored value. */
  readonly jsonBytes: number;
  /** Per pod, beside what the empty store had: private resident memory; what V8 says is in use, on its heap and in buffers. */
  readonly residentBytes: number;
  readonly usedBytes: number;
}

/** Until this many pods are stored, what is measured has not begun: code is compiled, the history fills. */
const WARM_UP = 20_000;
const IN_FLIGHT = 500;

const [engine = "", through = "", pods = ""] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "pintle-bench-"));
const store = engine === "lmdb" ? await openLmdbStore(join(folder, "store")) : createMemoryStore();
const create = through === "apiserver" ? await throughApiServer(store) : throughStore(store);
await fill(0, WARM_UP);
const before = await settled();
await fill(WARM_UP, Number(pods));
const after = await settled();
const { entries } = await store.range("/registry/pods/", { limit: 1_000 });
const jsonBytes = entries.reduce((sum, { value }) => sum + value.length, 0) / entries.length;
const report: MemoryReport = {
  jsonBytes: Math.round(jsonBytes),
  residentBytes: Math.round((after.resident - before.resident) / Number(pods)),
  usedBytes: Math.round((after.used - before.used) / Number(pods)),
};
console.log(JSON.stringify(report));
rmSync(folder, { recursive: true });
process.exit();

async function fill(from: number, count: number): Promise<void> {
  for (let first = from; first < from + count; first += IN_FLIGHT)
    await Promise.all(Array.from({ length: IN_FLIGHT }, (_, i) => create(first + i)));
}

function throughStore(target: Store): (number: number) => Promise<unknown> {
  const value = Buffer.alloc(3_072, "x");
  return (number) => target.create(podKey(number), value);
}

/** Nobody watches: what informers keep is theirs. */
async function throughApiServer(target: Store): Promise<(number: number) => Promise<unknown>> {
  const clock = new SystemClock();
  const pki = await ensurePki({ directory: join(folder, "pki"), nowMs: clock.nowMs() });
  const server = await createApiServer({
    store: target,
    clock,
    random: seededRandom(1),
    log: createLogger((line) => process.stderr.write(`${line}\n`), "warn"),
    port: 0,
    tls: { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key },
    serviceAccountKey: pki.serviceAccountKey,
  });
  const client = server.client("bench");
  await client.create(ServiceAccount, { metadata: { name: "default", namespace: "default" } });
  const env = Array.from({ length: 12 }, (_, i) => ({ name: `SETTING_${i}`, value: `value number ${i}` }));
  return (number) =>
    client.create(Pod, {
      metadata: { name: podKey(number).split("/").at(-1)!, namespace: "default", labels: { app: "web" } },
      spec: { containers: [{ name: "app", image: "registry.example.com/app:1.2.3", env }] },
    });
}

async function settled(): Promise<{ resident: number; used: number }> {
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.();
    await delay(100);
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const [, kibibytes] = /RssAnon:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))!;
  return { resident: Number(kibibytes) * 1024, used: heapUsed + arrayBuffers };
}
