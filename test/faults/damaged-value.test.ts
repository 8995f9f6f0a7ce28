import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { ConfigMap } from "../../host/api/registry.ts";
import { SystemClock } from "../../host/apimachinery/clock.ts";
import { silentLogger } from "../../host/apimachinery/log.ts";
import { type ApiServerProcess, startApiServer } from "../../host/cluster/api-server.ts";
import { storeFolder } from "../../host/cluster/open-store.ts";
import { startCluster } from "../../host/main.ts";
import { STORE_FILE } from "../../host/store/lmdb-store.ts";
import { StoreOpenError } from "../../host/store/open-error.ts";
import { contents } from "./damage.ts";

const dirs: string[] = [];

afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
});

function apiServerOn(dataDir: string): Promise<ApiServerProcess> {
  return startApiServer({ clock: new SystemClock(), seed: 1, log: silentLogger, dataDir, store: "lmdb" });
}

/** A data directory with two ConfigMaps, of which one value has a wrong bit wherever it lies. */
async function damagedDir(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "pintle-damaged-value-"));
  dirs.push(dir);
  const { server, stop } = await apiServerOn(dir);
  for (const name of ["whole", "broken"])
    await server.client("test").create(ConfigMap, {
      metadata: { name, namespace: "default" },
      data: { text: name.repeat(1_000) },
    });
  await stop();
  const file = join(storeFolder(dir), STORE_FILE);
  const bytes = readFileSync(file);
  for (let at = bytes.indexOf("brokenbroken"); at >= 0; at = bytes.indexOf("brokenbroken", at + 6_000))
    bytes[at]! ^= 1;
  writeFileSync(file, bytes);
  return dir;
}

test("a cluster refuses a store with a damaged value in one line, and leaves it as it was", async () => {
  const dir = await damagedDir();
  const before = contents(storeFolder(dir));
  const refusal = await startCluster({ dataDir: dir, nodes: 0 }).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(StoreOpenError);
  expect((refusal as Error).message).toMatch(
    /^\S+store\.mdb is corrupt: the value of \/registry\/configmaps\/default\/broken does not match its checksum; nothing was changed$/,
  );
  expect(contents(storeFolder(dir))).toBe(before);
});

test("an API server alone answers for everything else, and says what is damaged", async () => {
  const { server, stop } = await apiServerOn(await damagedDir());
  try {
    const client = server.client("test");
    const [whole, broken] = ["whole", "broken"].map((name) => ({ namespace: "default", name }));
    expect((await client.get(ConfigMap, whole!)).data?.["text"]).toBe("whole".repeat(1_000));
    const words = /the value of \/registry\/configmaps\/default\/broken \(revision \d+\) cannot be read/;
    await expect(client.get(ConfigMap, broken!)).rejects.toThrow(words);
    await expect(client.list(ConfigMap, { namespace: "default" })).rejects.toThrow(words);
    const made = await client.create(ConfigMap, { metadata: { name: "new", namespace: "default" } });
    expect(made.metadata?.name).toBe("new");
  } finally {
    await stop();
  }
});
