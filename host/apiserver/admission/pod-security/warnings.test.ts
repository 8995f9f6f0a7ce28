import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ensurePki } from "../../../security/pki.ts";
import { createMemoryStore } from "../../../store/memory-store.ts";
import type { ApiServer } from "../../server.ts";
import { askHttp2, startServer } from "../../server-fixture.ts";

const pki = await ensurePki({ nowMs: Date.now() });
const LABEL = "pod-security.kubernetes.io/";
let server: ApiServer;

beforeAll(async () => {
  const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };
  server = await startServer(createMemoryStore(), tls);
});
afterAll(() => server.stop());

/** @returns the code and the texts of the Warning header */
async function send(method: string, path: string, object: object): Promise<[number, string[]]> {
  const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  const headers = { "content-type": type };
  const asked = { method, path, headers, body: JSON.stringify(object) };
  const { code, headers: answered } = await askHttp2(server, pki.caCert, asked, pki.admin);
  const texts = [...String(answered["warning"] ?? "").matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)];
  return [code, texts.map(([, text = ""]) => text.replace(/\\(.)/g, "$1"))];
}

async function namespace(name: string, labels: Record<string, string> = {}): Promise<string> {
  await send("POST", "/api/v1/namespaces", { metadata: { name, labels } });
  await send("POST", `/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: "default" } });
  return name;
}

const pod = (name: string, spec: object = {}) => ({
  metadata: { name },
  spec: { containers: [{ name: "c", image: "i" }], ...spec },
});

describe("what PodSecurity warns of (api-policy 4.6)", () => {
  test("a pod, and the template of a Deployment, that violate what is warned of", async () => {
    const name = await namespace("warned", { [`${LABEL}warn`]: "baseline" });
    const why = 'would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)';
    const spec = { hostNetwork: true };
    expect(await send("POST", `/api/v1/namespaces/${name}/pods`, pod("a", spec))).toEqual([201, [why]]);
    const template = { ...pod("", spec), metadata: { labels: { a: "b" } } };
    const deployment = { metadata: { name: "d" }, spec: { selector: { matchLabels: { a: "b" } }, template } };
    const path = `/apis/apps/v1/namespaces/${name}/deployments`;
    expect(await send("POST", path, deployment)).toEqual([201, [why]]);
    expect(await send("POST", `/api/v1/namespaces/${name}/pods`, pod("b"))).toEqual([201, []]);
  });

  test("pods that are there when a namespace begins to enforce, a line for each set of reasons", async () => {
    const name = await namespace("raised");
    for (const one of ["x", "y", "z"]) await send("POST", `/api/v1/namespaces/${name}/pods`, pod(one));
    await send("POST", `/api/v1/namespaces/${name}/pods`, pod("host", { hostNetwork: true }));
    const labels = { [`${LABEL}enforce`]: "restricted", [`${LABEL}enforce-version`]: "v1.30" };
    const reasons =
      "allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile";
    expect(await send("PATCH", `/api/v1/namespaces/${name}`, { metadata: { labels } })).toEqual([
      200,
      [
        `existing pods in namespace "${name}" violate the new PodSecurity enforce level "restricted:v1.30"`,
        `host: host namespaces, ${reasons}`,
        `x (and 2 other pods): ${reasons}`,
      ],
    ]);
  });
});
