import { type ChildProcess, spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageFile } from "../../host/apimachinery/package-root.ts";
import { kubectlCluster } from "./kubectl-cluster.ts";
import { eventually } from "./pintle-process.ts";
import { hasKubectl } from "./requirements.ts";

const example = (file: string) => packageFile(`examples/06-operator/${file}`);

describe.skipIf(!hasKubectl())("examples/06-operator", () => {
  const { cluster, kubectl } = kubectlCluster();
  let operator: ChildProcess;
  let said = "";

  beforeAll(async () => {
    await kubectl(["apply", "-f", example("definition.yaml")]);
    await kubectl("wait --for=condition=Established crd/websites.example.com --timeout=20s");
    operator = spawn(process.execPath, [example("operator.mjs"), cluster().kubeconfig]);
    for (const stream of [operator.stdout, operator.stderr])
      stream?.on("data", (chunk: Buffer) => (said += chunk));
  });

  afterAll(async () => {
    operator?.kill();
  });

  const shown = async () =>
    (await kubectl("get ws shop -o jsonpath={.spec.replicas}/{.status.readyReplicas}")).stdout;

  test("a Website becomes a Deployment whose pods run, and its status says so", async () => {
    await kubectl(["apply", "-f", example("website.yaml")]);
    await eventually(shown, (text) => text === "2/2", 30_000).catch((error) => {
      throw new Error(`${error}\n${said}`);
    });
    expect((await kubectl("get websites")).stdout).toMatch(/shop\s+nginx:1\.27\s+2\s+2/);
  });

  test("it scales, and its rule holds", async () => {
    await kubectl("scale website shop --replicas 3");
    await eventually(shown, (text) => text === "3/3", 30_000);
    const patch = ["patch", "website", "shop", "--type", "merge", "-p", '{"spec":{"image":"nginx:latest"}}'];
    expect((await kubectl(patch)).stderr).toContain("spec: Invalid value: name a version, not latest");
  });

  test("what it owns goes with it", async () => {
    await kubectl("delete website shop");
    await eventually(
      () => kubectl("get deployments,pods -o name"),
      ({ stdout }) => stdout === "",
      30_000,
    );
  });
});
