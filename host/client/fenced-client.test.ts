import { expect, test } from "vitest";
import { startVirtualApi } from "../../test/virtual-api.ts";
import { ConfigMap } from "../api/registry.ts";
import type { Client } from "./client.ts";
import { behindSameFence, fence } from "./fenced-client.ts";

const motto = { namespace: "default", name: "motto" };
const patch = { type: "merge", body: { data: { said: "x" } } } as const;

/** Every verb of the interface; one that is added must be decided upon. */
const CALLS: Record<keyof Client, (client: Client) => unknown> = {
  get: (client) => client.get(ConfigMap, motto),
  list: (client) => client.list(ConfigMap),
  watch: (client) => client.watch(ConfigMap, {}, { onEvent: () => {}, onEnd: () => {} }).cancel(),
  create: (client) => client.create(ConfigMap, { metadata: { ...motto, name: "other" } }),
  update: (client) => client.update(ConfigMap, { metadata: motto }),
  patch: (client) => client.patch(ConfigMap, motto, patch),
  delete: (client) => client.delete(ConfigMap, motto),
  deleteCollection: (client) => client.deleteCollection(ConfigMap, { namespace: "default" }),
  createSubresource: (client) => client.createSubresource(ConfigMap, motto, "binding", {}),
};
const READS = ["get", "list", "watch"];

test("behind a closed fence every write is refused, and every read goes on", async () => {
  const { client } = await startVirtualApi();
  await client.create(ConfigMap, { metadata: motto });
  const fenced = fence(client);
  expect((await fenced.client.get(ConfigMap, motto)).metadata?.name).toBe("motto");
  await fenced.client.patch(ConfigMap, motto, patch);
  fenced.close();
  for (const [verb, call] of Object.entries(CALLS)) {
    const outcome = await Promise.resolve()
      .then(() => call(fenced.client))
      .then(
        () => "done",
        (error: unknown) => String(error),
      );
    const wanted = READS.includes(verb) ? "done" : "ApiError: this process does not lead any more";
    expect([verb, outcome]).toEqual([verb, wanted]);
  }
  // It is this client alone that is shut off.
  expect((await client.get(ConfigMap, motto)).data).toEqual({ said: "x" });
});

test("another client can stand behind the same fence", async () => {
  const { client } = await startVirtualApi();
  const gate = fence(client);
  const other = behindSameFence(gate.client, client);
  await other.create(ConfigMap, { metadata: motto });
  gate.close();
  await expect(other.delete(ConfigMap, motto)).rejects.toThrow("does not lead any more");
  expect((await other.get(ConfigMap, motto)).metadata?.name).toBe("motto");
  expect(behindSameFence(client, client)).toBe(client);
});
