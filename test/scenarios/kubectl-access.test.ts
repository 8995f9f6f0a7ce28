import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ServiceAccount } from "../../host/api/registry.ts";
import { parseTokenFile } from "../../host/apiserver/authentication/static-tokens.ts";
import type { ApiServer } from "../../host/apiserver/server.ts";
import { startServer } from "../../host/apiserver/server-fixture.ts";
import { adminAccess, renderKubeconfig } from "../../host/security/kubeconfig.ts";
import { ensurePki } from "../../host/security/pki.ts";
import { createMemoryStore } from "../../host/store/memory-store.ts";
import { kubectlFor } from "./pintle-process.ts";
import { hasKubectl } from "./requirements.ts";

/** What the real kubectl prints about who may do what. */
const folder = mkdtempSync(join(tmpdir(), "pintle-access-"));
let server: ApiServer;
let kubectl: ReturnType<typeof kubectlFor>;
/** Without the administrator's certificate. */
let withToken: (token: string, command: string) => ReturnType<typeof kubectl>;

beforeAll(async () => {
  const pki = await ensurePki({ nowMs: Date.now() });
  const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };
  const tokens = parseTokenFile('joe-token,joe,1,"devs"');
  server = await startServer(createMemoryStore(), tls, { tokens });
  await server.client("test").create(ServiceAccount, { metadata: { name: "default", namespace: "default" } });
  const kubeconfig = join(folder, "kubeconfig");
  writeFileSync(kubeconfig, renderKubeconfig(adminAccess(server.url, pki)));
  kubectl = kubectlFor(kubeconfig, join(folder, "cache"));
  writeFileSync(join(folder, "ca.crt"), pki.caCert);
  const bare = kubectlFor("/dev/null", join(folder, "cache"));
  withToken = (token, command) => {
    const flags = [
      "--server",
      server.url,
      "--certificate-authority",
      join(folder, "ca.crt"),
      "--token",
      token,
    ];
    return bare([...flags, ...command.split(" ")]);
  };
});
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const ROLE = (verb: string) => `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: default}
rules: [{apiGroups: [""], resources: [pods], verbs: [${verb}]}]
`;

describe.runIf(hasKubectl())("kubectl", { timeout: 60_000 }, () => {
  test("auth whoami", async () => {
    const { stdout } = await kubectl("auth whoami --as alice --as-group devs --as-uid 7");
    expect(stdout.split("\n").map((line) => line.replace(/\s+/g, " "))).toEqual([
      "ATTRIBUTE VALUE",
      "Username alice",
      "UID 7",
      "Groups [devs system:authenticated]",
      "",
    ]);
  });

  test.each([
    { command: "auth can-i list pods", code: 0, out: "yes\n" },
    { command: "auth can-i * * --as joe", code: 1, out: "no\n" },
    { command: "auth can-i get /healthz --as joe", code: 0, out: "yes\n" },
    { command: "auth can-i get /metrics --as joe", code: 1, out: "no\n" },
    {
      command: "auth can-i create pods --subresource binding --as system:kube-scheduler",
      code: 0,
      out: "yes\n",
    },
    {
      command: "auth can-i create jobs.batch --as system:serviceaccount:kube-system:cronjob-controller",
      code: 0,
      out: "yes\n",
    },
    {
      command: "get secrets --as joe",
      code: 1,
      err: 'Error from server (Forbidden): secrets is forbidden: User "joe" cannot list resource "secrets" in API group "" in the namespace "default"\n',
    },
    {
      command: "create token nobody",
      code: 1,
      err: 'error: failed to create token: serviceaccounts "nobody" not found\n',
    },
  ])("$command", async ({ command, code, out = "", err = "" }) => {
    const ran = await kubectl(command);
    expect([ran.code, ran.stdout, ran.stderr]).toEqual([code, out, err]);
  });

  test("auth can-i --list", async () => {
    const { stdout } = await kubectl("auth can-i --list --as joe");
    const rows = stdout.split("\n").map((line) => line.replace(/\s+/g, " ").trim());
    expect(rows.slice(0, 4)).toEqual([
      "Resources Non-Resource URLs Resource Names Verbs",
      "selfsubjectreviews.authentication.k8s.io [] [] [create]",
      "selfsubjectaccessreviews.authorization.k8s.io [] [] [create]",
      "selfsubjectrulesreviews.authorization.k8s.io [] [] [create]",
    ]);
    expect(rows).toContain("[/openapi/*] [] [get]");
    expect(rows).not.toContain("pods [] [] [get list watch]");
  });

  test("auth reconcile adds what is missing and nothing else", async () => {
    const first = await kubectl("auth reconcile -f -", { input: ROLE("get") });
    expect(first.stdout).toBe("role.rbac.authorization.k8s.io/reader reconciled\n");
    await kubectl("auth reconcile -f -", { input: ROLE("list") });
    const verbs = await kubectl("get role reader -o jsonpath={.rules[*].verbs[*]}");
    expect(verbs.stdout).toBe("get list");
    expect((await kubectl("auth reconcile -f -", { input: ROLE("list") })).stderr).toBe("");
  });

  test("a token made by create token works, within what its account may", async () => {
    const token = (await kubectl("create token default --duration 20m")).stdout.trim();
    expect((await withToken(token, "auth whoami -o jsonpath={.status.userInfo.username}")).stdout).toBe(
      "system:serviceaccount:default:default",
    );
    const refused = await withToken(token, "get pods");
    expect(refused.stderr).toContain('cannot list resource "pods"');
    await kubectl("create rolebinding robots --clusterrole view --serviceaccount default:default");
    expect((await withToken(token, "get pods")).stderr).toBe("No resources found in default namespace.\n");
    expect((await withToken(token, "get pods -A")).stderr).toContain("at the cluster scope");
    expect((await withToken(token, "get pods -n kube-system")).stderr).toContain(
      'in the namespace "kube-system"',
    );
    expect((await withToken("joe-token", "auth whoami -o jsonpath={.status.userInfo.groups}")).stdout).toBe(
      '["devs","system:authenticated"]',
    );
    const wrong = await withToken(`${token}x`, "get pods");
    expect(wrong.stderr).toContain("Unauthorized");
  });
});
