import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  eventually,
  kubectlFor,
  type PintleProcess,
  pintleUp,
  removeFolder,
  temporaryFolder,
} from "./pintle-process.ts";
import { hasKubectl } from "./requirements.ts";

/** Priorities and preemption as a user sees them: one node of 8 CPU, kubectl, and nothing else. */
describe.skipIf(!hasKubectl())("preemption with kubectl", { timeout: 60_000 }, () => {
  let cluster: PintleProcess;
  let kubectl: ReturnType<typeof kubectlFor>;
  const folder = temporaryFolder();

  beforeAll(async () => {
    cluster = await pintleUp(join(folder, "data"), ["--seed", "7", "--nodes", "1", "--store", "memory"]);
    kubectl = kubectlFor(cluster.kubeconfig, join(folder, "cache"));
    await ok("create priorityclass low --value=1");
    await ok("create priorityclass high --value=1000");
  }, 60_000);
  afterAll(async () => {
    await cluster?.stop();
    removeFolder(folder);
  });

  const ok = async (args: string | readonly string[], input?: string) => {
    const ran = await kubectl(args, input === undefined ? {} : { input });
    if (ran.code !== 0) throw new Error(`kubectl ${args} exited ${ran.code}: ${ran.stderr}${ran.stdout}`);
    return ran.stdout;
  };
  const pod = (name: string, priorityClassName: string, cpu: string) =>
    ok(
      "apply -f -",
      JSON.stringify({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name, namespace: "default" },
        spec: {
          priorityClassName,
          terminationGracePeriodSeconds: 7,
          containers: [{ name: "c", image: "nginx", resources: { requests: { cpu } } }],
        },
      }),
    );

  test("the urgent pod gets the room of the batch pod, which leaves in its own time and is told why", async () => {
    await pod("batch", "low", "6");
    await ok("wait --for=condition=Ready pod/batch --timeout=20s");
    const columns =
      "NAME:.metadata.name,NODE:.spec.nodeName,NOMINATED:.status.nominatedNodeName,GRACE:.metadata.deletionGracePeriodSeconds";
    // Ends by its own time limit, which kubectl counts as a failure or not, as the moment has it.
    const watched = kubectl(`get pods -w --request-timeout=15s -o custom-columns=${columns}`);
    await eventually(
      () => kubectl("get pods --no-headers"),
      ({ stdout }) => stdout.includes("batch"),
    );
    await pod("urgent", "high", "6");
    await ok("wait --for=condition=Ready pod/urgent --timeout=30s");

    const lines = (await watched).stdout.split("\n").map((line) => line.trim().replace(/\s+/g, " "));
    expect(lines).toContain("urgent <none> node-1 <none>");
    expect(lines).toContain("batch node-1 <none> 7");
    expect(lines).toContain("urgent node-1 <none> <none>");

    const uid = await ok("get pod urgent -o jsonpath={.metadata.uid}");
    const events = await ok(
      "get events --field-selector reason=Preempted -o jsonpath={.items[*].involvedObject.name}:{.items[*].message}",
    );
    expect(events).toBe(`batch:Preempted by pod ${uid} on node node-1`);
    expect(await ok("describe pod urgent")).toMatch(
      /Warning\s+FailedScheduling\s+\S+\s+default-scheduler\s+0\/1 nodes are available: 1 Insufficient cpu\.\n/,
    );
    expect((await kubectl("get pod batch")).stderr).toContain('pods "batch" not found');
  });

  test("one that nobody may make room for says why", async () => {
    await pod("late", "low", "6");
    const message = "get pod late -o jsonpath={.status.conditions[?(@.type=='PodScheduled')].message}";
    const { stdout } = await eventually(
      () => kubectl(message),
      (ran) => ran.stdout !== "",
    );
    expect(stdout).toBe(
      "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, " +
        "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.",
    );
  });
});
