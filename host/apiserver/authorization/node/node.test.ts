import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ConfigMap,
  Namespace,
  Node,
  PersistentVolume,
  Pod,
  Secret,
  ServiceAccount,
} from "../../../api/registry.ts";
import type { Client } from "../../../client/client.ts";
import { ensurePki } from "../../../security/pki.ts";
import { createMemoryStore } from "../../../store/memory-store.ts";
import { asker } from "../../authentication/access.test-support.ts";
import { parseTokenFile } from "../../authentication/static-tokens.ts";
import type { ApiServer } from "../../server.ts";
import { startServer } from "../../server-fixture.ts";

const pki = await ensurePki({ nowMs: Date.now() });
const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };
const tokens = parseTokenFile(`
n1,system:node:n1,4,system:nodes
fake,system:node:n1,5,
`);

let server: ApiServer;
let client: Client;
let as: ReturnType<typeof asker>["as"];

beforeAll(async () => {
  server = await startServer(createMemoryStore(), tls, { tokens });
  client = server.client("test");
  as = asker(server, pki.caCert).as;
  await client.create(Namespace, { metadata: { name: "team" } });
  await client.create(ServiceAccount, { metadata: { name: "default", namespace: "team" } });
});
afterAll(() => server.stop());

describe("a node", () => {
  const pod = (name: string, nodeName: string, spec: object = {}) => ({
    metadata: { name, namespace: "team" },
    spec: { nodeName, containers: [{ name: "c", image: "i" }], ...spec },
  });
  beforeAll(async () => {
    await client.create(Node, { metadata: { name: "n1" } });
    await client.create(Node, { metadata: { name: "n2" } });
    for (const name of ["mine", "env", "pull", "driver", "theirs"])
      await client.create(Secret, { metadata: { name, namespace: "team" } });
    await client.create(ConfigMap, { metadata: { name: "mine", namespace: "team" } });
    await client.create(
      Pod,
      pod("a", "n1", {
        volumes: [
          { name: "s", secret: { secretName: "mine" } },
          { name: "c", configMap: { name: "mine" } },
          { name: "d", persistentVolumeClaim: { claimName: "disk" } },
        ],
        imagePullSecrets: [{ name: "pull" }],
        containers: [{ name: "c", image: "i", envFrom: [{ secretRef: { name: "env" } }] }],
      }),
    );
    await client.create(Pod, pod("b", "n2", { volumes: [{ name: "s", secret: { secretName: "theirs" } }] }));
    await client.create(PersistentVolume, {
      metadata: { name: "pv" },
      spec: {
        accessModes: ["ReadWriteOnce"],
        capacity: { storage: "1Gi" },
        claimRef: { namespace: "team", name: "disk" },
        csi: { driver: "d", volumeHandle: "h", nodePublishSecretRef: { namespace: "team", name: "driver" } },
      },
    });
  });
  const at = "/api/v1/namespaces/team";
  const unrelated = "no relationship found between node 'n1' and this object";
  const mirror = { "kubernetes.io/config.mirror": "x" };

  test.each([
    { asked: `GET ${at}/secrets/mine`, says: "200" },
    { asked: `GET ${at}/secrets/env`, says: "200" },
    { asked: `GET ${at}/secrets/pull`, says: "200" },
    { asked: `GET ${at}/secrets/driver`, says: "200" },
    { asked: `GET ${at}/configmaps/mine`, says: "200" },
    { asked: `GET ${at}/configmaps?fieldSelector=metadata.name%3Dmine`, says: "200" },
    { asked: "GET /api/v1/persistentvolumes/pv", says: "200" },
    { asked: `GET ${at}/secrets/theirs`, says: unrelated },
    { asked: `GET ${at}/secrets`, says: "No Object name found" },
    { asked: `DELETE ${at}/secrets/mine`, says: "can only read resources of this type" },
    { asked: `GET ${at}/persistentvolumeclaims`, says: "can only get individual resources of this type" },
    {
      asked: `PATCH ${at}/persistentvolumeclaims/disk`,
      says: "can only get individual resources of this type",
    },
    { asked: "GET /api/v1/nodes/n1", says: "200" },
    { asked: "GET /api/v1/nodes?fieldSelector=metadata.name%3Dn1", says: "200" },
    { asked: "GET /api/v1/nodes", says: "node 'n1' cannot read all nodes, only its own Node object" },
    { asked: "GET /api/v1/nodes/n2", says: "node 'n1' cannot read 'n2', only its own Node object" },
    { asked: "GET /api/v1/pods?fieldSelector=spec.nodeName%3Dn1", says: "200" },
    {
      asked: "GET /api/v1/pods?fieldSelector=spec.nodeName%3Dn2",
      says: "can only list/watch pods with spec.nodeName field selector",
    },
    { asked: "GET /api/v1/pods", says: "can only list/watch pods with spec.nodeName field selector" },
    { asked: `GET ${at}/pods/a`, says: "200" },
    { asked: `GET ${at}/pods/b`, says: unrelated },
    { asked: "GET /api/v1/services", says: "200" },
    { asked: `GET ${at}/serviceaccounts/default`, says: "200" },
    { asked: `POST ${at}/serviceaccounts/none/token`, body: {}, says: unrelated },
    {
      asked: `POST ${at}/serviceaccounts/default/token`,
      body: {},
      says: "node requested token not bound to a pod",
    },
    {
      asked: `POST ${at}/serviceaccounts/default/token`,
      body: { spec: { boundObjectRef: { apiVersion: "v1", kind: "Pod", name: "a" } } },
      says: "node requested token with a pod binding without a uid",
    },
    { asked: "PATCH /api/v1/nodes/n1/status", body: {}, says: "200" },
    {
      asked: "PATCH /api/v1/nodes/n2",
      body: { metadata: { labels: { a: "b" } } },
      says: 'node "n1" is not allowed to modify node "n2"',
    },
    {
      asked: "PATCH /api/v1/nodes/n1",
      body: { metadata: { labels: { a: "b", "kubernetes.io/os": "linux" } } },
      says: "200",
    },
    {
      asked: "PATCH /api/v1/nodes/n1",
      body: { metadata: { labels: { "foo.kubernetes.io/a": "b", "node-restriction.kubernetes.io/x": "y" } } },
      says: 'node "n1" is not allowed to modify labels: foo.kubernetes.io/a, node-restriction.kubernetes.io/x',
    },
    {
      asked: "PATCH /api/v1/nodes/n1",
      body: { spec: { taints: [{ key: "k", effect: "NoSchedule" }] } },
      says: 'node "n1" is not allowed to modify taints',
    },
    {
      asked: `POST ${at}/pods`,
      body: pod("p", "n1"),
      says: 'pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods',
    },
    {
      asked: `POST ${at}/pods`,
      body: { ...pod("p", "n2"), metadata: { name: "p", annotations: mirror } },
      says: 'node "n1" can only create pods with spec.nodeName set to itself',
    },
    {
      asked: `POST ${at}/pods`,
      body: { ...pod("p", "n1"), metadata: { name: "p", annotations: mirror } },
      says: "201",
    },
    { asked: `DELETE ${at}/pods/b`, says: 'node "n1" can only delete pods with spec.nodeName set to itself' },
    { asked: `PATCH ${at}/pods/a/status`, body: { status: { phase: "Running" } }, says: "200" },
    {
      asked: `PATCH ${at}/pods/a/status`,
      body: { metadata: { labels: { a: "b" } } },
      says: 'node "n1" cannot update labels through pod status',
    },
    {
      asked: `PATCH ${at}/pods/b/status`,
      body: { status: { phase: "Running" } },
      says: 'node "n1" can only update pod status for pods with spec.nodeName set to itself',
    },
    {
      asked: "POST /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
      body: { metadata: { name: "n2" } },
      says: "can only access node lease with the same name as the requesting node",
    },
    {
      asked: "POST /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
      body: { metadata: { name: "n1" } },
      says: "201",
    },
    {
      asked: "GET /apis/coordination.k8s.io/v1/namespaces/team/leases/n1",
      says: 'can only access leases in the "kube-node-lease" system namespace',
    },
    {
      asked: "GET /apis/storage.k8s.io/v1/csinodes/n2",
      says: "can only access CSINode with the same name as the requesting node",
    },
    { asked: `PATCH ${at}/configmaps/mine`, body: {}, says: "can only read resources of this type" },
  ])("$asked: $says", async ({ asked, body, says }) => {
    const answer = await as("n1", asked, body);
    if (/^\d{3}$/.test(says)) expect(answer).toBe(says);
    else expect([answer.slice(0, 3), answer.slice(-says.length - 2)]).toEqual(["403", `: ${says}`]);
  });

  test("needs its group as well as its name", async () => {
    expect((await as("fake", "GET /api/v1/nodes/n1")).slice(0, 3)).toBe("403");
  });

  test("gets the token of its pod, and sees no more of a pod's when it has gone", async () => {
    const { metadata } = await client.get(Pod, { namespace: "team", name: "a" });
    const spec = { boundObjectRef: { apiVersion: "v1", kind: "Pod", name: "a", uid: metadata?.uid } };
    const asked = `POST ${at}/serviceaccounts/default/token`;
    expect(await as("n1", asked, { spec })).toBe("201");
    expect(await as("n1", asked, { spec: { ...spec, audiences: ["vault"] } })).toContain(
      'audience "vault" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience',
    );
    await client.delete(Pod, { namespace: "team", name: "a" }, { gracePeriodSeconds: 0 });
    expect(await as("n1", `GET ${at}/secrets/mine`)).toContain(unrelated);
    expect(await as("n1", "GET /api/v1/persistentvolumes/pv")).toContain(unrelated);
  });
});
