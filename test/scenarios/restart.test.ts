import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  eventually,
  kubectlFor,
  type PintleProcess,
  pintleUp,
  removeFolder,
  temporaryFolder,
} from "./pintle-process.ts";
import { hasKubectl } from "./requirements.ts";

const deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    replicas: 5,
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "web", image: "nginx", resources: { requests: { cpu: "100m" } } }] },
    },
  },
};

interface Listed {
  items: {
    kind: string;
    metadata: { name: string; uid: string; namespace?: string };
    spec?: { nodeName?: string };
  }[];
}

describe.skipIf(!hasKubectl())("kill -9 of pintle up, and up again", () => {
  const folder = temporaryFolder();
  let cluster: PintleProcess | undefined;

  afterAll(async () => {
    await cluster?.stop();
    removeFolder(folder);
  });

  test("every object is there, pods keep their nodes, watches resume from where they were", async () => {
    const dataDir = join(folder, "data");
    cluster = await pintleUp(dataDir, ["--seed", "3"]);
    let kubectl = kubectlFor(cluster.kubeconfig, join(folder, "cache"));
    const list = async (kinds: string): Promise<Listed> =>
      JSON.parse((await kubectl(`get ${kinds} -A -o json`)).stdout) as Listed;
    const pods = async () => {
      const { items } = await list("pods");
      return items.map((pod) => `${pod.metadata.name} ${pod.metadata.uid} ${pod.spec?.nodeName}`).sort();
    };
    const objects = async () => {
      const { items } = await list(
        "deployments,replicasets,services,configmaps,serviceaccounts,namespaces,nodes",
      );
      return items
        .map((one) => `${one.kind} ${one.metadata.namespace}/${one.metadata.name} ${one.metadata.uid}`)
        .sort();
    };

    await kubectl("apply -f -", { input: JSON.stringify(deployment) });
    expect((await kubectl("rollout status deployment/web --timeout=30s")).code).toBe(0);
    await kubectl("create configmap kept --from-literal=answer=42");
    await kubectl("create service clusterip kept --tcp=80:80");
    const podsBefore = await pods();
    const objectsBefore = await objects();
    const listed = JSON.parse((await kubectl("get --raw /api/v1/namespaces/default/configmaps")).stdout) as {
      metadata: { resourceVersion: string };
    };
    await kubectl("create configmap later --from-literal=a=b");

    await cluster.stop("SIGKILL");
    cluster = await pintleUp(dataDir);
    kubectl = kubectlFor(cluster.kubeconfig, join(folder, "cache-again"));

    expect(await pods()).toEqual(podsBefore);
    expect((await objects()).filter((line) => !line.includes("/later "))).toEqual(objectsBefore);

    // A client that had listed before the crash goes on watching from there: it is told what came after.
    const watched = await kubectl(
      `get --raw /api/v1/namespaces/default/configmaps?watch=true&timeoutSeconds=1&resourceVersion=${listed.metadata.resourceVersion}`,
    );
    expect(watched.stdout).toMatch(/^\{"type":"ADDED","object":\{[^\n]*"name":"later"/);

    // And the cluster still works: a killed pod is replaced.
    const victim = podsBefore[0]!.split(" ")[0]!;
    await kubectl(`delete pod ${victim}`);
    await eventually(
      pods,
      (lines) => lines.length === 5 && !lines.some((line) => line.startsWith(`${victim} `)),
    );
  }, 90_000);
});
