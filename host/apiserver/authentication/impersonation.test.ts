import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ClusterRole, ClusterRoleBinding } from "../../api/registry.ts";
import type { Client } from "../../client/client.ts";
import { ensurePki } from "../../security/pki.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import { bindTo, rule, users } from "../authorization/rules.test-support.ts";
import type { ApiServer } from "../server.ts";
import { startServer } from "../server-fixture.ts";
import { asker, bearer, type Headers } from "./access.test-support.ts";
import { parseTokenFile } from "./static-tokens.ts";

const pki = await ensurePki({ nowMs: Date.now() });
const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };
const tokens = parseTokenFile(`
root,root,0,system:masters
joe,joe,1,"dev,ops"
`);

let server: ApiServer;
let client: Client;
let who: ReturnType<typeof asker>["who"];
let as: ReturnType<typeof asker>["as"];

beforeAll(async () => {
  server = await startServer(createMemoryStore(), tls, { tokens });
  client = server.client("test");
  ({ as, who } = asker(server, pki.caCert));
});
afterAll(() => server.stop());

describe("acting as somebody else", () => {
  const bob: Headers = { "impersonate-user": "bob" };
  test.each([
    { name: "a superuser", as: bob, says: { username: "bob", groups: ["system:authenticated"] } },
    {
      name: "with groups",
      as: {
        ...bob,
        "impersonate-group": ["a", "b, c"],
        "impersonate-uid": "7",
        "impersonate-extra-scopes": ["x", "y"],
      },
      says: {
        username: "bob",
        uid: "7",
        groups: ["a", "b, c", "system:authenticated"],
        extra: { scopes: ["x", "y"] },
      },
    },
    {
      name: "an account",
      as: { "impersonate-user": "system:serviceaccount:team:bot" },
      says: {
        username: "system:serviceaccount:team:bot",
        groups: ["system:serviceaccounts", "system:serviceaccounts:team", "system:authenticated"],
      },
    },
    {
      name: "nobody",
      as: { "impersonate-user": "system:anonymous" },
      says: '403 selfsubjectreviews.authentication.k8s.io is forbidden: User "system:anonymous" cannot create resource "selfsubjectreviews" in API group "authentication.k8s.io" at the cluster scope',
    },
    {
      name: "a group without a user",
      as: { "impersonate-group": "g" },
      says: '400 requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"g"}, Extra:map[string][]string(nil)} without impersonating a user name',
    },
    {
      name: "an extra without a user",
      as: { "impersonate-extra-k": "v" },
      says: '400 requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string(nil), Extra:map[string][]string{"k":[]string{"v"}}} without impersonating a user name',
    },
  ])("$name", async ({ as: headers, says }) => {
    const answer = await who({ ...bearer("root"), ...(headers as Headers) });
    if (typeof says === "string") expect(answer).toBe(says);
    else expect(answer).toEqual(says);
  });

  const list = "GET /api/v1/namespaces/team/pods";
  test.each([
    {
      name: "one who may not",
      headers: bob,
      says: '403 pods is forbidden: User "joe" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "team"',
    },
    {
      name: "an account",
      headers: { "impersonate-user": "system:serviceaccount:team:x" },
      says: '403 pods is forbidden: User "joe" cannot impersonate-on:serviceaccount:list resource "pods" in API group "" in the namespace "team"',
    },
    {
      name: "a node",
      headers: { "impersonate-user": "system:node:n1" },
      says: '403 pods is forbidden: User "joe" cannot impersonate-on:arbitrary-node:list resource "pods" in API group "" in the namespace "team"',
    },
  ])("$name is told why", async ({ headers, says }) => {
    expect(await as("joe", list, undefined, headers as Headers)).toBe(says);
    expect(await as("joe", "GET /api", undefined, bob)).toBe(
      '403 forbidden: User "joe" cannot impersonate-on:user-info:get path "/api"',
    );
  });

  test.each([
    { name: "of old", rules: [rule("impersonate", "users", "", ["bob"])], others: ["eve"] },
    {
      name: "constrained",
      rules: [
        rule("impersonate-on:user-info:get,impersonate-on:user-info:list", "pods"),
        rule("impersonate:user-info", "users", "authentication.k8s.io", ["bob"]),
      ],
      others: ["eve"],
    },
  ])("$name, by name", async ({ rules, others }) => {
    const metadata = { name: "imp" };
    await client.create(ClusterRole, { metadata, rules });
    await client.create(ClusterRoleBinding, { metadata, roleRef: bindTo("imp"), subjects: users("joe") });
    expect(await as("joe", list, undefined, bob)).toBe(
      '403 pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "team"',
    );
    for (const other of others)
      expect(await as("joe", list, undefined, { "impersonate-user": other })).toContain("cannot impersonate");
    const masters = { ...bob, "impersonate-group": "system:masters" };
    expect((await as("joe", list, undefined, masters)).slice(0, 3)).toBe("403");
    await client.delete(ClusterRoleBinding, metadata);
    await client.delete(ClusterRole, metadata);
  });
});
