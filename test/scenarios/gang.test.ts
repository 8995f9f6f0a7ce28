import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageFile } from "../../host/apimachinery/package-root.ts";
import {
  eventually,
  kubectlFor,
  type PintleProcess,
  pintleUp,
  removeFolder,
  runPintle,
  temporaryFolder,
} from "./pintle-process.ts";
import { hasKubectl } from "./requirements.ts";

const KINDS = "--runtime-config=scheduling.k8s.io/v1alpha2=true";
const GATES = "--feature-gates=GenericWorkload=true,GangScheduling=true";

/** examples/08-gang with kubectl: eight pods, a node with room for five, then another node. */
describe.skipIf(!hasKubectl())("a gang with kubectl", { timeout: 60_000 }, () => {
  let cluster: PintleProcess;
  let kubectl: ReturnType<typeof kubectlFor>;
  const folder = temporaryFolder();

  beforeAll(async () => {
    const flags = ["--seed", "7", "--nodes", "1", "--store", "memory", KINDS, GATES];
    cluster = await pintleUp(join(folder, "data"), flags);
    kubectl = kubectlFor(cluster.kubeconfig, join(folder, "cache"));
  }, 60_000);
  afterAll(async () => {
    await cluster?.stop();
    removeFolder(folder);
  });

  const ok = async (args: string) => {
    const ran = await kubectl(args.split(" "));
    if (ran.code !== 0) throw new Error(`kubectl ${args} exited ${ran.code}: ${ran.stderr}${ran.stdout}`);
    return ran.stdout;
  };
  const example = (file: string) => ok(`apply -f ${packageFile(`examples/08-gang/${file}`)}`);
  const placed = async () =>
    (await ok("get pods -o jsonpath={.items[*].spec.nodeName}")).split(" ").filter(Boolean);

  test("the kinds are there for kubectl", async () => {
    const names = await ok("api-resources --api-group=scheduling.k8s.io --no-headers -o name");
    expect(names.trim().split("\n").sort()).toEqual([
      "podgroups.scheduling.k8s.io",
      "priorityclasses.scheduling.k8s.io",
      "workloads.scheduling.k8s.io",
    ]);
    expect(await ok("explain podgroup.spec.schedulingPolicy.gang.minCount")).toContain(
      "MinCount is the minimum number of pods",
    );
  });

  test("none of eight is bound on a node with room for five, and all once there is another", async () => {
    expect(await example("gang.yaml")).toContain("podgroup.scheduling.k8s.io/training-worker created");
    const { stdout } = await eventually(
      () => kubectl("describe podgroup training-worker"),
      (ran) => ran.stdout.includes("PodGroupScheduled"),
    );
    expect(stdout).toMatch(
      /Message: +pod group is unschedulable\n +Reason: +Unschedulable\n +Status: +False\n/,
    );
    const messages = await ok(
      "get events --field-selector reason=FailedScheduling -o jsonpath={.items[*].message}",
    );
    expect(messages).toContain("waiting for minCount pods from a gang to be scheduled");
    expect(await placed()).toEqual([]);

    await example("more-room.yaml");
    await ok("wait --for=condition=PodGroupScheduled podgroup/training-worker --timeout=30s");
    await ok("wait --for=condition=Available deployment/worker --timeout=30s");
    const nodes = await placed();
    expect(nodes).toHaveLength(8);
    expect([...new Set(nodes)].sort()).toEqual(["extra", "node-1"]);
  });

  test("a group goes when the last of its pods has gone", async () => {
    await ok("delete podgroup training-worker --wait=false");
    expect(await ok("get podgroup training-worker -o jsonpath={.metadata.finalizers}")).toBe(
      '["scheduling.k8s.io/podgroup-protection"]',
    );
    await ok("delete deployment worker");
    await ok("wait --for=delete podgroup/training-worker --timeout=50s");
  });
});

test.each([
  ["--feature-gates=Foo=true", 2, "unrecognized feature gate: Foo"],
  [
    "--feature-gates=GangScheduling=true",
    2,
    "GangScheduling is enabled, but depends on features that are disabled",
  ],
  ["--runtime-config=foo/v1=true", 2, "unknown api groups foo"],
  ["--feature-gates=GenericWorkload=true", 1, "needs --runtime-config=scheduling.k8s.io/v1alpha2=true"],
])("pintle up %s is refused", async (flag, code, why) => {
  const folder = temporaryFolder();
  const ran = await runPintle(["up", "--data-dir", join(folder, "data"), "--port", "0", flag]);
  removeFolder(folder);
  expect([ran.code, ran.stderr]).toEqual([code, expect.stringContaining(why)]);
});
