import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PolicyBench } from "./policies.test-support.ts";

let bench: PolicyBench;
beforeEach(async () => {
  bench = await PolicyBench.start();
});
afterEach(() => bench.stop());

const POLICY = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy";
const BINDING = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicyBinding";
const matching = (resource: string) =>
  `matchConstraints: {resourceRules: [{operations: [CREATE, UPDATE], apiGroups: ['*'], apiVersions: ['*'], resources: [${resource}]}]}`;

const apply = (expression: string) =>
  `{patchType: ApplyConfiguration, applyConfiguration: {expression: ${JSON.stringify(expression)}}}`;
const json = (expression: string) =>
  `{patchType: JSONPatch, jsonPatch: {expression: ${JSON.stringify(expression)}}}`;
/** Policy and binding of one name, for ConfigMaps unless it says otherwise. */
async function policy(mutations: string, more = "", name = "p"): Promise<void> {
  const matched = more.includes("matchConstraints") ? "" : `, ${matching("configmaps")}`;
  const policyFor = more.includes("reinvocationPolicy") ? "" : ", reinvocationPolicy: Never";
  const spec = `spec: {mutations: [${mutations}]${matched}${policyFor}${more === "" ? "" : `, ${more}`}}`;
  expect((await bench.write(`${POLICY} ${name}`, spec)).answer).toBe("admitted");
  expect((await bench.write(`${BINDING} ${name}`, `spec: {policyName: ${name}}`)).answer).toBe("admitted");
}

const DENIED = "403 Invalid policy 'p' with binding 'p' denied request: ";

describe("ApplyConfiguration", () => {
  test.each([
    [`Object{data: {"b": "2"}}`, { data: { a: "1", b: "2" } }],
    [`Object{metadata: Object.metadata{labels: {"m": object.data.a}}}`, { metadata: { labels: { m: "1" } } }],
    [`object.data.a == "1" ? Object{data: {"a": "one"}} : Object{}`, { data: { a: "one" } }],
    [`Object{ // a comment: {\n  data: {"x": "}"} }`, { data: { a: "1", x: "}" } }],
  ])("%s", async (expression, wants) => {
    await policy(apply(expression));
    const { object, answer } = await bench.write("v1/ConfigMap m", "data: {a: '1'}");
    expect([answer, object]).toMatchObject(["admitted", wants]);
  });

  test("lists with keys are merged by them, and what was made is defaulted", async () => {
    await bench.write("v1/ServiceAccount default");
    const sidecar = `Object{spec: Object.spec{containers: [Object.spec.containers{name: "s", image: "i:1"}]}}`;
    await policy(apply(sidecar), matching("pods"));
    const { object } = await bench.write("v1/Pod p", "spec: {containers: [{name: c, image: i}]}");
    const { containers } = object!["spec"] as { containers: { name: string }[] };
    expect(containers).toMatchObject([
      { name: "c", image: "i" },
      { name: "s", image: "i:1", imagePullPolicy: "IfNotPresent", volumeMounts: [{}] },
    ]);
  });

  test.each([
    [
      `Object{foo: 1}`,
      "error applying patch: failed to convert patch object to typed object: .foo: field not declared in schema",
    ],
    [
      `Object{metadata: Object.spec{labels: {"a": "b"}}}`,
      'type mismatch: unexpected type name "Object.spec", expected "Object.metadata", which matches field name path from root Object type',
    ],
    [
      `Object{data: {"b": object.data.zz}}`,
      `expression 'Object{data: {"b": object.data.zz}}' resulted in error: no such key: zz`,
    ],
  ])("what cannot be: %s", async (expression, why) => {
    await policy(apply(expression));
    expect((await bench.write("v1/ConfigMap m", "data: {a: '1'}")).answer).toBe(DENIED + why);
  });

  test("an atomic list is nobody's to replace", async () => {
    await bench.write("v1/ServiceAccount default");
    await policy(
      apply(`Object{spec: Object.spec{tolerations: [Object.spec.tolerations{key: "k"}]}}`),
      matching("pods"),
    );
    const { answer } = await bench.write("v1/Pod p", "spec: {containers: [{name: c, image: i}]}");
    expect(answer).toBe(
      `${DENIED}error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.tolerations`,
    );
  });
});

describe("JSONPatch", () => {
  test.each([
    [`[JSONPatch{op: "add", path: "/data/z", value: "q"}]`, { a: "1", z: "q" }],
    [
      `[JSONPatch{op: "add", path: "/data/" + jsonpatch.escapeKey("x~y"), value: string(2)}]`,
      { a: "1", "x~y": "2" },
    ],
    [
      `[JSONPatch{op: "test", path: "/data/a", value: "no"}, JSONPatch{op: "remove", path: "/data/a"}]`,
      { a: "1" },
    ],
    [`has(object.data.zz) ? [JSONPatch{op: "remove", path: "/data/a"}] : []`, { a: "1" }],
    [`[JSONPatch{op: "replace", path: "/data", value: {"n": "v"}}]`, { n: "v" }],
  ])("%s", async (expression, data) => {
    await policy(json(expression));
    const { object, answer } = await bench.write("v1/ConfigMap m", "data: {a: '1'}");
    expect([answer, object?.["data"]]).toEqual([
      expression.includes("x~y") ? expect.stringContaining("422 Invalid") : "admitted",
      expression.includes("x~y") ? undefined : data,
    ]);
  });

  test("a path that is not there", async () => {
    await policy(json(`[JSONPatch{op: "remove", path: "/data/zz"}]`));
    const why =
      "JSON Patch: error in remove for path: '/data/zz': Unable to remove nonexistent key: zz: missing value";
    expect((await bench.write("v1/ConfigMap m", "data: {a: '1'}")).answer).toBe(DENIED + why);
  });

  test("Ignore lets what cannot be done be", async () => {
    await policy(json(`[JSONPatch{op: "remove", path: "/data/zz"}]`), "failurePolicy: Ignore");
    expect((await bench.write("v1/ConfigMap m", "data: {a: '1'}")).answer).toBe("admitted");
  });
});

describe("several", () => {
  const append = (letter: string) =>
    json(`[JSONPatch{op: "replace", path: "/data/a", value: object.data.a + "${letter}"}]`);

  test("mutations in their order, then policies by name, each upon the other's work", async () => {
    await policy(append("c"), "", "b-policy");
    await policy(`${append("a")}, ${append("b")}`, "", "a-policy");
    const { object } = await bench.write("v1/ConfigMap m", "data: {a: '1'}");
    expect(object?.["data"]).toEqual({ a: "1abc" });
  });

  test.each([
    ["Never", "1ab"],
    ["IfNeeded", "1aba"],
  ])("who comes again, reinvocationPolicy %s", async (reinvocationPolicy, wants) => {
    await policy(append("a"), `reinvocationPolicy: ${reinvocationPolicy}`, "a-policy");
    await policy(append("b"), "", "b-policy");
    const { object } = await bench.write("v1/ConfigMap m", "data: {a: '1'}");
    expect(object?.["data"]).toEqual({ a: wants });
  });

  test("variables and conditions; updates, too; nothing on a delete", async () => {
    await policy(
      apply(`Object{data: {"by": variables.who}}`),
      `variables: [{name: who, expression: request.userInfo.username}], matchConditions: [{name: c, expression: "object.data.a != 'no'"}]`,
    );
    expect((await bench.write("v1/ConfigMap m", "data: {a: '1'}")).object?.["data"]).toEqual({
      a: "1",
      by: "me",
    });
    expect((await bench.write("v1/ConfigMap n", "data: {a: 'no'}")).object?.["data"]).toEqual({ a: "no" });
    expect((await bench.merge("v1/ConfigMap m", "data: {by: you}")).object?.["data"]).toEqual({
      a: "1",
      by: "me",
    });
    expect((await bench.delete("v1/ConfigMap m")).answer).toBe("admitted");
  });

  test("nobody comes to own what a policy made", async () => {
    await policy(apply(`Object{data: {"b": "2"}}`));
    const { object } = await bench.write("v1/ConfigMap m", "data: {a: '1'}");
    const fields = JSON.stringify(object?.metadata?.managedFields);
    expect([fields.includes("f:a"), fields.includes("f:b")]).toEqual([true, false]);
  });

  test("a validating policy sees what was made", async () => {
    await policy(apply(`Object{data: {"b": "2"}}`));
    const validating = POLICY.replace("Mutating", "Validating");
    await bench.write(
      `${validating} v`,
      `spec: {validations: [{expression: object.data.b == '2'}], ${matching("configmaps")}}`,
    );
    await bench.write(`${validating}Binding v`, "spec: {policyName: v, validationActions: [Deny]}");
    expect((await bench.write("v1/ConfigMap m", "data: {a: '1'}")).answer).toBe("admitted");
  });
});

describe("what is wrong with a policy (api-policy 4.8)", () => {
  test.each([
    ["{patchType: ''}", "spec.mutations[0].patchType: Required value"],
    [
      apply(`"a"`),
      'spec.mutations[0].applyConfiguration.expression: Invalid value: "\\"a\\"": must evaluate to Object but got string',
    ],
    [
      json("[]"),
      'spec.mutations[0].jsonPatch.expression: Invalid value: "[]": must evaluate to list(JSONPatch) but got list(dyn)',
    ],
    [apply("Other{a: 1}"), "compilation failed: ERROR: <input>:1:6: Syntax error: unexpected character"],
  ])("%s", async (mutation, why) => {
    const spec = `spec: {reinvocationPolicy: Never, mutations: [${mutation}], ${matching("configmaps")}}`;
    expect((await bench.write(`${POLICY} p`, spec)).answer).toContain(why);
  });
});
