import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  eventually,
  kubectlFor,
  type PintleProcess,
  pintleUp,
  removeFolder,
  temporaryFolder,
} from "../scenarios/pintle-process.ts";
import { hasKubectl } from "../scenarios/requirements.ts";
import { EtcdProcess, hasEtcd } from "./etcd-process.ts";

describe.runIf(hasEtcd() && hasKubectl())("pintle up --store etcd", { timeout: 60_000 }, () => {
  const folder = temporaryFolder();
  const running: PintleProcess[] = [];
  let etcd: EtcdProcess | undefined;

  afterAll(async () => {
    for (const cluster of running) await cluster.stop();
    await etcd?.remove();
    removeFolder(folder);
  });

  const up = async (name: string, ...flags: string[]) => {
    const store = ["--store", "etcd", "--etcd-endpoints", etcd!.endpoint];
    const cluster = await pintleUp(join(folder, name), [...store, ...flags]);
    running.push(cluster);
    return kubectlFor(cluster.kubeconfig, join(folder, `${name}-cache`));
  };

  test("what kubectl creates lies in etcd as JSON under Kubernetes' keys, and outlives a kill of both", async () => {
    etcd = await EtcdProcess.start();
    let kubectl = await up("first", "--nodes", "2");
    expect((await kubectl("create configmap motto --from-literal=said=hello")).code).toBe(0);
    const keys = etcd.ctl("get", "--prefix", "/registry/", "--keys-only").split("\n");
    expect(keys).toContain("/registry/configmaps/default/motto");
    expect(keys.filter((key) => key.startsWith("/registry/minions/")).length).toBe(2);
    const stored: unknown = JSON.parse(
      etcd.ctl("get", "--print-value-only", "/registry/configmaps/default/motto"),
    );
    expect(stored).toMatchObject({ kind: "ConfigMap", metadata: { name: "motto" }, data: { said: "hello" } });

    await kubectl("create deployment web --image=nginx --replicas=3");
    const ready = () => kubectl("get deployment web -o jsonpath={.status.readyReplicas}");
    await eventually(ready, ({ stdout }) => stdout === "3", 30_000);
    const version = (await kubectl("get configmap motto -o jsonpath={.metadata.resourceVersion}")).stdout;

    await running.pop()!.stop("SIGKILL");
    await etcd.kill();
    await etcd.restart();
    // The same data directory: its certificates are the cluster's, and what its last process led is its own at once.
    kubectl = await up("first", "--nodes", "2");
    expect(
      (await kubectl("get configmap motto -o jsonpath={.data.said}:{.metadata.resourceVersion}")).stdout,
    ).toBe(`hello:${version}`);
    await eventually(ready, ({ stdout }) => stdout === "3", 30_000);
  });
});
