import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { V1ClusterRole } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { ClusterRole, ClusterRoleBinding, Namespace, Pod, Role, RoleBinding } from "../../api/registry.ts";
import type { Client } from "../../client/client.ts";
import { ensurePki } from "../../security/pki.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import type { Store } from "../../store/store.ts";
import type { ApiServer } from "../server.ts";
import { askHttp2, startServer } from "../server-fixture.ts";
import { bootstrapPolicy } from "./bootstrap/bootstrap-policy.ts";

const pki = await ensurePki({ nowMs: Date.now() });
const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };

let store: Store;
let server: ApiServer;
let client: Client;

/** Who is who. Groups stand after the name; `@ns` marks a service account. */
const SUBJECTS: Readonly<Record<string, { user: string; groups: string[] }>> = {
  root: { user: "root", groups: ["system:masters"] },
  boss: { user: "boss", groups: ["bosses", "system:authenticated"] },
  admin: { user: "ann", groups: ["system:authenticated"] },
  editor: { user: "ed", groups: ["system:authenticated"] },
  viewer: { user: "vi", groups: ["system:authenticated"] },
  auditor: { user: "aud", groups: ["auditors", "system:authenticated"] },
  anybody: { user: "joe", groups: ["system:authenticated"] },
  nobody: { user: "system:anonymous", groups: ["system:unauthenticated"] },
  monitor: { user: "prom", groups: ["system:monitoring", "system:authenticated"] },
  scheduler: { user: "system:kube-scheduler", groups: ["system:authenticated"] },
  manager: { user: "system:kube-controller-manager", groups: ["system:authenticated"] },
  proxy: { user: "system:kube-proxy", groups: ["system:authenticated"] },
  node: { user: "system:node:n1", groups: ["system:nodes", "system:authenticated"] },
  app: {
    user: "system:serviceaccount:team:default",
    groups: ["system:serviceaccounts", "system:serviceaccounts:team", "system:authenticated"],
  },
  ...Object.fromEntries(
    [
      "deployment-controller",
      "job-controller",
      "namespace-controller",
      "clusterrole-aggregation-controller",
    ].map((name) => [
      name,
      {
        user: `system:serviceaccount:kube-system:${name}`,
        groups: ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
      },
    ]),
  ),
};

beforeAll(async () => {
  store = createMemoryStore();
  server = await startServer(store, tls);
  client = server.client("test");
  await client.create(Namespace, { metadata: { name: "team" } });
  for (const [role, user] of [
    ["admin", "ann"],
    ["edit", "ed"],
    ["view", "vi"],
  ] as const) {
    await client.create(RoleBinding, {
      metadata: { name: user, namespace: "team" },
      roleRef: { apiGroup: "", kind: "ClusterRole", name: role },
      subjects: [{ kind: "User", name: user }],
    });
  }
  for (const [role, group] of [
    ["cluster-admin", "bosses"],
    ["view", "auditors"],
  ] as const) {
    await client.create(ClusterRoleBinding, {
      metadata: { name: group },
      roleRef: { apiGroup: "", kind: "ClusterRole", name: role },
      subjects: [{ kind: "Group", name: group }],
    });
  }
});
afterAll(() => server.stop());

/**
 * "subject verb what [in namespace]"; what is `resource[/subresource][.group][:name]` or a `/path`. Grouped by the answer.
 */
const YES = `
  root delete nodes | root get /metrics | root impersonate users:x | boss create clusterroles.rbac.authorization.k8s.io
  boss get /metrics | boss deletecollection secrets in kube-system | boss * *.*
  admin create roles.rbac.authorization.k8s.io in team | admin update rolebindings.rbac.authorization.k8s.io in team
  admin create localsubjectaccessreviews.authorization.k8s.io in team | admin get secrets in team
  admin delete pods in team | admin create deployments.apps in team | admin get namespaces:team in team
  admin create serviceaccounts/token in team | admin impersonate serviceaccounts:default in team
  editor create pods in team | editor create pods/exec in team | editor get secrets in team | editor patch deployments/scale.apps in team
  editor deletecollection configmaps in team | editor create pods/eviction in team | editor watch leases.coordination.k8s.io in team
  editor update ingresses.networking.k8s.io in team | editor list events.events.k8s.io in team | editor get pods/log in team
  viewer get pods in team | viewer list configmaps in team | viewer watch deployments.apps in team | viewer get pods/log in team
  viewer get deployments/scale.apps in team | viewer list jobs.batch in team | viewer get resourcequotas/status in team
  viewer get namespaces:team in team | viewer list endpointslices.discovery.k8s.io in team
  auditor list pods in kube-system | auditor list pods | auditor get persistentvolumeclaims in team
  anybody create selfsubjectaccessreviews.authorization.k8s.io | anybody create selfsubjectrulesreviews.authorization.k8s.io
  anybody create selfsubjectreviews.authentication.k8s.io | anybody get /api | anybody get /apis/apps/v1 | anybody get /openapi/v3
  anybody get /healthz | nobody get /healthz | nobody get /version | nobody get /livez | nobody get /readyz
  monitor get /metrics | monitor get /livez/ping | monitor get nodes/metrics
  scheduler create pods/binding in team | scheduler watch pods | scheduler delete pods in team | scheduler patch pods/status in team
  scheduler update leases.coordination.k8s.io:kube-scheduler in kube-system | scheduler list storageclasses.storage.k8s.io
  scheduler create events.events.k8s.io in team | scheduler list poddisruptionbudgets.policy
  manager list widgets.example.com | manager create serviceaccounts/token in kube-system | manager get secrets in team
  manager update leases.coordination.k8s.io:kube-controller-manager in kube-system
  proxy watch services | proxy watch endpointslices.discovery.k8s.io | proxy get nodes:n1
  node get nodes:n1 | node patch nodes/status:n1 | node list services | node create tokenreviews.authentication.k8s.io
  node update leases.coordination.k8s.io:n1 in kube-node-lease | node create pods/eviction in team
  app get /openid/v1/jwks | app get /.well-known/openid-configuration
  deployment-controller create replicasets.apps in team | deployment-controller update deployments/status.apps in team
  job-controller create pods in team | namespace-controller deletecollection widgets.example.com in team
  clusterrole-aggregation-controller escalate clusterroles.rbac.authorization.k8s.io:admin`;

const NO = `
  admin create roles.rbac.authorization.k8s.io in default | admin create resourcequotas in team | admin delete namespaces:team in default
  admin list nodes | admin list pods | admin escalate roles.rbac.authorization.k8s.io in team | admin bind clusterroles.rbac.authorization.k8s.io in team
  editor create roles.rbac.authorization.k8s.io in team | editor get pods in default | editor update endpoints in team
  editor update resourcequotas in team | editor patch pods/status in team | editor get nodes
  viewer get secrets in team | viewer create pods in team | viewer get pods/exec in team | viewer create pods/exec in team
  viewer list roles.rbac.authorization.k8s.io in team | viewer get pods in default | viewer get pods/portforward in team
  auditor list secrets | auditor list nodes | auditor delete pods in team
  anybody list pods in team | anybody get /metrics | anybody get /logs | anybody create subjectaccessreviews.authorization.k8s.io
  anybody get /healthz/ping | nobody get /api | nobody get /healthz/ping | nobody create selfsubjectreviews.authentication.k8s.io
  monitor list pods | monitor get /debug/pprof
  scheduler create pods in team | scheduler get secrets in team | scheduler update leases.coordination.k8s.io:other in default
  manager delete pods in team | manager update deployments.apps in team | manager delete configmaps in team
  proxy update services in team | proxy get secrets in team
  node get nodes:n2 | node list nodes | node list pods | node get secrets:s in team | node delete nodes:n1
  node update leases.coordination.k8s.io:n2 in kube-node-lease | app get pods in team | app get secrets in team
  deployment-controller create pods in team | job-controller delete jobs.batch in team | namespace-controller create pods in team`;

interface Question {
  readonly text: string;
  readonly allowed: boolean;
}

function questions(table: string, allowed: boolean): Question[] {
  return table
    .split(/[|\n]/)
    .map((text) => text.trim())
    .filter(Boolean)
    .map((text) => ({ text, allowed }));
}

/** The SubjectAccessReview of a question in words. */
function reviewOf(text: string): object {
  const [subject = "", verb = "", what = "", , namespace] = text.split(" ");
  const who = SUBJECTS[subject];
  if (who === undefined) throw new Error(`who is ${subject}?`);
  if (what.startsWith("/")) return { spec: { ...who, nonResourceAttributes: { path: what, verb } } };
  const [address = "", ...names] = what.split(":");
  const [full = "", ...group] = address.split(".");
  const [resource, subresource] = full.split("/");
  const name = names.length > 0 ? names.join(":") : undefined;
  return {
    spec: {
      ...who,
      resourceAttributes: { verb, group: group.join("."), resource, subresource, namespace, name },
    },
  };
}

async function ask(path: string, body: object): Promise<Record<string, unknown>> {
  const answer = await askHttp2(
    server,
    pki.caCert,
    { method: "POST", path, body: JSON.stringify(body) },
    pki.admin,
  );
  expect(answer.code).toBe(201);
  return answer.json();
}

const table = [...questions(YES, true), ...questions(NO, false)];

describe("the bootstrap roles", () => {
  test("are asked at least a hundred questions", () => expect(table.length).toBeGreaterThanOrEqual(100));

  test.each(table)("$text: $allowed", async ({ text, allowed }) => {
    const review = await ask("/apis/authorization.k8s.io/v1/subjectaccessreviews", reviewOf(text));
    expect((review["status"] as { allowed: boolean }).allowed).toBe(allowed);
  });

  test("say why", async () => {
    const reasonOf = async (text: string) =>
      (await ask("/apis/authorization.k8s.io/v1/subjectaccessreviews", reviewOf(text)))["status"];
    expect(await reasonOf("scheduler list pods")).toEqual({
      allowed: true,
      reason:
        'RBAC: allowed by ClusterRoleBinding "system:kube-scheduler" of ClusterRole "system:kube-scheduler" to User "system:kube-scheduler"',
    });
    expect(await reasonOf("viewer get pods in team")).toEqual({
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "vi/team" of ClusterRole "view" to User "vi"',
    });
    expect(await reasonOf("job-controller create pods in team")).toEqual({
      allowed: true,
      reason:
        'RBAC: allowed by ClusterRoleBinding "system:controller:job-controller" of ClusterRole "system:controller:job-controller" to ServiceAccount "job-controller/kube-system"',
    });
    expect(await reasonOf("root list pods")).toEqual({ allowed: true });
    expect(await reasonOf("anybody list pods")).toEqual({ allowed: false });
    expect(await reasonOf("node list pods")).toEqual({
      allowed: false,
      reason: "can only list/watch pods with spec.nodeName field selector",
    });
  });
});

describe("the objects", () => {
  test("are there by their names, marked as the server's", async () => {
    const count = async (kind: Kind, namespace?: string) =>
      (await client.list(kind, { namespace })).items.length;
    expect({
      clusterRoles: await count(ClusterRole as unknown as Kind),
      roles: await count(Role as unknown as Kind),
    }).toEqual({ clusterRoles: 69, roles: 7 });
    const role = await client.get(ClusterRole, { name: "view" });
    expect(role.metadata).toMatchObject({
      labels: {
        "kubernetes.io/bootstrapping": "rbac-defaults",
        "rbac.authorization.k8s.io/aggregate-to-edit": "true",
      },
      annotations: { "rbac.authorization.kubernetes.io/autoupdate": "true" },
    });
    expect(role.aggregationRule).toEqual({
      clusterRoleSelectors: [{ matchLabels: { "rbac.authorization.k8s.io/aggregate-to-view": "true" } }],
    });
    const admin = await client.get(ClusterRole, { name: "admin" });
    expect(admin.rules?.length).toBe(
      (await rulesOf("system:aggregate-to-admin")) +
        (await rulesOf("system:aggregate-to-edit")) +
        (await rulesOf("system:aggregate-to-view")),
    );
  });

  const rulesOf = async (name: string) => (await client.get(ClusterRole, { name })).rules?.length ?? 0;

  test("are what the verb create makes of them", async () => {
    const { clusterRoles, clusterRoleBindings, roles, roleBindings } = bootstrapPolicy();
    const all = [...clusterRoles, ...clusterRoleBindings, ...roles, ...roleBindings];
    const kinds: Readonly<Record<string, unknown>> = { ClusterRole, ClusterRoleBinding, Role, RoleBinding };
    for (const wanted of all) {
      const kind = kinds[wanted.kind ?? ""] as Kind;
      const { name = "", namespace } = wanted.metadata ?? {};
      const renamed = { ...wanted, metadata: { ...wanted.metadata, name: `x${name}` } };
      const { metadata: _, ...made } = await client.create(kind, renamed, { dryRun: true });
      const { metadata, ...stored } = await client.get(kind, { name, namespace });
      expect(stored).toEqual(made);
      expect(metadata?.uid).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  test("get back what they lack at the next start, and keep what was added", async () => {
    const added = { verbs: ["get"], apiGroups: ["example.com"], resources: ["widgets"] };
    const names = ["system:kube-scheduler", "system:discovery"];
    const before = await Promise.all(names.map((name) => client.get(ClusterRole, { name })));
    await client.update(ClusterRole, { ...before[0], rules: [...(before[0]?.rules ?? []).slice(3), added] });
    const untouched: V1ClusterRole = {
      ...before[1],
      rules: [],
      metadata: {
        ...before[1]?.metadata,
        annotations: { "rbac.authorization.kubernetes.io/autoupdate": "false" },
      },
    };
    await client.update(ClusterRole, untouched);
    await client.delete(ClusterRoleBinding, { name: "system:node-proxier" });
    const again = await startServer(store, tls);
    try {
      const [scheduler, discovery] = await Promise.all(
        names.map((name) => client.get(ClusterRole, { name })),
      );
      expect(scheduler?.rules).toContainEqual(added);
      for (const rule of before[0]?.rules?.slice(3) ?? []) expect(scheduler?.rules).toContainEqual(rule);
      expect(
        await ask(
          "/apis/authorization.k8s.io/v1/subjectaccessreviews",
          reviewOf("scheduler create events in team"),
        ),
      ).toMatchObject({ status: { allowed: true } });
      expect(discovery?.rules ?? []).toEqual([]);
      const binding = await client.get(ClusterRoleBinding, { name: "system:node-proxier" });
      expect(binding.subjects).toEqual([
        { apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "system:kube-proxy" },
      ]);
    } finally {
      await again.stop();
    }
  });
});

test("what RBAC says changes with its objects, at once", async () => {
  const may = async () => {
    const review = await ask(
      "/apis/authorization.k8s.io/v1/subjectaccessreviews",
      reviewOf("anybody list pods in team"),
    );
    return review["status"] as { allowed: boolean; reason?: string };
  };
  const reference = { namespace: "team", name: "late" };
  const roleRef = { apiGroup: "", kind: "Role", name: "late" };
  expect(await may()).toEqual({ allowed: false });
  await client.create(RoleBinding, {
    metadata: reference,
    roleRef,
    subjects: [{ kind: "User", name: "joe" }],
  });
  expect(await may()).toEqual({
    allowed: false,
    reason: 'RBAC: role.rbac.authorization.k8s.io "late" not found',
  });
  await client.create(Role, {
    metadata: reference,
    rules: [{ verbs: ["list"], apiGroups: [""], resources: ["pods"] }],
  });
  expect((await may()).allowed).toBe(true);
  await client.update(Role, {
    metadata: reference,
    rules: [{ verbs: ["get"], apiGroups: [""], resources: ["pods"] }],
  });
  expect(await may()).toEqual({ allowed: false });
  await client.update(Role, {
    metadata: reference,
    rules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }],
  });
  expect((await may()).allowed).toBe(true);
  await client.delete(RoleBinding, reference);
  expect(await may()).toEqual({ allowed: false });
  expect((await client.list(Pod, { namespace: "team" })).items).toEqual([]);
});
