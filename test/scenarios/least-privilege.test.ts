import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  CertificateSigningRequest,
  ClusterRole,
  ClusterRoleBinding,
  ConfigMap,
  Deployment,
  EndpointSlice,
  Namespace,
  Pod,
  PodDisruptionBudget,
  PodGroup,
  Secret,
  Service,
  ServiceAccount,
  Workload,
} from "../../host/api/registry.ts";
import { SystemClock, sleep } from "../../host/apimachinery/clock.ts";
import { createLogger } from "../../host/apimachinery/log.ts";
import { seededRandom } from "../../host/apimachinery/random.ts";
import { type ApiServer, createApiServer } from "../../host/apiserver/server.ts";
import type { Client } from "../../host/client/client.ts";
import { createHttpClient } from "../../host/client/http-client.ts";
import { createServiceAccountClient } from "../../host/client/service-account-client.ts";
import { startControllers } from "../../host/controllers/index.ts";
import { startSimulatedKubelet } from "../../host/kubelet/simulated.ts";
import { startScheduler } from "../../host/scheduler/component.ts";
import { issueCertificate } from "../../host/security/certificate.ts";
import { makeRequest } from "../../host/security/certificate-request.test-support.ts";
import { ensurePki } from "../../host/security/pki.ts";
import { requestSigner } from "../../host/security/sign-request.ts";
import { createMemoryStore } from "../../host/store/memory-store.ts";

/**
 * Controllers and scheduler over HTTPS with nothing but what the bootstrap roles give them: the controllers each as its
 * service account, as `kube-controller-manager --use-service-account-credentials` runs them.
 */
const clock = new SystemClock();
const random = seededRandom(11);
const lines: string[] = [];
const featureGates = { GenericWorkload: true, GangScheduling: true };
const log = createLogger((line) => lines.push(line), "info");
const pki = await ensurePki({ nowMs: clock.nowMs() });
const stops: (() => unknown)[] = [];

let server: ApiServer;
let root: Client;

async function access(commonName: string) {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const cert = await issueCertificate(
    {
      subject: { commonName },
      usage: "client",
      publicKey,
      notBeforeMs: clock.nowMs() - 3_600_000,
      notAfterMs: clock.nowMs() + 3_600_000,
    },
    { subject: { commonName: "pintle-ca" }, privateKey: createPrivateKey(pki.caKey) },
  );
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { server: server.url, ca: pki.caCert, cert, key };
}

beforeAll(async () => {
  const tls = { caCert: pki.caCert, ...pki.serving };
  const runtimeConfig = new Set(["scheduling.k8s.io/v1alpha2"]);
  const store = createMemoryStore({});
  server = await createApiServer({ store, clock, random, log, port: 0, tls, featureGates, runtimeConfig });
  stops.push(() => server.stop());
  root = server.client("test");
  const manager = await access("system:kube-controller-manager");
  const client = createHttpClient(manager);
  const clients = [client];
  const controllers = await startControllers({
    client,
    clock,
    random,
    log,
    rootCa: pki.caCert,
    featureGates,
    signToken: server.signToken,
    signCertificate: requestSigner(pki),
    clientFor: (name) => {
      const account = { namespace: "kube-system", name };
      const own = createServiceAccountClient({ client, account, access: manager, clock });
      clients.push(own);
      return own;
    },
  });
  stops.push(() => clients.map((one) => one.close()), controllers.stop);
  const schedulerClient = createHttpClient(await access("system:kube-scheduler"));
  const scheduler = await startScheduler({
    client: schedulerClient,
    clock,
    random,
    log,
    featureGates,
    ties: "random",
    thread: "caller",
  });
  stops.push(() => schedulerClient.close(), scheduler.stop);
  const kubelet = await startSimulatedKubelet({
    client: server.client("kubelets"),
    clock,
    random,
    log,
    nodes: 2,
  });
  stops.push(kubelet.stop);
});
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

async function until(done: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    if (await done()) return;
    await sleep(clock, 20);
  }
  throw new Error(lines.slice(-40).join("\n"));
}

test("a Deployment runs, is served and goes, and nobody was refused anything", async () => {
  const namespace = "work";
  const labels = { app: "web" };
  await root.create(Namespace, { metadata: { name: namespace } });
  await until(async () => (await root.list(ServiceAccount, { namespace })).items.length === 1);
  await root.create(Deployment, {
    metadata: { name: "web", namespace },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "nginx" }] } },
    },
  });
  await root.create(PodDisruptionBudget, {
    metadata: { name: "web", namespace },
    spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
  });
  await root.create(Service, {
    metadata: { name: "web", namespace },
    spec: { selector: labels, ports: [{ port: 80 }] },
  });
  await until(
    async () => (await root.get(Deployment, { namespace, name: "web" })).status?.readyReplicas === 3,
  );
  await until(async () => {
    const { items } = await root.list(EndpointSlice, { namespace });
    return items.flatMap(({ endpoints }) => endpoints ?? []).length === 3;
  });
  await until(async () => {
    const { status } = await root.get(PodDisruptionBudget, { namespace, name: "web" });
    return status?.disruptionsAllowed === 1;
  });
  expect((await root.list(ConfigMap, { namespace })).items.map(({ metadata }) => metadata?.name)).toEqual([
    "kube-root-ca.crt",
  ]);
  await root.delete(Deployment, { namespace, name: "web" });
  await until(async () => (await root.list(Pod, { namespace })).items.length === 0);
  await root.delete(Namespace, { name: namespace });
  await until(async () =>
    (await root.list(Namespace)).items.every(({ metadata }) => metadata?.name !== namespace),
  );
  expect(lines.filter((line) => /forbidden|Unauthorized|cannot/i.test(line))).toEqual([]);
}, 60_000);

test("a gang is placed, told so, owned and let go, and nobody was refused anything", async () => {
  const namespace = "gangs";
  await root.create(Namespace, { metadata: { name: namespace } });
  await until(async () => (await root.list(ServiceAccount, { namespace })).items.length === 1);
  const policy = { schedulingPolicy: { gang: { minCount: 2 } } };
  const workload = await root.create(Workload, {
    metadata: { name: "jobs", namespace },
    spec: { podGroupTemplates: [{ name: "main", ...policy }] },
  });
  const { uid = "" } = workload.metadata ?? {};
  const owner = { apiVersion: "scheduling.k8s.io/v1alpha2", kind: "Workload", name: "jobs", uid };
  await root.create(PodGroup, {
    metadata: { name: "jobs-0", namespace, ownerReferences: [owner] },
    spec: policy,
  });
  for (const name of ["a", "b"])
    await root.create(Pod, {
      metadata: { name, namespace },
      spec: { schedulingGroup: { podGroupName: "jobs-0" }, containers: [{ name: "c", image: "i" }] },
    });
  const group = () => root.get(PodGroup, { namespace, name: "jobs-0" });
  await until(async () => (await group()).status?.conditions?.[0]?.status === "True");
  // The group goes with its owner, but not from under its pods.
  await root.delete(Workload, { namespace, name: "jobs" });
  await until(async () => (await group()).metadata?.deletionTimestamp !== undefined);
  await root.delete(Namespace, { name: namespace });
  await until(async () =>
    (await root.list(Namespace)).items.every(({ metadata }) => metadata?.name !== namespace),
  );
  expect((await root.list(PodGroup)).items).toEqual([]);
  expect(lines.filter((line) => /forbidden|Unauthorized|cannot/i.test(line))).toEqual([]);
}, 60_000);

test("a Secret that asks for a token gets one that works until the Secret goes", async () => {
  const reference = { namespace: "default", name: "robot" };
  await root.create(ServiceAccount, { metadata: reference });
  const annotations = { "kubernetes.io/service-account.name": "robot" };
  const type = "kubernetes.io/service-account-token";
  await root.create(Secret, { metadata: { ...reference, annotations }, type });
  const filled = async () => (await root.get(Secret, reference)).data ?? {};
  await until(async () => "token" in (await filled()));
  const data = Object.fromEntries(
    Object.entries(await filled()).map(([key, text]) => [key, Buffer.from(text, "base64").toString()]),
  );
  expect({ ...data, token: "" }).toEqual({ "ca.crt": pki.caCert, namespace: "default", token: "" });
  const http = createHttpClient({ server: server.url, ca: pki.caCert, token: data["token"] ?? "" });
  const ask = async () => {
    try {
      await http.list(Secret, { namespace: "default" });
      return "allowed";
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(await ask()).toContain('User "system:serviceaccount:default:robot" cannot list resource "secrets"');
  await root.delete(ServiceAccount, reference);
  await until(async () => (await root.list(Secret, { namespace: "default" })).items.length === 0);
  expect(await ask()).toBe("Unauthorized");
  http.close();
  // One that asks for nobody's is not kept.
  await root.create(Secret, { metadata: { ...reference, annotations }, type });
  await until(async () => (await root.list(Secret, { namespace: "default" })).items.length === 0);
}, 60_000);

test("a kubelet that may have a certificate gets it, and nobody was refused anything", async () => {
  const roleRef = {
    apiGroup: "rbac.authorization.k8s.io",
    kind: "ClusterRole",
    name: "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
  };
  const subjects = [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "test" }];
  await root.create(ClusterRoleBinding, { metadata: { name: "bootstrap" }, roleRef, subjects });
  const { request } = await makeRequest({ subject: "O=system:nodes,CN=system:node:n9" });
  await root.create(CertificateSigningRequest, {
    metadata: { name: "n9" },
    spec: {
      request: Buffer.from(request).toString("base64"),
      signerName: "kubernetes.io/kube-apiserver-client-kubelet",
      usages: ["digital signature", "client auth"],
    },
  });
  await until(
    async () => (await root.get(CertificateSigningRequest, { name: "n9" })).status?.certificate !== undefined,
  );
  expect(lines.filter((line) => /forbidden|Unauthorized|not permitted/i.test(line))).toEqual([]);
}, 60_000);

test("a role that takes others in has their rules, whatever is written into it", async () => {
  const rule = (resource: string) => ({ verbs: ["get"], apiGroups: ["example.com"], resources: [resource] });
  const rulesOf = async (name: string) => JSON.stringify((await root.get(ClusterRole, { name })).rules);
  const label = { "rbac.authorization.k8s.io/aggregate-to-view": "true" };
  await root.create(ClusterRole, { metadata: { name: "widgets", labels: label }, rules: [rule("widgets")] });
  // view is part of edit, and edit of admin.
  for (const name of ["view", "edit", "admin"])
    await until(async () => (await rulesOf(name)).includes("widgets"));
  await root.update(ClusterRole, {
    ...(await root.get(ClusterRole, { name: "view" })),
    rules: [rule("gadgets")],
  });
  await until(
    async () => !(await rulesOf("view")).includes("gadgets") && (await rulesOf("view")).includes("widgets"),
  );
  await root.delete(ClusterRole, { name: "widgets" });
  for (const name of ["view", "edit", "admin"])
    await until(async () => !(await rulesOf(name)).includes("widgets"));
  expect((await root.list(ClusterRoleBinding)).items.length).toBeGreaterThan(40);
}, 60_000);
