import { describe, expect, test } from "vitest";
import { kubectlCluster } from "./kubectl-cluster.ts";
import { eventually } from "./pintle-process.ts";
import { hasKubectl } from "./requirements.ts";

const WEB = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: nginx}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
`;

/** What an administrator does to pods that run: empties a machine before taking it away, gives them more. */
describe.skipIf(!hasKubectl())("kubectl drain and resize", () => {
  const { kubectl } = kubectlCluster("--nodes", "2");

  const ok = async (args: string, input?: string) => {
    const ran = await kubectl(args, input === undefined ? {} : { input });
    if (ran.code !== 0) throw new Error(`kubectl ${args} exited ${ran.code}: ${ran.stderr}${ran.stdout}`);
    return ran.stdout + ran.stderr;
  };

  test("waits for the budget, one pod after the other, and leaves the node empty", async () => {
    await ok("cordon node-2");
    await ok("apply -f -", WEB);
    await ok("rollout status deployment/web --timeout=30s");
    expect(await ok("get pods -o jsonpath={.items[*].spec.nodeName}")).toBe("node-1 node-1");
    await ok("uncordon node-2");
    await eventually(
      () => ok("get pdb web"),
      (text) => /^web\s+1\s+N\/A\s+1\s/m.test(text),
    );
    const out = await ok("drain node-1 --timeout=60s");
    expect(out).toMatch(/^node\/node-1 cordoned$/m);
    expect(out).toMatch(
      /error when evicting pods?\/"web-\S+" -n "default" \(will retry after 5s\): Cannot evict pod as it would violate the pod's disruption budget\./,
    );
    expect(out.match(/^pod\/web-\S+ evicted$/gm)).toHaveLength(2);
    expect(out).toMatch(/^node\/node-1 drained$/m);
    expect(await ok("get pods --field-selector spec.nodeName=node-1")).toContain("No resources found");
    await ok("rollout status deployment/web --timeout=30s");
    expect(await ok("describe pdb web")).toMatch(/Allowed disruptions:\s+1/);
  });

  test("a pod nobody owns is only evicted by force, and a dry run by nothing", async () => {
    await ok("run bare --image=nginx --restart=Never");
    await ok("wait --for=condition=Ready pod/bare --timeout=30s");
    const refused = await kubectl("drain node-2 --timeout=20s");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      "cannot delete Pods that declare no controller (use --force to override)",
    );
    expect(await ok("drain node-2 --force --dry-run=server")).toMatch(
      /evicting pod default\/bare \(server dry run\)/,
    );
    expect(await ok("get pod bare -o jsonpath={.metadata.deletionTimestamp}{.status.phase}")).toBe("Running");
    await ok("uncordon node-2");
  });

  test("patch --subresource resize gives a running pod more, and refuses what its node has not", async () => {
    const spec = { containers: [{ name: "c", image: "nginx", resources: { requests: { cpu: "500m" } } }] };
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "sized" }, spec };
    await ok("apply -f -", JSON.stringify(pod));
    await ok("wait --for=condition=Ready pod/sized --timeout=30s");
    const patch = (cpu: string) => [
      ...["patch", "pod", "sized", "--subresource", "resize", "-p"],
      JSON.stringify({ spec: { containers: [{ name: "c", resources: { requests: { cpu } } }] } }),
    ];
    expect((await kubectl(patch("2"))).stdout).toBe("pod/sized patched\n");
    await eventually(
      () => ok("get pod sized -o jsonpath={.status.containerStatuses[0].allocatedResources.cpu}"),
      (text) => text === "2",
    );
    expect(await ok("get pod sized -o jsonpath={.status.containerStatuses[0].restartCount}")).toBe("0");
    const refused = await kubectl(patch("20"));
    expect(refused.stderr).toContain(
      'pods "sized" is forbidden: node didn\'t have enough allocatable resources: cpu, requested: 20000, allocatable: 8000',
    );
  });
});
