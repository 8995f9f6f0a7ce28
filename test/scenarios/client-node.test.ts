import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as k8s from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually, type PintleProcess, pintleUp, removeFolder, temporaryFolder } from "./pintle-process.ts";

/** npm's official JavaScript client against a real `pintle up`: list, informer, patch, errors. */
describe("@kubernetes/client-node", () => {
  const folder = temporaryFolder();
  let cluster: PintleProcess;
  const config = new k8s.KubeConfig();
  let core: k8s.CoreV1Api;

  beforeAll(async () => {
    cluster = await pintleUp(join(folder, "data"), ["--store", "memory"]);
    config.loadFromString(readFileSync(cluster.kubeconfig, "utf8"));
    core = config.makeApiClient(k8s.CoreV1Api);
  });

  afterAll(async () => {
    await cluster?.stop();
    removeFolder(folder);
  });

  test("lists nodes", async () => {
    const nodes = await core.listNode();
    expect(nodes.items.map((node) => node.metadata?.name)).toEqual(["node-1", "node-2", "node-3"]);
  });

  test("an informer sees what is added, changed and deleted", async () => {
    const seen: string[] = [];
    const informer = k8s.makeInformer(config, "/api/v1/namespaces/default/configmaps", () =>
      core.listNamespacedConfigMap({ namespace: "default" }),
    );
    const note = (what: string) => (object: k8s.V1ConfigMap) => {
      if (object.metadata?.name === "informed") seen.push(`${what} ${object.data?.["step"]}`);
    };
    informer.on("add", note("add"));
    informer.on("update", note("update"));
    informer.on("delete", note("delete"));
    await informer.start();
    try {
      const body = { metadata: { name: "informed" }, data: { step: "1" } };
      await core.createNamespacedConfigMap({ namespace: "default", body });
      const patched = await core.patchNamespacedConfigMap(
        { namespace: "default", name: "informed", body: [{ op: "replace", path: "/data/step", value: "2" }] },
        k8s.setHeaderOptions("Content-Type", k8s.PatchStrategy.JsonPatch),
      );
      expect(patched.data).toEqual({ step: "2" });
      await core.deleteNamespacedConfigMap({ namespace: "default", name: "informed" });
      await eventually(
        async () => [...seen],
        (lines) => lines.length === 3,
      );
      expect(seen).toEqual(["add 1", "update 2", "delete 2"]);
    } finally {
      await informer.stop();
    }
  });

  test("patches three ways", async () => {
    await core.createNamespacedConfigMap({
      namespace: "default",
      body: { metadata: { name: "patched" }, data: { a: "1" } },
    });
    const patch = (strategy: string, body: unknown) =>
      core.patchNamespacedConfigMap(
        { namespace: "default", name: "patched", body },
        k8s.setHeaderOptions("Content-Type", strategy),
      );
    await patch(k8s.PatchStrategy.MergePatch, { data: { b: "2" } });
    await patch(k8s.PatchStrategy.StrategicMergePatch, { metadata: { labels: { c: "3" } } });
    const last = await patch(k8s.PatchStrategy.JsonPatch, [{ op: "remove", path: "/data/a" }]);
    expect({ data: last.data, labels: last.metadata?.labels }).toEqual({
      data: { b: "2" },
      labels: { c: "3" },
    });
  });

  test("a missing object is a 404 with a Status", async () => {
    const failure = await core.readNamespacedPod({ namespace: "default", name: "nobody" }).then(
      () => undefined,
      (error: k8s.ApiException<string>) => error,
    );
    expect(failure?.code).toBe(404);
    expect(JSON.parse(failure?.body ?? "{}")).toMatchObject({
      kind: "Status",
      reason: "NotFound",
      message: 'pods "nobody" not found',
    });
  });
});
