import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { V1PolicyRule } from "../../api/generated/types.ts";
import {
  ClusterRole,
  ClusterRoleBinding,
  Namespace,
  Role,
  RoleBinding,
  ServiceAccount,
} from "../../api/registry.ts";
import type { Client } from "../../client/client.ts";
import { ensurePki } from "../../security/pki.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import { asker, bearer } from "../authentication/access.test-support.ts";
import { parseTokenFile } from "../authentication/static-tokens.ts";
import type { ApiServer } from "../server.ts";
import { askHttp2, startServer } from "../server-fixture.ts";
import { bindTo, rule, users } from "./rules.test-support.ts";

const pki = await ensurePki({ nowMs: Date.now() });
const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };
const tokens = parseTokenFile(`
joe,joe,1,"dev,ops"
<b>&,<b>&,3,
`);

let server: ApiServer;
let client: Client;
let as: ReturnType<typeof asker>["as"];

beforeAll(async () => {
  server = await startServer(createMemoryStore(), tls, { tokens });
  client = server.client("test");
  as = asker(server, pki.caCert).as;
  for (const name of ["team", "other"]) {
    await client.create(Namespace, { metadata: { name } });
    await client.create(ServiceAccount, { metadata: { name: "default", namespace: name } });
  }
});
afterAll(() => server.stop());

describe("a refusal", () => {
  const cannot = (what: string) => `User "joe" cannot ${what}`;
  const inTeam = 'in API group "" in the namespace "team"';
  test.each([
    {
      asked: "GET /api/v1/namespaces/team/pods/x",
      says: `pods "x" is forbidden: ${cannot(`get resource "pods" ${inTeam}`)}`,
    },
    { asked: "HEAD /apis/nope.io/v1/foos", says: "" },
    {
      asked: "GET /api/v1/namespaces/team/pods",
      says: `pods is forbidden: ${cannot(`list resource "pods" ${inTeam}`)}`,
    },
    {
      asked: "GET /api/v1/namespaces/team/pods?watch=1",
      says: `pods is forbidden: ${cannot(`watch resource "pods" ${inTeam}`)}`,
    },
    {
      asked: "POST /api/v1/namespaces/team/pods",
      says: `pods is forbidden: ${cannot(`create resource "pods" ${inTeam}`)}`,
    },
    {
      asked: "DELETE /api/v1/namespaces/team/pods",
      says: `pods is forbidden: ${cannot(`deletecollection resource "pods" ${inTeam}`)}`,
    },
    {
      asked: "GET /api/v1/nodes",
      says: `nodes is forbidden: ${cannot('list resource "nodes" in API group "" at the cluster scope')}`,
    },
    {
      asked: "GET /api/v1/namespaces/team",
      says: `namespaces "team" is forbidden: ${cannot(`get resource "namespaces" ${inTeam}`)}`,
    },
    {
      asked: "PATCH /apis/apps/v1/namespaces/team/deployments/d/scale",
      says: `deployments.apps "d" is forbidden: ${cannot('patch resource "deployments/scale" in API group "apps" in the namespace "team"')}`,
    },
    {
      asked: "GET /apis/nope.io/v1/foos",
      says: `foos.nope.io is forbidden: ${cannot('list resource "foos" in API group "nope.io" at the cluster scope')}`,
    },
    {
      asked: "GET /api/v1/namespaces/team/secrets?fieldSelector=metadata.name%3Ds",
      says: `secrets "s" is forbidden: ${cannot(`list resource "secrets" ${inTeam}`)}`,
    },
    { asked: "GET /metrics", says: `forbidden: ${cannot('get path "/metrics"')}` },
    { asked: "POST /version", says: `forbidden: ${cannot('post path "/version"')}` },
    {
      asked: "OPTIONS /api/v1/nodes",
      says: `nodes is forbidden: ${cannot(' resource "nodes" in API group "" at the cluster scope')}`,
    },
  ])("of $asked", async ({ asked, says }) => {
    expect(await as("joe", asked)).toBe(asked.startsWith("HEAD") ? "403 " : `403 ${says}`);
  });

  test("has no markup of the request's, and is not guessed at by browsers", async () => {
    const answer = await askHttp2(server, pki.caCert, { path: "/<i>", headers: bearer("<b>&") });
    expect([answer.json()["message"], answer.headers["x-content-type-options"]]).toEqual([
      'forbidden: User "&lt;b&gt;&amp;" cannot get path "/&lt;i&gt;"',
      "nosniff",
    ]);
  });

  test("names the roles that are missing", async () => {
    const reference = { namespace: "team", name: "ghost" };
    await client.create(RoleBinding, {
      metadata: reference,
      roleRef: bindTo("ghost"),
      subjects: users("joe"),
    });
    expect(await as("joe", "GET /api/v1/namespaces/team/pods")).toBe(
      `403 pods is forbidden: ${cannot(`list resource "pods" ${inTeam}`)}: RBAC: clusterrole.rbac.authorization.k8s.io "ghost" not found`,
    );
    await client.delete(RoleBinding, reference);
  });

  test.each(["/api", "/apis", "/openapi/v3", "/version", "/healthz"])(
    "is not the answer to %s",
    async (path) => {
      expect(await as("joe", `GET ${path}`)).toBe("200");
    },
  );
});

describe("what a role allows", () => {
  beforeEach(async () => {
    await client.deleteCollection(Role, { namespace: "team" });
    await client.deleteCollection(RoleBinding, { namespace: "team" });
  });
  const grant = async (rules: V1PolicyRule[]) => {
    const metadata = { name: "joes", namespace: "team" };
    await client.create(Role, { metadata, rules });
    await client.create(RoleBinding, {
      metadata,
      roleRef: { apiGroup: "", kind: "Role", name: "joes" },
      subjects: users("joe"),
    });
  };
  const maps = "/api/v1/namespaces/team/configmaps";

  // "METHOD path: code"
  test.each([
    {
      name: "its verbs",
      rules: [rule("get,list", "configmaps")],
      wants: [
        `GET ${maps} 200`,
        `GET ${maps}/none 404`,
        `POST ${maps} 403`,
        "GET /api/v1/configmaps 403",
        "GET /api/v1/namespaces/other/configmaps 403",
        "GET /api/v1/namespaces/team/secrets 403",
      ],
    },
    {
      name: "its names",
      rules: [rule("get,list,watch,create", "configmaps", "", ["cm1"])],
      wants: [
        `GET ${maps}/cm1 404`,
        `GET ${maps}/cm2 403`,
        `GET ${maps} 403`,
        `GET ${maps}?fieldSelector=metadata.name%3Dcm1 200`,
        `GET ${maps}?fieldSelector=metadata.name%3Dcm2 403`,
        `GET ${maps}?fieldSelector=metadata.name!%3Dcm1 403`,
        `POST ${maps} 403`,
      ],
    },
    {
      name: "no subresource with the resource",
      rules: [rule("get", "pods")],
      wants: ["GET /api/v1/namespaces/team/pods/x 404", "GET /api/v1/namespaces/team/pods/x/log 403"],
    },
    {
      name: "a subresource alone",
      rules: [rule("get", "pods/log")],
      wants: ["GET /api/v1/namespaces/team/pods/x/log 404", "GET /api/v1/namespaces/team/pods/x 403"],
    },
    {
      name: "a subresource of all",
      rules: [rule("get", "*/status", "*")],
      wants: [
        "GET /api/v1/namespaces/team/pods/x/status 404",
        "GET /apis/apps/v1/namespaces/team/deployments/x/status 404",
        "GET /api/v1/namespaces/team/pods/x 403",
      ],
    },
    {
      name: "no pattern within a resource",
      rules: [rule("get", "pods/*")],
      wants: ["GET /api/v1/namespaces/team/pods/x/log 403"],
    },
    {
      name: "everything",
      rules: [rule("*", "*", "*")],
      wants: [
        "GET /api/v1/namespaces/team/pods/x/log 404",
        `GET ${maps} 200`,
        "GET /apis/apps/v1/namespaces/team/deployments 200",
        "GET /api/v1/nodes 403",
        "GET /metrics 403",
        "GET /api/v1/namespaces/other/pods 403",
      ],
    },
    {
      name: "its namespace's own object",
      rules: [rule("get", "namespaces")],
      wants: [
        "GET /api/v1/namespaces/team 200",
        "GET /api/v1/namespaces/other 403",
        "GET /api/v1/namespaces 403",
      ],
    },
  ])("$name", async ({ rules, wants }) => {
    await grant(rules);
    for (const want of wants) {
      const [method, path, code] = want.split(" ");
      expect((await as("joe", `${method} ${path}`)).slice(0, 3), want).toBe(code);
      // Once more, now that it may be remembered.
      expect((await as("joe", `${method} ${path}`)).slice(0, 3), want).toBe(code);
    }
  });

  test("a name reaches no deletecollection", async () => {
    await grant([rule("get,list,deletecollection", "configmaps", "", ["cm1"])]);
    const narrowed = `${maps}?fieldSelector=metadata.name%3Dcm1`;
    expect((await as("joe", `GET ${narrowed}`)).slice(0, 3)).toBe("200");
    expect((await as("joe", `DELETE ${narrowed}`)).slice(0, 3)).toBe("403");
  });

  test("to change is not to create", async () => {
    await grant([rule("update,patch", "configmaps,leases", ",coordination.k8s.io")]);
    const leases = "/apis/coordination.k8s.io/v1/namespaces/team/leases";
    const refused = (resource: string, group: string, name: string) =>
      `403 ${group === "" ? resource : `${resource}.${group}`} "${name}" is forbidden: User "joe" cannot create resource "${resource}" in API group "${group}" in the namespace "team"`;
    const apply = { "content-type": "application/apply-patch+yaml" };
    const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "new" } };
    expect(await as("joe", `PATCH ${maps}/new?fieldManager=joe`, configMap, apply)).toBe(
      refused("configmaps", "", "new"),
    );
    expect(await as("joe", `PUT ${leases}/new`, { metadata: { name: "new" } })).toBe(
      refused("leases", "coordination.k8s.io", "new"),
    );
  });

  test("paths, with and without an end", async () => {
    const metadata = { name: "paths" };
    const rules = [{ verbs: ["get"], nonResourceURLs: ["/metrics", "/logs/*"] }];
    await client.create(ClusterRole, { metadata, rules });
    await client.create(ClusterRoleBinding, {
      metadata,
      roleRef: bindTo("paths"),
      subjects: users("joe"),
    });
    const codes = ["/logs/x", "/logs", "/metrics/slis", "/logsx"].map((path) => as("joe", `GET ${path}`));
    expect((await Promise.all(codes)).map((text) => text.slice(0, 3))).toEqual(["404", "403", "403", "403"]);
    await client.delete(ClusterRoleBinding, metadata);
  });
});
