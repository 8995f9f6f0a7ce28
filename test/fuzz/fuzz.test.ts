import { type ClientHttp2Session, connect } from "node:http2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfigMap, Namespace, Role, RoleBinding, Secret, ServiceAccount } from "../../host/api/registry.ts";
import { createLogger } from "../../host/apimachinery/log.ts";
import { seededRandom } from "../../host/apimachinery/random.ts";
import { loadSchema } from "../../host/apimachinery/schema.ts";
import type { ApiServer } from "../../host/apiserver/server.ts";
import { type Identity, startServer } from "../../host/apiserver/server-fixture.ts";
import { ensurePki } from "../../host/security/pki.ts";
import { createMemoryStore } from "../../host/store/memory-store.ts";
import { drawRequest, type FuzzRequest, NAMESPACE } from "./requests.ts";

/**
 * Requests that nobody means well with, drawn from a grammar. `FUZZ_SEED` names the first seed, `FUZZ_REQUESTS` how many;
 * a failure says its own seed and shows the request.
 */
const FIRST_SEED = Number(process.env["FUZZ_SEED"] ?? 1);
const REQUESTS = Number(process.env["FUZZ_REQUESTS"] ?? (process.env["SOAK"] ? 200_000 : 2_000));
/** Long past what the slowest of them takes: a hang is a hang. */
const HANG_MS = 20_000;

const SECRET = "the-secret-of-another-namespace";
const pki = await ensurePki({ nowMs: Date.now() });
const schema = loadSchema();
const store = createMemoryStore();
const logged: string[] = [];
let server: ApiServer;
let tenantToken: string;

beforeAll(async () => {
  const log = createLogger((line) => logged.push(line), "debug");
  const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };
  server = await startServer(store, tls, {
    log,
    tokens: new Map([["tenant", { name: "tenant", groups: ["system:authenticated"] }]]),
  });
  tenantToken = "tenant";
  const client = server.client("test");
  for (const name of [NAMESPACE, "other"]) {
    await client.create(Namespace, { metadata: { name } });
    await client.create(ServiceAccount, { metadata: { name: "default", namespace: name } });
  }
  await client.create(Secret, { metadata: { name: "a", namespace: "other" }, stringData: { key: SECRET } });
  await client.create(ConfigMap, { metadata: { name: "a", namespace: "other" }, data: { key: SECRET } });
  const everything = [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }];
  await client.create(Role, { metadata: { name: "all", namespace: NAMESPACE }, rules: everything });
  await client.create(RoleBinding, {
    metadata: { name: "all", namespace: NAMESPACE },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "all" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "tenant" }],
  });
});
afterAll(() => server.stop());

interface Answer {
  readonly code: number;
  readonly type: string;
  readonly text: string;
}

function send(session: ClientHttp2Session, { method, path, headers, body }: FuzzRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(
      { ":method": method, ":path": path, ...headers },
      { endStream: body === undefined },
    );
    const hang = setTimeout(() => reject(new Error(`no answer in ${HANG_MS} ms`)), HANG_MS);
    let code = 0;
    let type = "";
    const chunks: Buffer[] = [];
    stream.on("response", (all) => {
      code = Number(all[":status"]);
      type = String(all["content-type"] ?? "");
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", (error) => {
      clearTimeout(hang);
      reject(error);
    });
    stream.on("close", () => {
      clearTimeout(hang);
      resolve({ code, type, text: Buffer.concat(chunks).toString("utf8") });
    });
    if (body !== undefined) stream.end(body);
  });
}

function open(identity?: Identity): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connect(server.url, { ca: pki.caCert, ...identity });
    session.on("error", reject);
    session.on("connect", () => resolve(session));
  });
}

/** What is wrong with an answer, whatever was asked. */
function faultsOf({ code, type, text }: Answer): string[] {
  const faults: string[] = [];
  if (code < 200 || code > 599) faults.push(`no answer: ${code}`);
  // Without a reason it is one of those that Kubernetes answers so itself (api-policy 6.1): Go's bare error.
  if (code === 500 && text.includes('"reason":"InternalError"')) faults.push(`500: ${text.slice(0, 500)}`);
  if (/\n {4}at |TypeError|RangeError|ReferenceError|is not a function/.test(text))
    faults.push(`shows its inside: ${text.slice(0, 500)}`);
  if (code >= 400 && type === "application/json" && text !== "") {
    const status = JSON.parse(text) as { kind?: string; code?: number; message?: unknown; status?: string };
    if (
      status.kind !== "Status" ||
      status.code !== code ||
      typeof status.message !== "string" ||
      status.status !== "Failure"
    )
      faults.push(`not a Status: ${text.slice(0, 500)}`);
  }
  return faults;
}

/** Mistakes of the server's own, which it logs. */
function bugsSince(line: number): string[] {
  return logged.slice(line).filter((one) => one.startsWith("error "));
}

function show({ method, path, headers, body }: FuzzRequest): string {
  return `${method} ${path.slice(0, 1_000)}\n${JSON.stringify(headers)}\n${body?.toString("utf8", 0, 2_000) ?? ""}`;
}

/** Whether an object is in the namespace, or the IPAddress of a Service that is. */
function isInside(key: string, value: Uint8Array): boolean {
  if (key.includes(`/${NAMESPACE}/`)) return true;
  const isAddress = key.startsWith("/registry/ipaddresses/");
  return isAddress && Buffer.from(value).includes(`"namespace":"${NAMESPACE}"`);
}

/** Key -> revision of all that is stored outside of the namespace. */
async function outside(): Promise<Map<string, number>> {
  const { entries } = await store.range("/registry/");
  return new Map(
    entries
      .filter(({ key, value }) => !isInside(key, value))
      .map(({ key, modRevision }) => [key, modRevision]),
  );
}

describe("requests that nobody means well with", () => {
  test(`an administrator's: ${REQUESTS} from seed ${FIRST_SEED}`, { timeout: 3_600_000 }, async () => {
    const session = await open(pki.admin);
    for (let seed = FIRST_SEED; seed < FIRST_SEED + REQUESTS; seed++) {
      const request = drawRequest(seededRandom(seed), schema);
      // These would end what the other half of the run stands on.
      if (request.method === "DELETE" && /namespaces(\/fuzz|\/other)?(\?|$)/.test(request.path)) continue;
      const before = logged.length;
      const answer = await send(session, request).catch((error: unknown) => ({
        code: 0,
        type: "",
        text: String(error),
      }));
      expect([...faultsOf(answer), ...bugsSince(before)], `FUZZ_SEED=${seed}\n${show(request)}`).toEqual([]);
    }
    session.close();
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test(`a tenant's change nothing outside of its namespace, and show nothing: ${REQUESTS}`, {
    timeout: 3_600_000,
  }, async () => {
    const session = await open();
    const untouched = await outside();
    for (let seed = FIRST_SEED; seed < FIRST_SEED + REQUESTS; seed++) {
      const before = logged.length;
      const drawn = drawRequest(seededRandom(seed).fork("tenant"), schema);
      const request = { ...drawn, headers: { ...drawn.headers, authorization: `Bearer ${tenantToken}` } };
      const answer = await send(session, request).catch((error: unknown) => ({
        code: 0,
        type: "",
        text: String(error),
      }));
      const why = `FUZZ_SEED=${seed}\n${show(request)}`;
      expect([...faultsOf(answer), ...bugsSince(before)], why).toEqual([]);
      expect(answer.text.includes(SECRET), why).toBe(false);
      if (seed % 50 === 0) expect(await outside(), why).toEqual(untouched);
    }
    session.close();
    expect(await outside()).toEqual(untouched);
  });

  test("no secret is in the log", () => {
    const encoded = Buffer.from(SECRET).toString("base64");
    expect(logged.filter((line) => line.includes(SECRET) || line.includes(encoded))).toEqual([]);
  });
});
