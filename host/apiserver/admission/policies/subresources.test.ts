import { afterEach, beforeEach, expect, test } from "vitest";
import type { Kind } from "../../../api/kind.ts";
import { Deployment, Pod, ServiceAccount } from "../../../api/registry.ts";
import { ApiError } from "../../../apimachinery/errors.ts";
import type { KubernetesObject } from "../../../apimachinery/object.ts";
import { PolicyBench } from "./policies.test-support.ts";

let bench: PolicyBench;
beforeEach(async () => {
  bench = await PolicyBench.start();
  await bench.write("v1/ServiceAccount default");
  await bench.write("v1/Pod p", "spec: {containers: [{name: c, image: i}]}");
  const template = "template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}";
  await bench.write(
    "apps/v1/Deployment d",
    `spec: {replicas: 1, selector: {matchLabels: {a: b}}, ${template}}`,
  );
});
afterEach(() => bench.stop());

const NAMES = [
  "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy p",
  "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding p",
];

async function forbid(resource: string, when: string): Promise<void> {
  const rule = `{operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: [${resource}]}`;
  const validation = `{expression: "!(${when})", message: no}`;
  const [policy = "", binding = ""] = NAMES;
  await bench.write(
    policy,
    `spec: {matchConstraints: {resourceRules: [${rule}]}, validations: [${validation}]}`,
  );
  await bench.write(binding, "spec: {policyName: p, validationActions: [Deny]}");
}

async function answer(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "admitted";
  } catch (error) {
    if (error instanceof ApiError) return error.message.replace(/^(.*?) is forbidden: .*request: /, "$1: ");
    throw error;
  }
}

const at = (name: string) => ({ namespace: "default", name });
const bind = () =>
  bench.client.createSubresource(Pod as unknown as Kind, at("p"), "binding", {
    target: { kind: "Node", name: "n" },
  } as KubernetesObject);
const scale = () =>
  bench.client.patch(
    Deployment,
    at("d"),
    { type: "merge", body: { spec: { replicas: 3 } } },
    { subresource: "scale" },
  );
const evict = () =>
  bench.client.createSubresource(Pod as unknown as Kind, at("p"), "eviction", {
    metadata: at("p"),
    apiVersion: "policy/v1",
    kind: "Eviction",
  });
const token = () =>
  bench.client.createSubresource(ServiceAccount as unknown as Kind, at("default"), "token", {
    spec: { audiences: ["a"] },
  } as KubernetesObject);

// A policy sees the document that was sent, never the object behind it.
test.each([
  [
    "pods/binding",
    "object.kind == 'Binding' && object.target.name == 'n' && request.operation == 'CREATE'",
    bind,
    'pods "p": no',
  ],
  ["pods", "request.operation != 'CREATE'", bind, "admitted"],
  [
    "deployments/scale",
    "object.spec.replicas == 3 && oldObject.spec.replicas == 1 && object.kind == 'Scale'",
    scale,
    'deployments.apps "d": no',
  ],
  ["deployments", "true", scale, "admitted"],
  [
    "pods/eviction",
    "object.kind == 'Eviction' && request.name == 'p' && request.kind.group == 'policy'",
    evict,
    'pods "p": no',
  ],
  [
    "serviceaccounts/token",
    "object.spec.audiences == ['a'] && request.subResource == 'token'",
    token,
    'serviceaccounts "default": no',
  ],
])("%s when %s", async (resource, when, call, wants) => {
  await forbid(resource, when);
  expect(await answer(call())).toBe(wants);
});

test("a mutating policy changes what is asked of a window", async () => {
  const rule = "{operations: [UPDATE], apiGroups: [apps], apiVersions: [v1], resources: [deployments/scale]}";
  const patch =
    '{patchType: JSONPatch, jsonPatch: {expression: \'[JSONPatch{op: "replace", path: "/spec/replicas", value: 2}]\'}}';
  const [policy = "", binding = ""] = NAMES.map((name) => name.replace("Validating", "Mutating"));
  await bench.write(
    policy,
    `spec: {reinvocationPolicy: Never, matchConstraints: {resourceRules: [${rule}]}, mutations: [${patch}]}`,
  );
  await bench.write(binding, "spec: {policyName: p}");
  await scale();
  expect((await bench.client.get(Deployment, at("d"))).spec?.replicas).toBe(2);
});
