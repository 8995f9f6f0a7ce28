import { request } from "node:https";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AuthenticationV1TokenRequest } from "../api/generated/types.ts";
import { ClusterRole, ClusterRoleBinding, ServiceAccount } from "../api/registry.ts";
import { SystemClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/log.ts";
import type { Client } from "../client/client.ts";
import { DelegatedAccess } from "../client/delegated-access.ts";
import { ensurePki } from "../security/pki.ts";
import { selfSigned } from "../security/self-signed.ts";
import { type ApiServerProcess, startApiServer } from "./api-server.ts";
import { type ComponentPort, openComponentPort } from "./component-port.ts";

/** A component's port beside a real API server, asked over HTTPS. */
let api: ApiServerProcess;
let admin: Client;
let port: ComponentPort;
let isReady = true;
let stranger: { cert: string; key: string };

beforeAll(async () => {
  const clock = new SystemClock();
  api = await startApiServer({ clock, seed: 1, log: silentLogger, store: "memory" });
  admin = api.server.client("kubernetes-admin", ["system:masters"]);
  stranger = (await ensurePki({ nowMs: clock.nowMs() })).admin;
  port = await openComponentPort({
    host: "127.0.0.1",
    port: 0,
    serving: await selfSigned({ commonName: "scheduler" }, ["127.0.0.1"], clock.nowMs()),
    clientCa: undefined,
    access: new DelegatedAccess(api.server.client("system:kube-scheduler"), clock),
    alwaysAllowPaths: ["/healthz", "/readyz", "/livez*"],
    checks: (path) => [
      { name: "ping", ok: true },
      ...(path === "readyz" ? [{ name: "informer-sync", ok: isReady }] : []),
    ],
    pages: {
      "/metrics": () => "one 1\n",
      "/long": () => Array.from({ length: 400 }, () => "x".repeat(5_000)),
    },
    log: silentLogger,
  });
  port.trust(api.pki.caCert);
});
afterAll(async () => {
  await port.stop();
  await api.server.stop();
  await api.stop();
});

interface Credentials {
  readonly token?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** `200 ok` */
function ask(path: string, { token, cert, key }: Credentials = {}, method = "GET"): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const asked = request(
      { port: port.port, path, method, headers, cert, key, rejectUnauthorized: false, agent: false },
      (response) => {
        let body = "";
        response.on("data", (part: Buffer) => {
          body += part;
        });
        response.on("end", () => resolve(`${response.statusCode} ${body.trimEnd()}`));
      },
    );
    asked.on("error", reject);
    asked.end();
  });
}

async function accountToken(name: string): Promise<string> {
  const account = { namespace: "default", name };
  await admin.create(ServiceAccount, { metadata: account });
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { audiences: [] } };
  const answer = await admin.createSubresource(ServiceAccount, account, "token", body);
  return (answer as AuthenticationV1TokenRequest).status?.token ?? "";
}

describe("a component's port", () => {
  test.each([
    { path: "/healthz", wants: "200 ok" },
    { path: "/livez/ping", wants: "200 ok" },
    { path: "/livez?verbose", wants: "200 [+]ping ok\nlivez check passed" },
    { path: "/livez/nothing", wants: "404 404 page not found" },
    { path: "/metrics", wants: '403 forbidden: User "system:anonymous" cannot get path "/metrics"' },
    { path: "/nothing", wants: '403 forbidden: User "system:anonymous" cannot get path "/nothing"' },
    { path: "/readyz/ping", wants: '403 forbidden: User "system:anonymous" cannot get path "/readyz/ping"' },
  ])("tells anybody $path: $wants", async ({ path, wants }) => {
    expect(await ask(path)).toBe(wants);
  });

  test("is ready when all its checks are", async () => {
    isReady = false;
    expect(await ask("/readyz")).toBe(
      "500 [+]ping ok\n[-]informer-sync failed: reason withheld\nreadyz check failed",
    );
    expect(await ask("/readyz?exclude=informer-sync")).toBe("200 ok");
    isReady = true;
    expect(await ask("/readyz")).toBe("200 ok");
  });

  test("believes certificates of the cluster's authority, and nobody else's", async () => {
    expect(await ask("/metrics", api.pki.admin)).toBe("200 one 1");
    expect(await ask("/nothing", api.pki.admin)).toBe("404 404 page not found");
    expect(await ask("/metrics", api.pki.admin, "POST")).toBe("405 Method Not Allowed");
    expect(await ask("/metrics", stranger)).toBe("401 Unauthorized");
    expect((await ask("/long", api.pki.admin)).length).toBe(2_000_004);
  });

  test("asks the API server whose a token is, and what they may", async () => {
    const token = await accountToken("prometheus");
    expect(await ask("/metrics", { token: "wrong" })).toBe("401 Unauthorized");
    expect(await ask("/metrics", { token })).toBe(
      '403 forbidden: User "system:serviceaccount:default:prometheus" cannot get path "/metrics"',
    );
    const allowed = await accountToken("allowed");
    const rules = [{ nonResourceURLs: ["/metrics"], verbs: ["get"] }];
    await admin.create(ClusterRole, { metadata: { name: "reads-metrics" }, rules });
    await admin.create(ClusterRoleBinding, {
      metadata: { name: "reads-metrics" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "reads-metrics" },
      subjects: [{ kind: "ServiceAccount", namespace: "default", name: "allowed" }],
    });
    expect(await ask("/metrics", { token: allowed })).toBe("200 one 1");
  });
});
