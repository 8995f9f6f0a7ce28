import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ClusterRole, Namespace, Role, RoleBinding, SubjectAccessReview } from "../../api/registry.ts";
import type { Client } from "../../client/client.ts";
import { ensurePki } from "../../security/pki.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import { asker, bearer } from "../authentication/access.test-support.ts";
import { parseTokenFile } from "../authentication/static-tokens.ts";
import { bindTo, rule, users } from "../authorization/rules.test-support.ts";
import type { ApiServer } from "../server.ts";
import { startServer } from "../server-fixture.ts";

const pki = await ensurePki({ nowMs: Date.now() });
const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };
const tokens = parseTokenFile(
  'root,root,0,system:masters\njoe,joe,1,"dev"\nnode,system:node:n1,2,system:nodes',
);

let server: ApiServer;
let client: Client;
let ask: ReturnType<typeof asker>["ask"];

beforeAll(async () => {
  server = await startServer(createMemoryStore(), tls, { tokens });
  client = server.client("test");
  ask = asker(server, pki.caCert).ask;
  await client.create(Namespace, { metadata: { name: "team" } });
  const metadata = { name: "joes", namespace: "team" };
  await client.create(Role, {
    metadata,
    rules: [rule("get", "configmaps", "", ["one"]), rule("*", "*", "apps")],
  });
  await client.create(RoleBinding, {
    metadata,
    roleRef: { ...bindTo("joes"), kind: "Role" },
    subjects: users("joe"),
  });
  await client.create(RoleBinding, {
    metadata: { name: "ghost", namespace: "team" },
    roleRef: bindTo("ghost"),
    subjects: users("joe"),
  });
});
afterAll(() => server.stop());

const AUTHORIZATION = "/apis/authorization.k8s.io/v1";

/** What is answered: the status, or "code message" and the causes' fields. */
async function review(plural: string, spec: object, token = "root"): Promise<unknown> {
  const path = `${AUTHORIZATION}/${plural}`;
  const answer = await ask({ method: "POST", path, headers: bearer(token), body: JSON.stringify({ spec }) });
  const body = answer.json() as { status: unknown; message?: string };
  return answer.code === 201 ? body.status : `${answer.code} ${body.message}`;
}

const nothing = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
const pods = { verb: "list", resource: "pods", namespace: "team" };
const ghost = 'RBAC: clusterrole.rbac.authorization.k8s.io "ghost" not found';
const granted = 'RBAC: allowed by RoleBinding "joes/team" of Role "joes" to User "joe"';

describe("access reviews", () => {
  test.each([
    {
      plural: "selfsubjectaccessreviews",
      spec: {},
      says: `422 .authorization.k8s.io "" is invalid: spec.resourceAttributes: Invalid value: null: ${nothing}`,
    },
    {
      plural: "selfsubjectaccessreviews",
      spec: { resourceAttributes: {}, nonResourceAttributes: {} },
      says: '422 .authorization.k8s.io "" is invalid: spec.nonResourceAttributes: Invalid value: {"Path":"","Verb":""}: cannot be specified in combination with resourceAttributes',
    },
    {
      plural: "subjectaccessreviews",
      spec: { resourceAttributes: pods },
      says: '422 .authorization.k8s.io "" is invalid: spec.user: Invalid value: "": at least one of user or group must be specified',
    },
    {
      plural: "namespaces/team/localsubjectaccessreviews",
      spec: { user: "joe", resourceAttributes: { ...pods, namespace: "other" } },
      says: '422 .authorization.k8s.io "" is invalid: spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace',
    },
    { plural: "selfsubjectrulesreviews", spec: {}, says: "400 no namespace on request" },
    {
      plural: "subjectaccessreviews",
      spec: { user: "joe", resourceAttributes: pods },
      says: { allowed: false, reason: ghost },
    },
    {
      plural: "subjectaccessreviews",
      spec: { groups: ["system:masters"], resourceAttributes: pods },
      says: { allowed: true },
    },
    {
      plural: "subjectaccessreviews",
      spec: { user: "joe", nonResourceAttributes: { path: "/healthz", verb: "get" } },
      says: { allowed: false },
    },
    {
      plural: "subjectaccessreviews",
      spec: {
        user: "joe",
        groups: ["system:authenticated"],
        nonResourceAttributes: { path: "/healthz", verb: "get" },
      },
      says: {
        allowed: true,
        reason:
          'RBAC: allowed by ClusterRoleBinding "system:discovery" of ClusterRole "system:discovery" to Group "system:authenticated"',
      },
    },
    {
      plural: "namespaces/team/localsubjectaccessreviews",
      spec: {
        user: "joe",
        resourceAttributes: { verb: "get", resource: "configmaps", name: "one", namespace: "team" },
      },
      says: { allowed: true, reason: granted },
    },
    {
      plural: "selfsubjectaccessreviews",
      token: "joe",
      spec: { resourceAttributes: { verb: "get", resource: "configmaps", name: "one", namespace: "team" } },
      says: { allowed: true, reason: granted },
    },
    {
      plural: "selfsubjectaccessreviews",
      token: "joe",
      spec: { resourceAttributes: { verb: "get", resource: "configmaps", namespace: "team" } },
      says: { allowed: false, reason: ghost },
    },
    {
      plural: "selfsubjectaccessreviews",
      token: "joe",
      spec: { resourceAttributes: { verb: "*", resource: "*", group: "apps", namespace: "team" } },
      says: { allowed: true, reason: granted },
    },
    {
      plural: "selfsubjectaccessreviews",
      token: "joe",
      spec: { resourceAttributes: { verb: "*", resource: "*", group: "*", namespace: "team" } },
      says: { allowed: false, reason: ghost },
    },
    {
      plural: "selfsubjectaccessreviews",
      token: "joe",
      spec: { resourceAttributes: { ...pods, namespace: "other", labelSelector: { rawSelector: "a in (" } } },
      says: {
        allowed: false,
        evaluationError: "spec.resourceAttributes.labelSelector ignored due to parse error",
      },
    },
    {
      plural: "subjectaccessreviews",
      token: "joe",
      spec: {},
      says: '403 subjectaccessreviews.authorization.k8s.io is forbidden: User "joe" cannot create resource "subjectaccessreviews" in API group "authorization.k8s.io" at the cluster scope',
    },
  ])("$plural $spec", async ({ plural, spec, token, says }) => {
    expect(await review(plural, spec, token)).toEqual(says);
  });

  test("what is asked of one name is not answered for another, however it is written", async () => {
    const allowed = async (resource: object) =>
      (
        (await review("selfsubjectaccessreviews", { resourceAttributes: resource }, "joe")) as {
          allowed: boolean;
        }
      ).allowed;
    const apps = { verb: "get", group: "apps", resource: "x", namespace: "team" };
    expect(await allowed(apps)).toBe(true);
    // Parts that would run into each other if they were only written one after another.
    for (const part of ["\ud800", "\0", "/", " "]) {
      expect(await allowed({ ...apps, group: `apps${part}secrets` })).toBe(false);
      expect(await allowed({ verb: `get${part}apps`, resource: "x", namespace: "team" })).toBe(false);
    }
    expect(await allowed({ verb: "get", resource: "secrets", namespace: "team" })).toBe(false);
  });

  test("the rules of a user are its bindings' rules, the cluster's first", async () => {
    const { resourceRules, nonResourceRules, ...rest } = (await review(
      "selfsubjectrulesreviews",
      { namespace: "team" },
      "joe",
    )) as { resourceRules: object[]; nonResourceRules: object[] };
    expect(resourceRules.slice(-2)).toEqual([
      { verbs: ["get"], apiGroups: [""], resources: ["configmaps"], resourceNames: ["one"] },
      { verbs: ["*"], apiGroups: ["apps"], resources: ["*"] },
    ]);
    expect(nonResourceRules.length).toBe(2);
    expect(rest).toEqual({
      incomplete: true,
      evaluationError: 'clusterrole.rbac.authorization.k8s.io "ghost" not found',
    });
    expect(await review("selfsubjectrulesreviews", { namespace: "default" }, "node")).toMatchObject({
      incomplete: true,
      evaluationError: "node authorizer does not support user rule resolution",
    });
  });

  test("a component in the process asks as anybody does", async () => {
    const { status } = await client.create(SubjectAccessReview, {
      metadata: {},
      spec: {
        user: "joe",
        resourceAttributes: { verb: "get", group: "apps", resource: "x", namespace: "team" },
      },
    });
    expect(status).toEqual({ allowed: true, reason: granted });
    expect((await client.list(ClusterRole)).items.length).toBeGreaterThan(60);
  });

  test("a Table of it cannot be had", async () => {
    const headers = { ...bearer("root"), accept: "application/json;as=Table;v=v1;g=meta.k8s.io" };
    const path = `${AUTHORIZATION}/selfsubjectaccessreviews`;
    expect((await ask({ method: "POST", path, headers, body: "{}" })).code).toBe(406);
  });
});
