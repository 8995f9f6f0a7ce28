import { beforeAll, describe, expect, test } from "vitest";
import { kubectlCluster } from "./kubectl-cluster.ts";
import { eventually } from "./pintle-process.ts";
import { hasKubectl } from "./requirements.ts";

const DEFINITION = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.a.io}
spec:
  group: a.io
  scope: Namespaced
  names: {plural: widgets, kind: Widget, shortNames: [wg], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    additionalPrinterColumns: [{name: Size, type: string, jsonPath: .spec.size}, {name: Replicas, type: integer, jsonPath: .spec.replicas}]
    selectableFields: [{jsonPath: .spec.size}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: string, enum: [small, large], description: How big it is.}
              replicas: {type: integer, maximum: 10, default: 1}
          status: {type: object, properties: {replicas: {type: integer}}}
`;
const widget = (name: string, spec: string) =>
  `apiVersion: a.io/v1\nkind: Widget\nmetadata: {name: ${name}}\nspec: {${spec}}\n`;
const WIDGET = widget("w1", "size: small");

describe.skipIf(!hasKubectl())("kubectl and a CustomResourceDefinition", () => {
  const { kubectl } = kubectlCluster("--nodes", "0");

  beforeAll(async () => {
    await kubectl("apply -f -", { input: DEFINITION });
    await kubectl("wait --for=condition=Established crd/widgets.a.io --timeout=10s");
  });

  test("apply, get by short name, category and field, scale, explain", async () => {
    expect((await kubectl("apply -f -", { input: WIDGET })).stdout).toBe("widget.a.io/w1 created\n");
    const again = await kubectl("apply -f -", { input: WIDGET });
    expect([again.stdout, again.stderr]).toEqual(["widget.a.io/w1 unchanged\n", ""]);
    expect((await kubectl("get wg")).stdout).toMatch(/^NAME\s+SIZE\s+REPLICAS\nw1\s+small\s+1\n$/);
    expect((await kubectl("get all")).stdout).toContain("widget.a.io/w1");
    expect((await kubectl("get wg --field-selector spec.size=large")).stderr).toContain("No resources found");
    expect((await kubectl("scale wg w1 --replicas 3")).stdout).toBe("widget.a.io/w1 scaled\n");
    expect((await kubectl("get wg w1 -o jsonpath={.spec.replicas}")).stdout).toBe("3");
    expect((await kubectl("explain widget.spec.size")).stdout).toContain("How big it is.");
    expect((await kubectl("api-resources --api-group a.io")).stdout).toMatch(
      /widgets\s+wg\s+a\.io\/v1\s+true\s+Widget/,
    );
  });

  test.each([
    ["size: tiny", 'spec.size: Unsupported value: "tiny": supported values: "small", "large"'],
    ["size: small, foo: 1", 'unknown field "spec.foo"'],
  ])("%s is refused: %s", async (spec, why) => {
    const input = widget("w2", spec);
    expect((await kubectl("apply -f -", { input })).stderr).toContain(why);
  });

  test("a deleted definition takes its kind along", async () => {
    await kubectl("delete crd widgets.a.io");
    await eventually(
      () => kubectl("get widgets"),
      ({ stderr }) =>
        stderr.includes("could not find the requested resource") ||
        stderr.includes("doesn't have a resource type"),
    );
  });
});
