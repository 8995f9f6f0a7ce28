import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PolicyBench } from "./policies.test-support.ts";

let bench: PolicyBench;
beforeEach(async () => {
  bench = await PolicyBench.start();
});
afterEach(() => bench.stop());

const POLICY = "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy";
const BINDING = "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding";
const MAPS =
  "matchConstraints: {resourceRules: [{operations: ['*'], apiGroups: [''], apiVersions: [v1], resources: [configmaps]}]}";

/** Policy and binding `p`; the policy is for ConfigMaps unless it says otherwise. */
async function policy(spec: string, binding = "validationActions: [Deny]"): Promise<void> {
  const matching = spec.includes("matchConstraints") ? "" : `, ${MAPS}`;
  expect((await bench.write(`${POLICY} p`, `spec: {${spec}${matching}}`)).answer).toBe("admitted");
  expect((await bench.write(`${BINDING} p`, `spec: {policyName: p, ${binding}}`)).answer).toBe("admitted");
}

const DENIED = "ValidatingAdmissionPolicy 'p' with binding 'p' denied request: ";

describe("what is refused, in which words (api-policy 4.8)", () => {
  test.each([
    ["{expression: object.data.a == 'x'}", "422 Invalid", "failed expression: object.data.a == 'x'"],
    ["{expression: 'false', message: ' no way '}", "422 Invalid", "no way"],
    ["{expression: 'false', message: m, reason: Forbidden}", "403 Forbidden", "m"],
    ["{expression: 'false', message: m, reason: RequestEntityTooLarge}", "413 RequestEntityTooLarge", "m"],
    ["{expression: 'false', messageExpression: \"'a is ' + object.data.a\"}", "422 Invalid", "a is 1"],
    ["{expression: 'false', message: m, messageExpression: object.data.zz}", "422 Invalid", "m"],
    ["{expression: 'false', message: m, messageExpression: \"'a\\\\nb'\"}", "422 Invalid", "m"],
    [
      "{expression: object.data.zz == 'x'}",
      "422 Invalid",
      "expression 'object.data.zz == 'x'' resulted in error: no such key: zz",
    ],
    ["{expression: object.data.a == '1'}", "admitted", ""],
    ["{expression: \"has(object.data.zz) || object.data.a == '1'\"}", "admitted", ""],
    ["{expression: oldObject == null && params.x == 1}", "invalid", ""],
    ["{expression: 'oldObject == null && namespaceObject.metadata.name == \"default\"'}", "admitted", ""],
    [
      "{expression: request.operation == 'CREATE' && request.name == 'm' && request.namespace == 'default'}",
      "admitted",
      "",
    ],
    [
      "{expression: request.kind.kind == 'ConfigMap' && request.resource.resource == 'configmaps'}",
      "admitted",
      "",
    ],
    [
      "{expression: request.userInfo.username == 'me' && 'system:masters' in request.userInfo.groups}",
      "admitted",
      "",
    ],
    [
      "{expression: \"authorizer.group('').resource('pods').namespace('x').check('create').allowed()\"}",
      "admitted",
      "",
    ],
    ["{expression: authorizer.requestResource.check('create').allowed()}", "admitted", ""],
    [
      "{expression: \"authorizer.serviceAccount('default', 'nobody').path('/x').check('get').allowed()\"}",
      "422 Invalid",
      "failed expression: authorizer.serviceAccount('default', 'nobody').path('/x').check('get').allowed()",
    ],
  ])("%s: %s", async (validation, code, why) => {
    if (code === "invalid") {
      const made = await bench.write(`${POLICY} p`, `spec: {validations: [${validation}], ${MAPS}}`);
      expect(made.answer).toMatch(/undeclared reference to 'params'/);
      return;
    }
    await policy(`validations: [${validation}]`);
    const { answer } = await bench.write("v1/ConfigMap m", "data: {a: '1'}");
    expect(answer).toBe(code === "admitted" ? code : `${code} ${DENIED}${why}`);
  });

  test("the first of several is told, in one cause", async () => {
    await policy(
      "validations: [{expression: 'true'}, {expression: 'false', message: one}, {expression: 'false', message: two}]",
    );
    expect((await bench.write("v1/ConfigMap m")).answer).toBe(`422 Invalid ${DENIED}one`);
  });

  test("no binding, no effect; a binding alone has none either", async () => {
    await bench.write(`${BINDING} p`, "spec: {policyName: p, validationActions: [Deny]}");
    expect((await bench.write("v1/ConfigMap a")).answer).toBe("admitted");
    await bench.delete(`${BINDING} p`);
    await bench.write(`${POLICY} p`, `spec: {validations: [{expression: 'false'}], ${MAPS}}`);
    expect((await bench.write("v1/ConfigMap b")).answer).toBe("admitted");
    await bench.write(`${BINDING} p`, "spec: {policyName: p, validationActions: [Deny]}");
    expect((await bench.write("v1/ConfigMap c")).answer).not.toBe("admitted");
    await bench.delete(`${POLICY} p`);
    expect((await bench.write("v1/ConfigMap d")).answer).toBe("admitted");
  });

  test("updates and deletes see what was", async () => {
    await policy(
      "validations: [{expression: \"oldObject == null || oldObject.data.a != 'locked'\", message: locked}]",
    );
    await bench.write("v1/ConfigMap m", "data: {a: locked}");
    expect((await bench.merge("v1/ConfigMap m", "data: {a: free}")).answer).toBe(
      `422 Invalid ${DENIED}locked`,
    );
    expect((await bench.delete("v1/ConfigMap m")).answer).toBe(`422 Invalid ${DENIED}locked`);
  });
});

describe("what a binding makes of it", () => {
  test.each([
    ["[Warn]", ["Validation failed for ValidatingAdmissionPolicy 'p' with binding 'p': m"], []],
    ["[Audit]", [], ["validation.policy.admission.k8s.io/validation_failure"]],
    [
      "[Warn, Audit]",
      ["Validation failed for ValidatingAdmissionPolicy 'p' with binding 'p': m"],
      ["validation.policy.admission.k8s.io/validation_failure"],
    ],
  ])("%s", async (actions, warnings, notes) => {
    await policy("validations: [{expression: 'false', message: m}]", `validationActions: ${actions}`);
    const outcome = await bench.write("v1/ConfigMap m");
    expect([outcome.answer, outcome.warnings, Object.keys(outcome.annotations)]).toEqual([
      "admitted",
      warnings,
      notes,
    ]);
  });

  test("what is noted for the audit", async () => {
    await policy(
      "validations: [{expression: 'true'}, {expression: 'false', message: m}], auditAnnotations: [{key: who, valueExpression: \"'a=' + object.data.a\"}, {key: none, valueExpression: 'null'}]",
      "validationActions: [Audit]",
    );
    const { annotations } = await bench.write("v1/ConfigMap m", "data: {a: '1'}");
    expect(annotations).toEqual({
      "p/who": "a=1",
      "validation.policy.admission.k8s.io/validation_failure": JSON.stringify([
        { message: "m", policy: "p", binding: "p", expressionIndex: 1, validationActions: ["Audit"] },
      ]),
    });
  });

  test("it may narrow what the policy is for", async () => {
    const narrow = "matchResources: {objectSelector: {matchLabels: {strict: 'yes'}}}";
    await policy("validations: [{expression: 'false'}]", `validationActions: [Deny], ${narrow}`);
    expect((await bench.write("v1/ConfigMap a")).answer).toBe("admitted");
    expect((await bench.write("v1/ConfigMap b", "metadata: {labels: {strict: 'yes'}}")).answer).not.toBe(
      "admitted",
    );
  });
});

describe("who it is for", () => {
  const rule = (resources: string, more = "") =>
    `matchConstraints: {resourceRules: [{operations: [CREATE, UPDATE], apiGroups: ['*'], apiVersions: ['*'], resources: [${resources}]${more}}]`;

  test.each([
    [`${rule("configmaps")}}`, true],
    [`${rule("secrets")}}`, false],
    [`${rule("'*'")}}`, true],
    [`${rule("configmaps", ", resourceNames: [other]")}}`, false],
    [`${rule("configmaps", ", resourceNames: [m]")}}`, true],
    [
      `${rule("'*'")}, excludeResourceRules: [{operations: ['*'], apiGroups: [''], apiVersions: [v1], resources: [configmaps]}]}`,
      false,
    ],
    [`${rule("'*'")}, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}}}`, false],
    [`${rule("'*'")}}, matchConditions: [{name: no, expression: "request.name != 'm'"}]`, false],
    [`${rule("'*'")}}, matchConditions: [{name: yes, expression: "request.name == 'm'"}]`, true],
  ])("%s: %s", async (matching, isFor) => {
    await policy(`validations: [{expression: 'false'}], ${matching}`);
    expect((await bench.write("v1/ConfigMap m")).answer !== "admitted").toBe(isFor);
  });

  test("policies are not for policies", async () => {
    await policy(`validations: [{expression: 'false'}], ${rule("'*/*'")}}`);
    expect(
      (await bench.write(`${BINDING} q`, "spec: {policyName: p, validationActions: [Warn]}")).answer,
    ).toBe("admitted");
    const webhooks = "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration";
    expect((await bench.write(`${webhooks} w`)).answer).not.toBe("admitted");
  });

  test("a status is not its object", async () => {
    await policy(
      "validations: [{expression: object.status.phase != 'Failed', message: m}], matchConstraints: {resourceRules: [{operations: [UPDATE], apiGroups: [''], apiVersions: [v1], resources: [pods/status]}]}",
    );
    await bench.write("v1/ServiceAccount default");
    await bench.write("v1/Pod p", "spec: {containers: [{name: c, image: i}]}");
    expect((await bench.merge("v1/Pod p", "metadata: {labels: {a: b}}")).answer).toBe("admitted");
    expect((await bench.merge("v1/Pod p", "status: {phase: Failed}", "status")).answer).toBe(
      `422 Invalid ${DENIED}m`,
    );
  });

  test("Equivalent is another version of the same another version of the same", async () => {
    await policy(
      "validations: [{expression: object.apiVersion == 'autoscaling/v2', message: m}], matchConstraints: {resourceRules: [{operations: [CREATE], apiGroups: [autoscaling], apiVersions: [v2], resources: [horizontalpodautoscalers]}]}",
    );
    const spec = "spec: {maxReplicas: 2, scaleTargetRef: {kind: Deployment, name: d, apiVersion: apps/v1}}";
    expect((await bench.write("autoscaling/v1/HorizontalPodAutoscaler h", spec)).answer).toBe("admitted");
  });
});

describe("failurePolicy", () => {
  test.each([
    ["Fail", `422 Invalid ${DENIED}expression 'object.zz' resulted in error: no such key: zz`],
    ["Ignore", "admitted"],
  ])("%s, when an expression fails", async (failurePolicy, wants) => {
    await policy(`failurePolicy: ${failurePolicy}, validations: [{expression: object.zz}]`);
    expect((await bench.write("v1/ConfigMap m")).answer).toBe(wants);
  });

  test("Ignore does not mind a violation", async () => {
    await policy("failurePolicy: Ignore, validations: [{expression: 'false', message: m}]");
    expect((await bench.write("v1/ConfigMap m")).answer).toBe(`422 Invalid ${DENIED}m`);
  });

  test.each([
    ["Fail", `422 Invalid ${DENIED}expression 'object.zz' resulted in error: no such key: zz`],
    ["Ignore", "admitted"],
  ])("%s, when a condition fails", async (failurePolicy, wants) => {
    await policy(
      `failurePolicy: ${failurePolicy}, validations: [{expression: 'false'}], matchConditions: [{name: a, expression: object.zz}]`,
    );
    expect((await bench.write("v1/ConfigMap m")).answer).toBe(wants);
  });

  test("what goes on for too long is stopped", async () => {
    const data = Array.from({ length: 400 }, (_, i) => `k${i}: v`).join(", ");
    const loop = "object.data.all(a, object.data.all(b, object.data.all(c, a + b != c)))";
    await policy(`validations: [{expression: "${loop}"}]`);
    const { answer } = await bench.write("v1/ConfigMap m", `data: {${data}}`);
    expect(answer).toContain("resulted in error: operation cancelled: actual cost limit exceeded");
  });
});

describe("variables", () => {
  test.each([
    [
      "[{name: a, expression: object.data.a}, {name: b, expression: variables.a + '2'}]",
      "variables.b == '12'",
      "admitted",
    ],
    ["[{name: a, expression: object.data.zz}]", "true || variables.a == 1", "admitted"],
    [
      "[{name: a, expression: object.data.zz}]",
      "variables.a == 1",
      `422 Invalid ${DENIED}expression 'variables.a == 1' resulted in error: composited variable "a" fails to evaluate: no such key: zz`,
    ],
    [
      "[{name: may, expression: authorizer.requestResource.check('create').allowed()}]",
      "variables.may",
      "admitted",
    ],
  ])("%s, %s", async (variables, expression, wants) => {
    await policy(`variables: ${variables}, validations: [{expression: "${expression}"}]`);
    expect((await bench.write("v1/ConfigMap m", "data: {a: '1'}")).answer).toBe(wants);
  });

  test("a user's rights are looked up", async () => {
    await policy(
      "validations: [{expression: authorizer.group('apps').resource('deployments').check('create').allowed(), message: not yours}]",
    );
    const nobody = { name: "nobody", groups: ["system:authenticated"] };
    expect((await bench.write("v1/ConfigMap m", "{}", nobody)).answer).toBe(`422 Invalid ${DENIED}not yours`);
  });
});

describe("parameters", () => {
  const limited =
    "paramKind: {apiVersion: v1, kind: ConfigMap}, validations: [{expression: \"object.metadata.name.startsWith('q') || int(object.data.a) <= int(params.data.max)\", messageExpression: \"'at most ' + params.data.max\"}]";
  const bound = (ref: string) => `validationActions: [Deny], paramRef: {${ref}}`;

  test.each([
    ["name: q1, parameterNotFoundAction: Deny", `422 Invalid ${DENIED}at most 3`],
    ["name: none, parameterNotFoundAction: Allow", "admitted"],
    [
      "name: none, parameterNotFoundAction: Deny",
      `422 Invalid ${DENIED}failed to configure binding: no params found for policy binding with \`Deny\` parameterNotFoundAction`,
    ],
    ["selector: {matchLabels: {of: many}}, parameterNotFoundAction: Deny", `422 Invalid ${DENIED}at most 2`],
    ["name: q1, namespace: kube-system, parameterNotFoundAction: Allow", "admitted"],
  ])("%s", async (ref, wants) => {
    await bench.write("v1/ConfigMap q1", "data: {max: '3'}");
    await bench.write("v1/ConfigMap q2", "{metadata: {labels: {of: many}}, data: {max: '9'}}");
    await bench.write("v1/ConfigMap q3", "{metadata: {labels: {of: many}}, data: {max: '2'}}");
    await policy(limited, bound(ref));
    expect((await bench.write("v1/ConfigMap m", "data: {a: '5'}")).answer).toBe(wants);
  });

  test("of a kind that is not there, until it is", async () => {
    await policy(
      "paramKind: {apiVersion: foo.io/v1, kind: Bar}, validations: [{expression: params.spec.max > 3}]",
      bound("name: b, parameterNotFoundAction: Deny"),
    );
    const gone =
      "failed to configure policy: failed to find resource referenced by paramKind: 'foo.io/v1, Kind=Bar'";
    expect((await bench.write("v1/ConfigMap m")).answer).toBe(
      `422 Invalid ValidatingAdmissionPolicy 'p' denied request: ${gone}`,
    );
    const version =
      "{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {max: {type: integer}}}}}}}";
    await bench.write(
      "apiextensions.k8s.io/v1/CustomResourceDefinition bars.foo.io",
      `spec: {group: foo.io, scope: Namespaced, names: {plural: bars, kind: Bar}, versions: [${version}]}`,
    );
    await expect.poll(() => bench.kind("foo.io/v1", "Bar")).toBeDefined();
    await bench.write("foo.io/v1/Bar b", "spec: {max: 5}");
    expect((await bench.write("v1/ConfigMap m")).answer).toBe("admitted");
  });

  test("a binding without any sees null", async () => {
    await policy("paramKind: {apiVersion: v1, kind: ConfigMap}, validations: [{expression: params == null}]");
    expect((await bench.write("v1/ConfigMap m")).answer).toBe("admitted");
  });
});
