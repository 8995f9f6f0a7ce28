import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ensurePki } from "../../../security/pki.ts";
import { patched, reviewed } from "../../webhook-client/webhook-server.test-support.ts";
import { MAPS, WebhookBench } from "./webhooks.test-support.ts";

const pki = await ensurePki({ nowMs: Date.now(), hosts: ["hook.default.svc"] });
let bench: WebhookBench;

beforeAll(async () => {
  bench = await WebhookBench.start(pki);
});
afterAll(() => bench.stop());
afterEach(() => bench.clear());

describe("what a webhook is told", () => {
  test("an AdmissionReview for each write", async () => {
    const url = bench.hooks.on("/allow", (document, answer) => answer(reviewed(document, { allowed: true })));
    await bench.configure("validating", "told", `url: ${url}`);
    expect(await bench.create({}, "?fieldManager=me&fieldValidation=Strict")).toBe("201");
    await bench.ask("PATCH", `${MAPS}/m`, { data: { a: "2" } }, "application/merge-patch+json");
    await bench.ask("DELETE", `${MAPS}/m`, { gracePeriodSeconds: 0 });
    const [created, patchedOne, deleted] = [bench.request(0), bench.request(1), bench.request(2)];
    expect(created).toMatchObject({
      kind: { group: "", version: "v1", kind: "ConfigMap" },
      resource: { group: "", version: "v1", resource: "configmaps" },
      requestKind: { group: "", version: "v1", kind: "ConfigMap" },
      name: "m",
      namespace: "default",
      operation: "CREATE",
      userInfo: { groups: ["system:masters", "system:authenticated"] },
      object: { kind: "ConfigMap", apiVersion: "v1", metadata: { name: "m" }, data: { a: "1" } },
      oldObject: null,
      dryRun: false,
      options: {
        kind: "CreateOptions",
        apiVersion: "meta.k8s.io/v1",
        fieldManager: "me",
        fieldValidation: "Strict",
      },
    });
    expect((created["object"] as { metadata: object }).metadata).toHaveProperty("uid");
    expect(patchedOne).toMatchObject({
      operation: "UPDATE",
      object: { data: { a: "2" } },
      oldObject: { data: { a: "1" } },
      options: { kind: "UpdateOptions" },
    });
    expect(deleted).toMatchObject({
      operation: "DELETE",
      object: null,
      oldObject: { data: { a: "2" } },
      options: { kind: "DeleteOptions", gracePeriodSeconds: 0 },
    });
    expect(bench.hooks.asked[0]!.path).toBe("/allow?timeout=10s");
    expect(bench.hooks.asked[0]!.headers["user-agent"]).toBe("kube-apiserver-admission");
  });

  test("a collection is deleted one by one", async () => {
    const url = bench.hooks.on("/allow", (document, answer) => answer(reviewed(document, { allowed: true })));
    await bench.create({ metadata: { name: "one", labels: { x: "y" } } });
    await bench.create({ metadata: { name: "two", labels: { x: "y" } } });
    await bench.configure("validating", "each", `url: ${url}`);
    await bench.ask("DELETE", `${MAPS}?labelSelector=x%3Dy`);
    expect(bench.hooks.asked.map(({ document }) => (document["request"] as { name: string }).name)).toEqual([
      "one",
      "two",
    ]);
  });

  test("a mutating one sees no name that is still to be made up", async () => {
    const url = bench.hooks.on("/allow", (document, answer) => answer(reviewed(document, { allowed: true })));
    await bench.configure("mutating", "early", `url: ${url}`);
    await bench.configure("validating", "late", `url: ${url}`);
    expect(await bench.create({ metadata: { generateName: "gen-" } })).toBe("201");
    expect(bench.request(0)).not.toHaveProperty("name");
    expect(bench.request(1)["name"]).toMatch(/^gen-/);
  });

  test("a Service is resolved to an endpoint, and the certificate is asked for by its name", async () => {
    bench.hooks.on("/allow", (document, answer) => answer(reviewed(document, { allowed: true })));
    const service = { metadata: { name: "hook" }, spec: { type: "ExternalName", externalName: "127.0.0.1" } };
    await bench.ask("POST", "/api/v1/namespaces/default/services", {
      ...service,
      spec: { type: "ExternalName", externalName: "localhost" },
    });
    bench.cleanUp.push("/api/v1/namespaces/default/services/hook");
    const client = `{service: {namespace: default, name: hook, path: /allow, port: ${bench.hooks.port}}, caBundle: ${bench.caBundle}}`;
    await bench.configure("validating", "service", `client: ${client}`);
    expect(await bench.create()).toBe("201");
    expect(bench.hooks.asked[0]!.servername).toBe("hook.default.svc");
  });
});

describe("who is asked", () => {
  test.each([
    ["rules: [{operations: [UPDATE], apiGroups: [''], apiVersions: [v1], resources: [configmaps]}]", 0],
    ["rules: [{operations: [CREATE], apiGroups: [''], apiVersions: [v1], resources: ['*']}]", 1],
    ["rules: [{operations: [CREATE], apiGroups: [''], apiVersions: [v1], resources: ['*/*']}]", 1],
    [
      "rules: [{operations: [CREATE], apiGroups: [''], apiVersions: [v1], resources: ['configmaps/status']}]",
      0,
    ],
    ["rules: [{operations: [CREATE], apiGroups: [apps], apiVersions: ['*'], resources: ['*']}]", 0],
    [
      "rules: [{operations: [CREATE], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], scope: Cluster}]",
      0,
    ],
    [
      "rules: [{operations: [CREATE], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], scope: Namespaced}]",
      1,
    ],
    ["objectSelector: {matchLabels: {l: v}}", 1],
    ["objectSelector: {matchLabels: {l: w}}", 0],
    ["namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: default}}", 1],
    [
      "namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [default]}]}",
      0,
    ],
    ["matchConditions: [{name: a, expression: object.data.a == '1'}]", 1],
    ["matchConditions: [{name: a, expression: object.data.a == '2'}]", 0],
    ["matchConditions: [{name: a, expression: object.zz == '2'}, {name: b, expression: 'false'}]", 0],
    ["matchConditions: [{name: a, expression: \"!('system:nodes' in request.userInfo.groups)\"}]", 1],
    [
      "matchConditions: [{name: a, expression: \"authorizer.group('').resource('pods').check('create').allowed()\"}]",
      1,
    ],
  ])("%s: %i", async (text, count) => {
    const url = bench.hooks.on("/allow", (document, answer) => answer(reviewed(document, { allowed: true })));
    await bench.configure("validating", "who", `{url: "${url}", ${text}}`);
    expect(await bench.create({ metadata: { name: "m", labels: { l: "v" } } })).toBe("201");
    expect(bench.hooks.asked).toHaveLength(count);
  });

  test.each([
    [
      "Fail",
      `403 Forbidden configmaps "m" is forbidden: expression 'object.data.foo == "zz"' resulted in error: no such key: foo`,
    ],
    ["Ignore", "201"],
  ])("a condition that fails, failurePolicy %s", async (failurePolicy, wants) => {
    const url = bench.hooks.on("/deny", (document, answer) => answer(reviewed(document, { allowed: false })));
    const condition = `[{name: a, expression: 'object.data.foo == "zz"'}]`;
    await bench.configure(
      "validating",
      "who",
      `{url: "${url}", failurePolicy: ${failurePolicy}, matchConditions: ${condition}}`,
    );
    expect(await bench.create()).toBe(wants);
  });

  test.each([
    ["Equivalent", "v2", 1],
    ["Exact", undefined, 0],
  ])("another version of the object, matchPolicy %s", async (matchPolicy, version, count) => {
    const url = bench.hooks.on("/allow", (document, answer) => answer(reviewed(document, { allowed: true })));
    const rules =
      "[{operations: [CREATE], apiGroups: [autoscaling], apiVersions: [v2], resources: [horizontalpodautoscalers]}]";
    await bench.configure(
      "validating",
      "version",
      `{url: "${url}", matchPolicy: ${matchPolicy}, rules: ${rules}}`,
    );
    const path = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers";
    const spec = { maxReplicas: 2, scaleTargetRef: { kind: "Deployment", name: "d", apiVersion: "apps/v1" } };
    const answer = await bench.ask("POST", path, { metadata: { name: "h" }, spec });
    expect(answer.code).toBe(201);
    bench.cleanUp.push(`${path}/h`);
    expect(bench.hooks.asked).toHaveLength(count);
    if (version === undefined) return;
    expect(bench.request()).toMatchObject({
      kind: { version },
      requestKind: { version: "v1" },
      object: { apiVersion: `autoscaling/${version}`, spec: { maxReplicas: 2 } },
    });
  });

  test("configurations are not for themselves, nor for policies", async () => {
    const url = bench.hooks.on("/deny", (document, answer) => answer(reviewed(document, { allowed: false })));
    await bench.configure(
      "validating",
      "everything",
      `{url: "${url}", rules: [{operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*']}]}`,
    );
    await bench.configure("validating", "another", `url: "${url}"`);
    expect(bench.hooks.asked).toEqual([]);
  });
});

describe("what it answers", () => {
  test.each([
    [
      { status: { message: "no way", code: 400, reason: "BadRequest" } },
      '400 BadRequest admission webhook "no.example.com" denied the request: no way',
    ],
    [
      { status: { reason: "Teapot", code: 418 } },
      '418 Teapot admission webhook "no.example.com" denied the request: Teapot',
    ],
    [{}, '400 - admission webhook "no.example.com" denied the request without explanation'],
    [
      { status: { message: "m", code: 200 } },
      '400 - admission webhook "no.example.com" denied the request: m',
    ],
    [
      { status: { message: "m", code: 99_999 } },
      '400 - admission webhook "no.example.com" denied the request: m',
    ],
  ])("a refusal %j", async (response, wants) => {
    const url = bench.hooks.on("/deny", (document, answer) =>
      answer(reviewed(document, { allowed: false, ...response })),
    );
    for (const sort of ["validating", "mutating"] as const) {
      await bench.configure(sort, "no", `{url: "${url}", failurePolicy: Ignore}`);
      expect(await bench.create()).toBe(wants);
      await bench.ask("DELETE", bench.cleanUp.pop()!);
    }
  });

  test("retryAfterSeconds goes along", async () => {
    const status = { code: 429, reason: "TooManyRequests", details: { retryAfterSeconds: 7 } };
    const url = bench.hooks.on("/deny", (document, answer) =>
      answer(reviewed(document, { allowed: false, status })),
    );
    await bench.configure("validating", "no", `url: "${url}"`);
    const answer = await bench.creating();
    expect([answer.code, answer.json()["details"]]).toEqual([429, { retryAfterSeconds: 7 }]);
  });

  test("warnings are passed on, of those who allow and those who refuse", async () => {
    const url = bench.hooks.on("/warn", (document, answer) =>
      answer(reviewed(document, { allowed: true, warnings: ["be careful", 'say "no"'] })),
    );
    await bench.configure("validating", "warns", `url: "${url}"`);
    expect((await bench.creating({}, "?dryRun=All")).headers["warning"]).toBe(
      '299 - "be careful", 299 - "say \\"no\\""',
    );
  });

  test.each([
    [
      "no response",
      () => ({ kind: "AdmissionReview", apiVersion: "admission.k8s.io/v1" }),
      "webhook response was absent",
    ],
    [
      "another uid",
      (d: object) => reviewed(d as never, { uid: "x", allowed: true }),
      'expected response.uid="UID", got "x"',
    ],
    [
      "a patch",
      (d: object) => reviewed(d as never, patched([])),
      "validating webhook may not return response.patch",
    ],
    [
      "another version",
      (d: object) => ({ ...reviewed(d as never, { allowed: true }), apiVersion: "admission.k8s.io/v1beta1" }),
      "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got admission.k8s.io/v1beta1, Kind=AdmissionReview",
    ],
  ])("a lie: %s", async (_, make, why) => {
    const url = bench.hooks.on("/lie", (document, answer) => answer(make(document)));
    await bench.configure("validating", "lies", `url: "${url}"`);
    const said = (await bench.create()).replace(/uid="[^"]{36}"/, 'uid="UID"');
    const failed = 'Internal error occurred: failed calling webhook "lies.example.com"';
    expect(said).toBe(`500 InternalError ${failed}: received invalid webhook response: ${why}`);
  });
});
