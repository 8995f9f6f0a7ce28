import { expect, test } from "vitest";
import { ConfigMap, Pod } from "../api/core-kinds.ts";
import { Deployment, ReplicaSet } from "../api/workload-kinds.ts";
import { SystemClock, sleep } from "../apimachinery/clock.ts";
import { createLogger } from "../apimachinery/log.ts";
import { seededRandom } from "../apimachinery/random.ts";
import { createApiServer } from "../apiserver/server.ts";
import { createHttpClient } from "../client/http-client.ts";
import { ensurePki } from "../security/pki.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { startControllers } from "./index.ts";
import { deployment } from "./test-cluster.ts";

test("the controllers run as well in a process of their own", async () => {
  const clock = new SystemClock();
  const random = seededRandom(5);
  const lines: string[] = [];
  const log = createLogger((line) => lines.push(line), "warn");
  const pki = await ensurePki({ nowMs: clock.nowMs() });
  const tls = { caCert: pki.caCert, ...pki.serving };
  const server = await createApiServer({ store: createMemoryStore({}), clock, random, log, port: 0, tls });
  const client = createHttpClient({ server: server.url, ca: pki.caCert, ...pki.admin });
  const controllers = await startControllers({ client, clock, random, log, rootCa: pki.caCert });

  const until = async (done: () => Promise<boolean>) => {
    for (let tries = 0; tries < 500; tries++) {
      if (await done()) return;
      await sleep(clock, 20);
    }
    throw new Error(lines.join("\n"));
  };
  await until(async () => (await client.list(ConfigMap, { namespace: "default" })).items.length === 1);
  await client.create(Deployment, deployment("web", "nginx:1.27", 3));
  await until(async () => {
    const { status } = await client.get(Deployment, { namespace: "default", name: "web" });
    return status?.unavailableReplicas === 3 && status.updatedReplicas === 3;
  });
  const [set] = (await client.list(ReplicaSet, { namespace: "default" })).items;
  expect([set?.metadata?.name, set?.status?.replicas]).toEqual(["web-bfb6488d7", 3]);
  await client.delete(Deployment, { namespace: "default", name: "web" });
  await until(async () => (await client.list(Pod, { namespace: "default" })).items.length === 0);
  await controllers.stop();
  client.close();
  await server.stop();
  expect(lines.filter((line) => line.startsWith("error"))).toEqual([]);
});
