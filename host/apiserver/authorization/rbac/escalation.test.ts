import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ClusterRole, ClusterRoleBinding, Namespace } from "../../../api/registry.ts";
import type { Client } from "../../../client/client.ts";
import { ensurePki } from "../../../security/pki.ts";
import { createMemoryStore } from "../../../store/memory-store.ts";
import { asker } from "../../authentication/access.test-support.ts";
import { parseTokenFile } from "../../authentication/static-tokens.ts";
import type { ApiServer } from "../../server.ts";
import { startServer } from "../../server-fixture.ts";
import { bindTo, rule, users } from "../rules.test-support.ts";

const pki = await ensurePki({ nowMs: Date.now() });
const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };
const tokens = parseTokenFile(`
root,root,0,system:masters
amy,amy,2,
`);

let server: ApiServer;
let client: Client;
let as: ReturnType<typeof asker>["as"];

beforeAll(async () => {
  server = await startServer(createMemoryStore(), tls, { tokens });
  client = server.client("test");
  as = asker(server, pki.caCert).as;
  await client.create(Namespace, { metadata: { name: "team" } });
});
afterAll(() => server.stop());

describe("nobody gives away what they do not have", () => {
  beforeAll(async () => {
    await client.create(ClusterRole, {
      metadata: { name: "keeper" },
      rules: [
        rule("get,list,create,update,patch", "roles,rolebindings,clusterroles", "rbac.authorization.k8s.io"),
        rule("get,list", "pods"),
      ],
    });
    await client.create(ClusterRoleBinding, {
      metadata: { name: "keeper" },
      roleRef: bindTo("keeper"),
      subjects: users("amy"),
    });
  });
  const roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/team/roles";
  const bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/team/rolebindings";
  const clusterRoles = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
  const groups = '(groups=["system:authenticated"])';
  const grants = `user "amy" ${groups} is attempting to grant RBAC permissions not currently held:`;
  const bind = (name: string, ref: object = bindTo("view")) => ({
    metadata: { name },
    roleRef: { ...ref, apiGroup: "rbac.authorization.k8s.io" },
    subjects: [{ kind: "User", name: "amy", apiGroup: "rbac.authorization.k8s.io" }],
  });

  test.each([
    {
      name: "a role within one's own",
      asked: `POST ${roles}`,
      body: { metadata: { name: "ok" }, rules: [rule("get", "pods")] },
      says: "201",
    },
    {
      name: "a role beyond it",
      asked: `POST ${roles}`,
      body: {
        metadata: { name: "r2" },
        rules: [
          rule("get,delete", "pods,deployments", "apps"),
          rule("get,watch", "pods"),
          rule("get", "secrets", "", ["a"]),
        ],
      },
      says: `403 roles.rbac.authorization.k8s.io "r2" is forbidden: ${grants}\n{APIGroups:[""], Resources:["pods"], Verbs:["watch"]}\n{APIGroups:[""], Resources:["secrets"], ResourceNames:["a"], Verbs:["get"]}\n{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "delete"]}\n{APIGroups:["apps"], Resources:["pods"], Verbs:["get" "delete"]}`,
    },
    {
      name: "everything",
      asked: `POST ${roles}`,
      body: { metadata: { name: "r3" }, rules: [rule("*", "*", "*")] },
      says: `403 roles.rbac.authorization.k8s.io "r3" is forbidden: ${grants}\n{APIGroups:["*"], Resources:["*"], Verbs:["*"]}`,
    },
    {
      name: "by a PUT",
      asked: `PUT ${roles}/ok`,
      body: { metadata: { name: "ok" }, rules: [rule("get", "secrets")] },
      says: `403 roles.rbac.authorization.k8s.io "ok" is forbidden: ${grants}\n{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}`,
    },
    {
      name: "by a PATCH",
      asked: `PATCH ${roles}/ok`,
      body: { rules: [rule("get", "secrets")] },
      says: `403 roles.rbac.authorization.k8s.io "ok" is forbidden: ${grants}\n{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}`,
    },
    {
      name: "a label is no right",
      asked: `PATCH ${clusterRoles}/edit`,
      body: { metadata: { labels: { a: "b" } } },
      says: '403 clusterroles.rbac.authorization.k8s.io "edit" is forbidden: must have cluster-admin privileges to use the aggregationRule',
    },
    {
      name: "a label of a stranger's role",
      asked: `PATCH ${clusterRoles}/system:node`,
      body: { metadata: { labels: { a: "b" } } },
      says: "200",
    },
    {
      name: "roles that take others in",
      asked: `POST ${clusterRoles}`,
      body: {
        metadata: { name: "agg" },
        rules: [],
        aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: "b" } }] },
      },
      says: '403 clusterroles.rbac.authorization.k8s.io "agg" is forbidden: must have cluster-admin privileges to use the aggregationRule',
    },
    {
      name: "a binding to a role within one's own",
      asked: `POST ${bindings}`,
      body: bind("b1", { kind: "Role", name: "ok" }),
      says: "201",
    },
    {
      name: "a missing role",
      asked: `POST ${bindings}`,
      body: bind("b2", { kind: "ClusterRole", name: "nope" }),
      says: '404 rolebindings.rbac.authorization.k8s.io "nope" not found',
    },
    {
      name: "another role in a binding",
      asked: `PUT ${bindings}/b1`,
      body: bind("b1", { kind: "Role", name: "ok2" }),
      says: '404 rolebindings.rbac.authorization.k8s.io "ok2" not found',
    },
  ])("$name", async ({ asked, body, says }) => {
    expect(await as("amy", asked, body)).toBe(says);
  });

  test("a binding beyond it", async () => {
    const text = await as("amy", `POST ${bindings}`, bind("bv"));
    expect(text.split("\n")[0]).toBe(
      `403 rolebindings.rbac.authorization.k8s.io "bv" is forbidden: ${grants}`,
    );
    expect(text).toContain(
      '{APIGroups:["apps"], Resources:["deployments/scale"], Verbs:["get" "list" "watch"]}',
    );
  });

  test("verbs escalate and bind exempt, for the names they name", async () => {
    const metadata = { name: "exempt" };
    const rules = [
      rule("escalate", "roles", "rbac.authorization.k8s.io"),
      rule("bind", "clusterroles", "rbac.authorization.k8s.io", ["view"]),
    ];
    await client.create(ClusterRole, { metadata, rules });
    await client.create(ClusterRoleBinding, {
      metadata,
      roleRef: bindTo("exempt"),
      subjects: users("amy"),
    });
    expect(await as("amy", `POST ${roles}`, { metadata: { name: "r9" }, rules: [rule("*", "*", "*")] })).toBe(
      "201",
    );
    expect(await as("amy", `POST ${bindings}`, bind("b9"))).toBe("201");
    expect((await as("amy", `POST ${bindings}`, bind("b10", bindTo("edit")))).slice(0, 3)).toBe("403");
    await client.delete(ClusterRoleBinding, metadata);
  });

  test("superusers may bind what is not there yet", async () => {
    const body = bind("early", bindTo("later"));
    expect(await as("root", `POST ${bindings}`, body)).toBe("201");
    expect(await as("root", `PATCH ${bindings}/early`, { roleRef: { name: "view" } })).toBe(
      '422 RoleBinding.rbac.authorization.k8s.io "early" is invalid: roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"ClusterRole","Name":"view"}: cannot change roleRef',
    );
  });
});
