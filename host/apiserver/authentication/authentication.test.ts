import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Namespace, Secret, ServiceAccount } from "../../api/registry.ts";
import { createLogger } from "../../apimachinery/log.ts";
import type { Client } from "../../client/client.ts";
import { issueCertificate } from "../../security/certificate.ts";
import { ensurePki } from "../../security/pki.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import type { ApiServer } from "../server.ts";
import { askHttp1, askHttp2, type Identity, startServer } from "../server-fixture.ts";
import { asker, bearer, type Headers, type Who } from "./access.test-support.ts";
import { parseTokenFile } from "./static-tokens.ts";

const nowMs = Date.now();
const pki = await ensurePki({ nowMs });
const proxies = await ensurePki({ nowMs });
const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };

/** A certificate of one of the two authorities. */
async function certificate(
  by: typeof pki,
  commonName: string,
  organizations: string[] = [],
  days = 1,
): Promise<Identity> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const cert = await issueCertificate(
    {
      subject: { commonName, organizations },
      usage: "client",
      publicKey,
      notBeforeMs: nowMs - 10 * 86_400_000,
      notAfterMs: nowMs + days * 86_400_000,
    },
    { subject: { commonName: "pintle-ca" }, privateKey: createPrivateKey(by.caKey) },
  );
  return { cert, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}

const TOKENS = parseTokenFile(`
root-token,root,0,system:masters
joe-token,joe,42,"dev,ops"
"odd,token",odd,
`);

const lines: string[] = [];
let server: ApiServer;
let client: Client;
let ask: ReturnType<typeof asker>["ask"];
let who: ReturnType<typeof asker>["who"];
const people: Record<string, Identity> = {};

beforeAll(async () => {
  server = await startServer(createMemoryStore(), tls, {
    tokens: TOKENS,
    frontProxy: { caCert: proxies.caCert, allowedNames: ["front"] },
    log: createLogger((line) => lines.push(line), "debug"),
  });
  client = server.client("test");
  ({ ask, who } = asker(server, pki.caCert));
  people["alice"] = await certificate(pki, "alice", ["devs", "qa"]);
  people["expired"] = await certificate(pki, "old", [], -1);
  people["front"] = await certificate(proxies, "front");
  people["other proxy"] = await certificate(proxies, "other", ["system:masters"]);
  people["our front"] = await certificate(pki, "front");
  people["nameless"] = await certificate(pki, "", ["system:masters"]);
  await client.create(Namespace, { metadata: { name: "team" } });
  await client.create(ServiceAccount, { metadata: { name: "bot", namespace: "team" } });
  await client.create(ServiceAccount, { metadata: { name: "default", namespace: "team" } });
});
afterAll(() => server.stop());

interface Asks {
  readonly name: string;
  readonly headers: Headers;
  readonly identity?: string;
  readonly says: string | object;
}

describe("who asks", () => {
  test.each<Asks>([
    {
      name: "a token of the file",
      headers: bearer("joe-token"),
      says: { username: "joe", uid: "42", groups: ["dev", "ops", "system:authenticated"] },
    },
    {
      name: "a quoted token",
      headers: bearer("odd,token"),
      says: { username: "odd", groups: ["system:authenticated"] },
    },
    {
      name: "the scheme in other letters",
      headers: { authorization: "bEaReR joe-token" },
      says: { username: "joe" },
    },
    { name: "an unknown token", headers: bearer("nope"), says: "401 Unauthorized" },
    {
      name: "a foreign JWT",
      headers: bearer("eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0."),
      says: "401 Unauthorized",
    },
    { name: "nobody", headers: {}, says: "401 Unauthorized" },
    {
      name: "a basic password is no credential at all",
      headers: { authorization: "Basic am9lOmpvZQ==" },
      says: "401 Unauthorized",
    },
    {
      name: "a certificate",
      identity: "alice",
      headers: {},
      says: { username: "alice", groups: ["devs", "qa", "system:authenticated"] },
    },
    {
      name: "a certificate beside a wrong token",
      identity: "alice",
      headers: bearer("nope"),
      says: { username: "alice" },
    },
    {
      name: "a certificate beside a good token",
      identity: "alice",
      headers: bearer("joe-token"),
      says: { username: "alice" },
    },
    { name: "an expired certificate", identity: "expired", headers: {}, says: "401 Unauthorized" },
    {
      name: "an expired certificate beside a good token",
      identity: "expired",
      headers: bearer("joe-token"),
      says: { username: "joe" },
    },
    { name: "a certificate without a name", identity: "nameless", headers: {}, says: "401 Unauthorized" },
    {
      name: "a front proxy's user",
      identity: "front",
      headers: {
        "x-remote-user": "eve",
        "x-remote-group": ["a", "b, with a comma"],
        "x-remote-uid": "7",
        "x-remote-extra-scopes%2fread": ["one"],
      },
      says: {
        username: "eve",
        uid: "7",
        groups: ["a", "b, with a comma", "system:authenticated"],
        extra: { "scopes/read": ["one"] },
      },
    },
    { name: "a front proxy on its own account", identity: "front", headers: {}, says: "401 Unauthorized" },
    {
      name: "a proxy of another name",
      identity: "other proxy",
      headers: { "x-remote-user": "eve" },
      says: "401 Unauthorized",
    },
    {
      name: "a client that poses as a proxy",
      identity: "our front",
      headers: { "x-remote-user": "eve" },
      says: { username: "front" },
    },
    {
      name: "a token that poses as a proxy",
      headers: { ...bearer("joe-token"), "x-remote-user": "eve" },
      says: { username: "joe" },
    },
  ])("$name", async ({ headers, identity, says }) => {
    const answer = await who(headers, identity === undefined ? undefined : people[identity]);
    if (typeof says === "string") expect(answer).toBe(says);
    else expect(answer).toMatchObject(says);
  });

  test("a certificate is named by its digest", async () => {
    const { extra } = (await who({}, people["alice"])) as Who;
    expect(extra?.["authentication.kubernetes.io/credential-id"]?.[0]).toMatch(/^X509SHA256=[0-9a-f]{64}$/);
  });

  test("a WebSocket brings its token among the protocols", async () => {
    const protocol = `base64url.bearer.authorization.k8s.io.${Buffer.from("joe-token").toString("base64url")}`;
    const headers = { upgrade: "websocket", "sec-websocket-protocol": `v4.channel.k8s.io, ${protocol}` };
    const asked = {
      path: "/api/v1/namespaces/team/pods/x/log",
      headers: { ...headers, connection: "close" },
    };
    const answer = await askHttp1(server, pki.caCert, asked);
    expect(answer.json()["message"]).toContain('User "joe" cannot get resource "pods/log"');
  });

  test("the server tells others how it knows its clients", async () => {
    const path = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication";
    const { data } = (await ask({ path }, pki.admin)).json() as { data: Record<string, string> };
    expect(data).toMatchObject({
      "client-ca-file": pki.caCert,
      "requestheader-client-ca-file": proxies.caCert,
      "requestheader-allowed-names": '["front"]',
      "requestheader-username-headers": '["X-Remote-User"]',
    });
  });
});

test.each([
  { anonymous: true, path: "/api", says: [403, 'forbidden: User "system:anonymous" cannot get path "/api"'] },
  { anonymous: true, path: "/", says: [403, 'forbidden: User "system:anonymous" cannot get path "/"'] },
  { anonymous: true, path: "/version", says: [200, undefined] },
  { anonymous: false, path: "/version", says: [401, "Unauthorized"] },
  { anonymous: ["/livez"], path: "/livez", says: [200, undefined] },
  { anonymous: ["/livez"], path: "/readyz", says: [401, "Unauthorized"] },
])("anonymous $anonymous: $path", async ({ anonymous, path, says }) => {
  const own = await startServer(createMemoryStore(), tls, { anonymous });
  try {
    const answer = await askHttp2(own, pki.caCert, { path });
    const message = answer.text.startsWith("{") ? answer.json()["message"] : undefined;
    expect([answer.code, message]).toEqual(says);
  } finally {
    await own.stop();
  }
});

describe("a token file", () => {
  test.each([
    { line: "t,u", says: 'line 1 is not token,user,uid[,"group1,group2"]' },
    { line: ",u,1", says: 'line 1 is not token,user,uid[,"group1,group2"]' },
  ])("refuses $line without repeating it", ({ line, says }) => {
    expect(() => parseTokenFile(line)).toThrow(says);
  });
});

async function review(spec: object): Promise<unknown> {
  const path = "/apis/authentication.k8s.io/v1/tokenreviews";
  const answer = await ask({ method: "POST", path, body: JSON.stringify({ spec }) }, pki.admin);
  return answer.code === 201 ? answer.json()["status"] : `${answer.code} ${answer.json()["message"]}`;
}

describe("a TokenReview", () => {
  test.each([
    { spec: { token: "" }, says: "400 token is required for TokenReview in authentication" },
    { spec: { token: "garbage" }, says: { user: {}, error: "invalid bearer token" } },
    {
      spec: { token: "joe-token" },
      says: {
        authenticated: true,
        user: { username: "joe", uid: "42", groups: ["dev", "ops", "system:authenticated"] },
        audiences: ["https://kubernetes.default.svc.cluster.local"],
      },
    },
    { spec: { token: "joe-token", audiences: ["vault"] }, says: { user: {}, error: "invalid bearer token" } },
  ])("of $spec.token", async ({ spec, says }) => {
    expect(await review(spec)).toEqual(says);
  });
});

describe("bootstrap tokens", () => {
  const fields = {
    "token-id": "abcdef",
    "token-secret": "0123456789abcdef",
    "usage-bootstrap-authentication": "true",
    "auth-extra-groups": "system:bootstrappers:workers",
  };
  const type = "bootstrap.kubernetes.io/token";
  test.each<{ name: string; change: Record<string, string>; type?: string; says: string | object }>([
    {
      name: "lets a new node in",
      change: {},
      says: {
        username: "system:bootstrap:abcdef",
        groups: ["system:bootstrappers", "system:bootstrappers:workers", "system:authenticated"],
      },
    },
    {
      name: "not with another secret",
      change: { "token-secret": "0123456789abcdee" },
      says: "401 Unauthorized",
    },
    {
      name: "not for signing only",
      change: { "usage-bootstrap-authentication": "false" },
      says: "401 Unauthorized",
    },
    { name: "not after its end", change: { expiration: "2020-01-01T00:00:00Z" }, says: "401 Unauthorized" },
    { name: "not with an end nobody can read", change: { expiration: "soon" }, says: "401 Unauthorized" },
    {
      name: "before its end",
      change: { expiration: "2199-01-01T00:00:00Z" },
      says: { username: "system:bootstrap:abcdef" },
    },
    {
      name: "not into groups of others",
      change: { "auth-extra-groups": "system:masters" },
      says: "401 Unauthorized",
    },
    { name: "not by a secret of another type", change: {}, type: "Opaque", says: "401 Unauthorized" },
  ])("$name", async ({ change, says, ...rest }) => {
    const reference = { namespace: "kube-system", name: "bootstrap-token-abcdef" };
    await client.create(Secret, {
      metadata: reference,
      type: rest.type ?? type,
      stringData: { ...fields, ...change },
    });
    const answer = await who(bearer("abcdef.0123456789abcdef"));
    if (typeof says === "string") expect(answer).toBe(says);
    else expect(answer).toMatchObject(says);
    await client.delete(Secret, reference);
    expect(await who(bearer("abcdef.0123456789abcdef"))).toBe("401 Unauthorized");
  });
});
