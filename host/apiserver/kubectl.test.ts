import { execFile, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Pod, ServiceAccount } from "../api/registry.ts";
import { SystemClock, sleep } from "../apimachinery/clock.ts";
import { adminAccess, renderKubeconfig } from "../security/kubeconfig.ts";
import { ensurePki } from "../security/pki.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import type { ApiServer } from "./server.ts";
import { startServer } from "./server-fixture.ts";

/** The real kubectl against the API server alone: what is typed, and what it prints. */
const kubectlIsMissing = spawnSync("kubectl", ["version", "--client"]).status !== 0;
if (kubectlIsMissing && process.env["CI"] !== "true") {
  console.warn("SKIPPED: no kubectl on the PATH, so nothing here was tried against the real one");
}

const folder = mkdtempSync(join(tmpdir(), "pintle-kubectl-"));
const environment = {
  ...process.env,
  KUBECONFIG: join(folder, "kubeconfig"),
  KUBECACHEDIR: join(folder, "cache"),
  // `kubectl edit` runs it on a file.
  KUBE_EDITOR: "sed -i s/colour:.*/colour:\\ edited/",
};

let server: ApiServer;

beforeAll(async () => {
  const pki = await ensurePki({ nowMs: Date.now() });
  const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };
  server = await startServer(createMemoryStore(), tls);
  await server.client("test").create(ServiceAccount, { metadata: { name: "default", namespace: "default" } });
  writeFileSync(environment.KUBECONFIG, renderKubeconfig(adminAccess(server.url, pki)));
});
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function kubectl(command: string, input = ""): Promise<Ran> {
  // Words are separated by blanks; a quoted word keeps its own.
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? "");
  return new Promise((resolve) => {
    const child = execFile("kubectl", words, { env: environment }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), out, err });
    });
    child.stdin?.end(input);
  });
}

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "nginx:1.27"}]}
`;

const CONFIG_MAP = `
apiVersion: v1
kind: ConfigMap
metadata: {name: paint}
data: {colour: red}
`;

describe.skipIf(kubectlIsMissing && process.env["CI"] !== "true")("kubectl", () => {
  test("is there", () => expect(kubectlIsMissing).toBe(false));

  // One after the other, on one server: a line is what is typed, what goes in, and what must be printed.
  const SESSION: { typed: string; input?: string; prints: string | RegExp }[] = [
    { typed: "version", prints: /Server Version: v1\.36\.2\+pintle\.\d/ },
    {
      typed: "get namespaces -o name",
      prints: "namespace/default\nnamespace/kube-node-lease\nnamespace/kube-public\nnamespace/kube-system\n",
    },
    { typed: "apply -f -", input: DEPLOYMENT, prints: "deployment.apps/web created\n" },
    { typed: "apply -f -", input: DEPLOYMENT, prints: "deployment.apps/web unchanged\n" },
    {
      typed: "apply -f -",
      input: DEPLOYMENT.replace("1.27", "1.28"),
      prints: "deployment.apps/web configured\n",
    },
    { typed: "diff -f -", input: DEPLOYMENT.replace("1.27", "1.28"), prints: "" },
    {
      typed: "get deploy web -o wide",
      prints:
        /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR\nweb +0\/2 +0 +0 +\d+s +web +nginx:1\.28 +app=web\n$/,
    },
    { typed: "get deploy web -o jsonpath={.spec.template.spec.containers[0].image}", prints: "nginx:1.28" },
    {
      typed: "get deploy web -o yaml",
      prints:
        /^apiVersion: apps\/v1\nkind: Deployment\n(.*\n)*spec:\n {2}progressDeadlineSeconds: 600\n {2}replicas: 2\n/,
    },
    { typed: "label deploy web tier=front", prints: "deployment.apps/web labeled\n" },
    { typed: "annotate deploy web note=x", prints: "deployment.apps/web annotated\n" },
    { typed: "get deploy -l tier=front -o name", prints: "deployment.apps/web\n" },
    { typed: "scale deploy web --replicas=3", prints: "deployment.apps/web scaled\n" },
    { typed: "scale deploy web --current-replicas=3 --replicas=4", prints: "deployment.apps/web scaled\n" },
    {
      typed: `patch deploy web --type=json -p '[{"op":"replace","path":"/spec/replicas","value":5}]'`,
      prints: "deployment.apps/web patched\n",
    },
    {
      typed: `patch deploy web --type=merge -p '{"spec":{"replicas":6}}'`,
      prints: "deployment.apps/web patched\n",
    },
    {
      typed: `patch deploy web -p '{"spec":{"template":{"spec":{"containers":[{"name":"web","imagePullPolicy":"Always"}]}}}}'`,
      prints: "deployment.apps/web patched\n",
    },
    { typed: "set image deploy/web web=nginx:2", prints: "deployment.apps/web image updated\n" },
    {
      typed:
        "get deploy web -o jsonpath={.spec.replicas}/{.metadata.generation}/{.spec.template.spec.containers[0].image}",
      prints: "6/8/nginx:2",
    },
    { typed: "rollout pause deploy web", prints: "deployment.apps/web paused\n" },
    { typed: "expose deploy web --port=80 --type=NodePort", prints: "service/web exposed\n" },
    { typed: "get service web", prints: /web +NodePort +10\.\d+\.\d+\.\d+ +<none> +80:3\d{4}\/TCP/ },
    { typed: "create namespace team", prints: "namespace/team created\n" },
    { typed: "create configmap paint --from-literal=colour=red", prints: "configmap/paint created\n" },
    { typed: "create secret generic key --from-literal=a=b", prints: "secret/key created\n" },
    { typed: "get secret key -o jsonpath={.data.a}", prints: "Yg==" },
    { typed: "create deployment made --image=nginx --replicas=2", prints: "deployment.apps/made created\n" },
    { typed: "create quota q --hard=pods=1 -n team", prints: "resourcequota/q created\n" },
    {
      typed: "create role r --verb=get --resource=pods",
      prints: "role.rbac.authorization.k8s.io/r created\n",
    },
    { typed: "create serviceaccount bot", prints: "serviceaccount/bot created\n" },
    { typed: "edit configmap paint", prints: "configmap/paint edited\n" },
    { typed: "get configmap paint -o jsonpath={.data.colour}", prints: "edited" },
    { typed: "replace -f -", input: CONFIG_MAP, prints: "configmap/paint replaced\n" },
    {
      typed: "apply --dry-run=server -f -",
      input: DEPLOYMENT.replaceAll("web", "dry"),
      prints: "deployment.apps/dry created (server dry run)\n",
    },
    { typed: "explain deployment.spec.replicas", prints: /FIELD: replicas <integer>/ },
    { typed: "api-resources --api-group=apps -o name", prints: /deployments\.apps\n/ },
    { typed: "run p --image=nginx", prints: "pod/p created\n" },
    { typed: "get pod p", prints: /^NAME +READY +STATUS +RESTARTS +AGE\np +0\/1 +Pending +0 +\d+s\n$/ },
    { typed: "describe pod p", prints: /QoS Class: +BestEffort/ },
    // Without a kubelet it has no node, and has said nothing.
    { typed: "logs p", prints: "" },
    { typed: "delete pod p", prints: 'pod "p" deleted\n' },
    {
      typed: "delete deployment web made",
      prints: 'deployment.apps "web" deleted\ndeployment.apps "made" deleted\n',
    },
    { typed: "auth can-i create pods", prints: "yes\n" },
    { typed: "get --raw /readyz", prints: "ok" },
  ];

  test("a session prints what Kubernetes prints", { timeout: 120_000 }, async () => {
    for (const { typed, input, prints } of SESSION) {
      const { out, err } = await kubectl(typed, input);
      if (typeof prints === "string")
        expect({ typed, out, err: out === "" ? err : "" }).toEqual({ typed, out: prints, err: "" });
      else expect(out, `${typed}: ${err}`).toMatch(prints);
    }
  });

  const spec = (fields: string) => DEPLOYMENT.replace("  replicas: 2\n", fields);
  const typed = "apply -f -";
  test.each([
    {
      name: "malformed YAML",
      typed,
      input: "a: [",
      says: /error: error parsing STDIN: error converting YAML to JSON/,
    },
    {
      name: "an unknown field",
      typed,
      input: spec("  replica: 2\n"),
      says: 'Error from server (BadRequest): error when creating "STDIN": Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.replica"',
    },
    {
      name: "a wrong type",
      typed,
      input: spec("  replicas: many\n"),
      says: 'Error from server (BadRequest): error when creating "STDIN": Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    },
    {
      name: "negative replicas",
      typed,
      input: spec("  replicas: -1\n"),
      says: 'The Deployment "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    },
    {
      name: "a selector that matches not",
      typed,
      input: DEPLOYMENT.replace("matchLabels: {app: web}", "matchLabels: {app: other}"),
      says: 'The Deployment "web" is invalid: spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    },
    {
      name: "a name against the rules",
      typed,
      input: CONFIG_MAP.replace("paint", "Paint_"),
      says: /^The ConfigMap "Paint_" is invalid: metadata\.name: Invalid value: "Paint_": a lowercase RFC 1123 subdomain must consist/,
    },
    {
      name: "an unknown kind",
      typed,
      input: CONFIG_MAP.replace("ConfigMap", "Gadget").replace("v1", "x.io/v1"),
      says: /no matches for kind "Gadget" in version "x\.io\/v1"\nensure CRDs are installed first/,
    },
    {
      name: "a stale revision",
      typed: "replace -f -",
      input: CONFIG_MAP.replace("name: paint", 'name: paint, resourceVersion: "1"'),
      says: /Operation cannot be fulfilled on configmaps "paint": the object has been modified; please apply your changes to the latest version and try again/,
    },
    {
      name: "an absent object",
      typed: "get pod nope",
      input: "",
      says: 'Error from server (NotFound): pods "nope" not found',
    },
    {
      name: "an unknown resource",
      typed: "get gadgets",
      input: "",
      says: `error: the server doesn't have a resource type "gadgets"`,
    },
    {
      name: "a protected namespace",
      typed: "delete namespace kube-system",
      input: "",
      says: 'Error from server (Forbidden): namespaces "kube-system" is forbidden: this namespace may not be deleted',
    },
  ])("refuses $name", async ({ typed, input, says }) => {
    const { code, err } = await kubectl(typed, input);
    expect(code).toBe(1);
    if (typeof says === "string") expect(err.trim()).toBe(says);
    else expect(err).toMatch(says);
  });

  test("get -w follows a pod", async () => {
    const client = server.client("test");
    const metadata = { name: "watched", namespace: "default" };
    await client.create(Pod, { metadata, spec: { containers: [{ name: "c", image: "nginx" }] } });
    const child = spawn("kubectl", ["get", "pod", "watched", "-w"], { env: environment });
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    const lines = () => text.trim().split("\n");
    // kubectl reads the pod, then watches; the phase changes until it has seen one change.
    for (let count = 0; lines().length < 3 && count < 100; count++) {
      const phase = count % 2 === 0 ? "Running" : "Succeeded";
      const patch = { type: "merge" as const, body: { status: { phase } } };
      if (lines().length === 2) await client.patch(Pod, metadata, patch, { subresource: "status" });
      await sleep(new SystemClock(), 200);
    }
    child.kill();
    const statuses = lines().map((line) => line.split(/ +/)[2]);
    expect(statuses.slice(0, 2)).toEqual(["STATUS", "Pending"]);
    expect(["Running", "Completed", "Succeeded"]).toContain(statuses[2]);
  });
});
