import { afterAll, describe, expect, test } from "vitest";
import { Service } from "../../host/api/registry.ts";
import { SystemClock } from "../../host/apimachinery/clock.ts";
import { silentLogger } from "../../host/apimachinery/log.ts";
import { seededRandom } from "../../host/apimachinery/random.ts";
import { createApiCore } from "../../host/apiserver/core.ts";
import { openEtcdStore } from "../../host/store/etcd-store.ts";
import { EtcdProcess, hasEtcd } from "./etcd-process.ts";

describe.runIf(hasEtcd())("two API servers on one etcd", { timeout: 60_000 }, () => {
  const closing: (() => Promise<void>)[] = [];
  afterAll(async () => {
    for (const close of closing.toReversed()) await close();
  });

  test("that draw the same numbers at the same time give each to one Service", async () => {
    const etcd = await EtcdProcess.start();
    closing.push(() => etcd.remove());
    const server = async () => {
      const store = await openEtcdStore([etcd.endpoint]);
      // The same seed: both try the same numbers.
      const core = await createApiCore({
        store,
        clock: new SystemClock(),
        random: seededRandom(3),
        log: silentLogger,
      });
      closing.push(async () => {
        core.stop();
        await store.close();
      });
      return core.client("tester");
    };
    const servers = [await server(), await server()];
    const spec = { type: "NodePort", ports: [{ port: 80 }] };
    const names = Array.from({ length: 60 }, (_, i) => `s${i}`);
    await Promise.all(
      names.map((name, i) =>
        servers[i % 2]!.create(Service, {
          metadata: { name, namespace: "default" },
          spec: structuredClone(spec),
        }),
      ),
    );
    const { items } = await servers[0]!.list(Service);
    const ports = items
      .flatMap(({ spec }) => spec?.ports?.map(({ nodePort }) => nodePort) ?? [])
      .filter(Number);
    expect([new Set(ports).size, new Set(items.map(({ spec }) => spec?.clusterIP)).size]).toEqual([60, 60]);
    // Each server knows what the other has given out.
    const asked = { type: "NodePort", ports: [{ port: 80, nodePort: ports[0] }] };
    for (const client of servers) {
      const again = client.create(Service, { metadata: { name: "late", namespace: "default" }, spec: asked });
      await expect(again).rejects.toThrow("provided port is already allocated");
    }
  });
});
