import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { kubectlCluster } from "./kubectl-cluster.ts";
import { hasKubectl, hasManifests, MANIFESTS } from "./requirements.ts";

const DEPLOYMENT = join(MANIFESTS, "seed", "deployment.yaml");

describe.skipIf(!hasKubectl() || !hasManifests())("kubectl apply --server-side", () => {
  const { kubectl } = kubectlCluster("--nodes", "1");

  const configMap = (a: string) =>
    `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"shared"},"data":{"a":"${a}"}}`;

  test("applies, says so again, and leaves a resource alone that did not change", async () => {
    const apply = () => kubectl(["apply", "--server-side", "-f", DEPLOYMENT]);
    const version = async () =>
      (await kubectl("get deploy demo-deployment -o jsonpath={.metadata.generation}")).stdout;
    expect((await apply()).stdout).toBe("deployment.apps/demo-deployment serverside-applied\n");
    const before = await version();
    expect((await apply()).stdout).toBe("deployment.apps/demo-deployment serverside-applied\n");
    expect(await version()).toBe(before);
  });

  test("a field that was scaled by hand is a conflict, and force takes it back", async () => {
    await kubectl("scale deployment demo-deployment --replicas 7");
    const refused = await kubectl(["apply", "--server-side", "-f", DEPLOYMENT]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas',
    );
    const forced = await kubectl(["apply", "--server-side", "--force-conflicts", "-f", DEPLOYMENT]);
    expect(forced.stderr).toBe("");
    expect((await kubectl("get deploy demo-deployment -o jsonpath={.spec.replicas}")).stdout).not.toBe("7");
  });

  test("what was applied on the client's side migrates without a conflict", async () => {
    await kubectl(["apply", "-f", "-"], { input: configMap("1") });
    for (const value of ["2", "3"]) {
      const applied = await kubectl(["apply", "--server-side", "-f", "-"], { input: configMap(value) });
      expect(applied.stderr).toBe("");
    }
    const managers = "jsonpath={.metadata.managedFields[*].manager} {.data.a}";
    const shown = await kubectl(["get", "cm", "shared", "--show-managed-fields", "-o", managers]);
    expect(shown.stdout).toBe("kubectl-last-applied kubectl 3");
  });

  test("another manager conflicts, in a diff too", async () => {
    const apply = ["apply", "--server-side", "--field-manager", "other", "-f", "-"];
    const refused = await kubectl(apply, { input: configMap("9") });
    expect(refused.stderr).toContain('Apply failed with 1 conflict: conflict with "kubectl": .data.a');
    const shared = await kubectl(apply, { input: configMap("3") });
    expect(shared.stdout).toBe("configmap/shared serverside-applied\n");
  });

  test("a field nobody knows is refused in the words of server-side apply", async () => {
    const input = configMap("3").replace('"data"', '"foo":1,"data"');
    const refused = await kubectl(["apply", "--server-side", "-f", "-"], { input });
    expect(refused.stderr).toContain(
      "failed to create typed patch object (default/shared; v1, Kind=ConfigMap): .foo: field not declared in schema",
    );
  });
});
