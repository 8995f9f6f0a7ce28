import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  ClusterRoleBinding,
  ConfigMap,
  FlowSchema,
  PriorityLevelConfiguration,
  Secret,
} from "../api/registry.ts";
import type { Client } from "../client/client.ts";
import { ensurePki } from "../security/pki.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import type { Store } from "../store/store.ts";
import type { User } from "./api.ts";
import type { ApiServer, ApiServerOptions } from "./server.ts";
import { type Answered, askHttp1, askHttp2, startServer } from "./server-fixture.ts";

const pki = await ensurePki({ nowMs: Date.now() });
const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };
const TOKENS = new Map<string, User>([
  ["root", { name: "root", groups: ["system:masters"] }],
  ["ann", { name: "ann", groups: [] }],
  ["meter", { name: "meter", groups: ["system:monitoring"] }],
]);

let folder: string;
let server: ApiServer;
let client: Client;
/** Reads of a ConfigMap named `slow` wait for it. */
let goOn: () => void;
/** How many of them have begun. */
let held: number;

function holding(store: Store): Store {
  const released = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  held = 0;
  const read = store.get.bind(store);
  return Object.assign(store, {
    get: async (...asked: Parameters<Store["get"]>) => {
      if (asked[0].endsWith("/slow")) {
        held++;
        await released;
      }
      return await read(...asked);
    },
  });
}

async function start(options: Partial<ApiServerOptions> = {}): Promise<void> {
  server = await startServer(holding(createMemoryStore()), tls, { tokens: TOKENS, ...options });
  client = server.client("test");
  await client.create(ClusterRoleBinding, {
    metadata: { name: "ann" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "edit" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "ann" }],
  });
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pintle-serving-"));
});
afterEach(async () => {
  goOn();
  await server.stop();
  rmSync(folder, { recursive: true });
});

const maps = "/api/v1/namespaces/default/configmaps";

function ask(token: string, path: string, more: { method?: string; body?: string } = {}): Promise<Answered> {
  const headers = { authorization: `Bearer ${token}`, "user-agent": "curl/8" };
  return askHttp2(server, pki.caCert, { path, headers, ...more });
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe("priority and fairness", () => {
  const uidOf = async (kind: typeof FlowSchema | typeof PriorityLevelConfiguration, name: string) =>
    (await client.get(kind as typeof FlowSchema, { name })).metadata?.uid;
  const uids = ({ headers }: Answered) => [
    headers["x-kubernetes-pf-flowschema-uid"],
    headers["x-kubernetes-pf-prioritylevel-uid"],
  ];

  test("every answer says by which schema and level it went, also a refusal", async () => {
    await start();
    const exempt = [await uidOf(FlowSchema, "exempt"), await uidOf(PriorityLevelConfiguration, "exempt")];
    const all = [
      await uidOf(FlowSchema, "global-default"),
      await uidOf(PriorityLevelConfiguration, "global-default"),
    ];
    expect(uids(await ask("root", maps))).toEqual(exempt);
    expect(uids(await ask("root", `${maps}/none`))).toEqual(exempt);
    expect(uids(await ask("ann", "/version"))).toEqual(all);
    const forbidden = await ask("ann", "/api/v1/nodes");
    expect([forbidden.code, ...uids(forbidden)]).toEqual([403, ...all]);
    expect(uids(await ask("nope", maps))).toEqual([undefined, undefined]);
  });

  test("one too many is 429, as text, with the time to stay away; superusers go by", async () => {
    await start({ limits: { maxRequestsInFlight: 1, maxMutatingRequestsInFlight: 0 } });
    await client.create(PriorityLevelConfiguration, {
      metadata: { name: "narrow" },
      spec: {
        type: "Limited",
        limited: {
          nominalConcurrencyShares: 1,
          borrowingLimitPercent: 0,
          limitResponse: { type: "Reject" },
        },
      },
    });
    await client.create(FlowSchema, {
      metadata: { name: "ann" },
      spec: {
        priorityLevelConfiguration: { name: "narrow" },
        rules: [
          {
            subjects: [{ kind: "User", user: { name: "ann" } }],
            resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"] }],
          },
        ],
      },
    });
    const slow = ask("ann", `${maps}/slow`);
    await until(() => held === 1);
    const refused = await ask("ann", maps);
    expect([refused.code, refused.text]).toEqual([429, "Too many requests, please try again later.\n"]);
    expect(refused.headers).toMatchObject({
      "retry-after": "1",
      "content-type": "text/plain; charset=utf-8",
      "x-kubernetes-pf-flowschema-uid": await uidOf(FlowSchema, "ann"),
    });
    expect((await ask("root", maps)).code).toBe(200);
    // Another flow, another level.
    expect((await ask("ann", "/version")).code).toBe(200);
    goOn();
    expect((await slow).code).toBe(404);
    expect((await ask("ann", maps)).code).toBe(200);
    const page = (await ask("root", "/metrics")).text;
    const labels = 'priority_level="narrow",flow_schema="ann"';
    expect(page).toContain(
      `apiserver_flowcontrol_rejected_requests_total{${labels},reason="concurrency-limit"} 1`,
    );
    expect(page).toContain(`apiserver_flowcontrol_dispatched_requests_total{${labels}} 2`);
    expect(page).toContain('apiserver_flowcontrol_current_executing_requests{priority_level="narrow"} 0');
  });

  test("a request waits for its turn; a watch does not keep others from theirs", async () => {
    await start({ limits: { maxRequestsInFlight: 1, maxMutatingRequestsInFlight: 0 } });
    // Every level gets a seat, and those that are not lent stay free: ann has two of global-default's and others' own.
    const slow = Array.from({ length: 20 }, () => ask("ann", `${maps}/slow`));
    await until(() => held > 0);
    const page = async () => (await ask("root", "/metrics")).text;
    const waiting = /^apiserver_flowcontrol_current_inqueue_requests\{.*"global-default"\} (\d+)$/m;
    while (Number(waiting.exec(await page())?.[1] ?? 0) + held < 20) await ask("root", maps);
    expect(held).toBeLessThan(20);
    goOn();
    expect((await Promise.all(slow)).map(({ code }) => code)).toEqual(slow.map(() => 404));
    expect(Number(waiting.exec(await page())?.[1])).toBe(0);
    const streams = Array.from({ length: 20 }, () => ask("ann", `${maps}?watch=1&timeoutSeconds=1`));
    expect((await ask("ann", maps)).code).toBe(200);
    expect((await Promise.all(streams)).map(({ code }) => code)).toEqual(streams.map(() => 200));
  });

  test("two plain numbers, where fairness is off", async () => {
    await start({
      priorityAndFairness: false,
      limits: { maxRequestsInFlight: 1, maxMutatingRequestsInFlight: 1 },
    });
    const slow = ask("ann", `${maps}/slow`);
    await until(() => held === 1);
    const refused = await ask("ann", maps);
    expect([refused.code, refused.headers["retry-after"]]).toEqual([429, "1"]);
    expect(refused.text).toBe("Too many requests, please try again later.\n");
    expect((await ask("root", maps)).code).toBe(200);
    const made = JSON.stringify({ metadata: { name: "made" } });
    expect((await ask("ann", maps, { method: "POST", body: made })).code).toBe(201);
    expect((await ask("ann", `${maps}?watch=1&timeoutSeconds=1`)).code).toBe(200);
    goOn();
    await slow;
    expect((await ask("ann", maps)).code).toBe(200);
  });
});

describe("/metrics", () => {
  test("is for those who may", async () => {
    await start();
    expect((await ask("ann", "/metrics")).code).toBe(403);
    expect((await askHttp1(server, pki.caCert, { path: "/metrics" })).code).toBe(401);
    const page = await ask("meter", "/metrics");
    expect([page.code, page.headers["content-type"]]).toEqual([
      200,
      "text/plain; version=0.0.4; charset=utf-8",
    ]);
  });

  test("counts requests as kube-apiserver does", async () => {
    await start();
    await ask("root", maps);
    await ask("root", "/api/v1/configmaps");
    await ask("root", `${maps}/none`);
    await ask("root", "/apis/apps/v1/namespaces/default/deployments/x/nonsense");
    await ask("root", "/apis/made.up/v1/things");
    await ask("root", "/made/up/path");
    await ask("root", "/livez");
    await ask("root", maps, { method: "POST", body: JSON.stringify({ metadata: { name: "a" } }) });
    await ask("root", `${maps}?dryRun=All`, { method: "POST", body: "nonsense" });
    await ask("root", `${maps}?watch=1&timeoutSeconds=1`);
    const watching = ask("root", `${maps}?watch=1&timeoutSeconds=30`).catch(() => {});
    const { text } = await ask("root", "/metrics");
    const total = (labels: string) =>
      Number(new RegExp(`^apiserver_request_total\\{${labels}\\} (.*)$`, "m").exec(text)?.[1]);
    const maps1 = (code: number, scope: string, verb: string, dryRun = "") =>
      total(
        `code="${code}",component="apiserver",dry_run="${dryRun}",group="",resource="configmaps",scope="${scope}",subresource="",verb="${verb}",version="v1"`,
      );
    expect([
      maps1(200, "namespace", "LIST"),
      maps1(200, "cluster", "LIST"),
      maps1(404, "resource", "GET"),
      maps1(201, "resource", "POST"),
      maps1(400, "resource", "POST", "All"),
      maps1(200, "namespace", "WATCH"),
    ]).toEqual([1, 1, 1, 1, 1, 1]);
    expect(text).not.toMatch(/nonsense|made/);
    expect(text).toMatch(/^apiserver_request_total\{code="404",.*resource="",.*verb="GET",version=""\} 2$/m);
    expect(text).toMatch(/^apiserver_request_total\{code="200",.*subresource="\/livez",verb="GET".*\} 1$/m);
    expect(text).toMatch(
      /^apiserver_request_duration_seconds_bucket\{.*resource="configmaps",scope="namespace",.*verb="LIST",.*le="60"\} 1$/m,
    );
    expect(text).toMatch(/^apiserver_response_sizes_count\{.*scope="cluster",.*verb="LIST".*\} 1$/m);
    expect(text).toMatch(/^apiserver_storage_objects\{resource="configmaps"\} 2$/m);
    expect(text).toMatch(
      /^apiserver_storage_objects\{resource="clusterroles\.rbac\.authorization\.k8s\.io"\} \d\d$/m,
    );
    expect(text).toMatch(/^apiserver_current_inflight_requests\{request_kind="mutating"\} 0$/m);
    // The one that asks.
    expect(text).toMatch(/^apiserver_current_inflight_requests\{request_kind="readOnly"\} 1$/m);
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
    const long = /^apiserver_longrunning_requests\{.*resource="configmaps".*verb="WATCH".*\} 1$/m;
    while (!long.test((await ask("root", "/metrics")).text)) await ask("root", maps);
    await client.create(ConfigMap, { metadata: { name: "seen", namespace: "default" } });
    const seen = /^apiserver_watch_events_total\{group="",resource="configmaps",version="v1"\} (\d+)$/m;
    while (Number(seen.exec((await ask("root", "/metrics")).text)?.[1] ?? 0) < 1) await ask("root", maps);
    await server.stop();
    await watching;
  });
});

describe("the audit log", () => {
  const lines = (path: string) =>
    readFileSync(path, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  test("says of each request who, what and what came of it", async () => {
    const path = join(folder, "audit.log");
    await start({ audit: { path } });
    await ask("ann", `${maps}/here?pretty=1`);
    await askHttp2(server, pki.caCert, {
      path: "/api/v1/nodes",
      headers: { authorization: "Bearer root", "Impersonate-User": "bob", "Audit-ID": "my-own-id" },
    });
    await ask("wrong", maps);
    await server.stop();
    const events = lines(path);
    expect(events.map(({ stage, requestURI }) => `${stage} ${requestURI}`)).toEqual([
      `RequestReceived ${maps}/here?pretty=1`,
      `ResponseComplete ${maps}/here?pretty=1`,
      "RequestReceived /api/v1/nodes",
      "ResponseComplete /api/v1/nodes",
      `ResponseComplete ${maps}`,
    ]);
    expect(events[1]).toEqual({
      kind: "Event",
      apiVersion: "audit.k8s.io/v1",
      level: "Metadata",
      auditID: expect.stringMatching(/^[0-9a-f-]{36}$/),
      stage: "ResponseComplete",
      requestURI: `${maps}/here?pretty=1`,
      verb: "get",
      user: { username: "ann", groups: ["system:authenticated"] },
      sourceIPs: ["127.0.0.1"],
      userAgent: "curl/8",
      objectRef: { resource: "configmaps", namespace: "default", name: "here", apiVersion: "v1" },
      responseStatus: { metadata: {}, status: "Failure", code: 404 },
      requestReceivedTimestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      stageTimestamp: expect.stringMatching(/Z$/),
      annotations: {
        "authorization.k8s.io/decision": "allow",
        "authorization.k8s.io/reason":
          'RBAC: allowed by ClusterRoleBinding "ann" of ClusterRole "edit" to User "ann"',
      },
    });
    expect(events[3]).toMatchObject({
      auditID: "my-own-id",
      user: { username: "root" },
      impersonatedUser: { username: "bob" },
      responseStatus: { status: "Failure", code: 403 },
      annotations: { "authorization.k8s.io/decision": "forbid" },
    });
    expect(events[4]).toMatchObject({
      user: {},
      responseStatus: { status: "Failure", message: "Authentication failed", code: 401 },
    });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("a stream is there when it begins and when it ends", async () => {
    const path = join(folder, "audit.log");
    await start({ audit: { path } });
    await ask("ann", `${maps}?watch=1&timeoutSeconds=1`);
    await server.stop();
    expect(lines(path).map(({ stage, verb }) => `${stage} ${verb}`)).toEqual([
      "RequestReceived watch",
      "ResponseStarted watch",
      "ResponseComplete watch",
    ]);
  });

  test("knows no secret", async () => {
    const path = join(folder, "audit.log");
    await start({ audit: { path } });
    await client.create(Secret, {
      metadata: { name: "s", namespace: "default" },
      stringData: { a: "hidden-1" },
    });
    const secrets = "/api/v1/namespaces/default/secrets";
    const body = JSON.stringify({ metadata: { name: "t" }, stringData: { a: "hidden-2" } });
    await ask("ann", `${secrets}/s`);
    await ask("ann", secrets, { method: "POST", body });
    await ask("hidden-3", secrets);
    await server.stop();
    const text = readFileSync(path, "utf8");
    expect(text).not.toMatch(/hidden|Bearer|aGlkZGVu/);
    expect(text).not.toContain('"ann-token"');
    expect(text.split("\n").length).toBe(6);
  });

  test("a place that cannot be written to is said at start", async () => {
    await start();
    const nowhere = { audit: { path: join(folder, "no-folder", "audit.log") } };
    await expect(startServer(createMemoryStore(), tls, nowhere)).rejects.toThrow("ENOENT");
  });
});
