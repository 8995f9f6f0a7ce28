import { createPublicKey, createVerify } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Namespace, Node, Pod, Secret, ServiceAccount } from "../../api/registry.ts";
import { createLogger } from "../../apimachinery/log.ts";
import type { Client } from "../../client/client.ts";
import { ensurePki } from "../../security/pki.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import type { ApiServer } from "../server.ts";
import { type Answered, startServer } from "../server-fixture.ts";
import { asker, bearer } from "./access.test-support.ts";

const pki = await ensurePki({ nowMs: Date.now() });
const tls = { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key };

const lines: string[] = [];
let server: ApiServer;
let client: Client;
let ask: ReturnType<typeof asker>["ask"];
let who: ReturnType<typeof asker>["who"];

beforeAll(async () => {
  const log = createLogger((line) => lines.push(line), "debug");
  server = await startServer(createMemoryStore(), tls, { log });
  client = server.client("test");
  ({ ask, who } = asker(server, pki.caCert));
  await client.create(Namespace, { metadata: { name: "team" } });
  await client.create(ServiceAccount, { metadata: { name: "bot", namespace: "team" } });
  await client.create(ServiceAccount, { metadata: { name: "default", namespace: "team" } });
});
afterAll(() => server.stop());

async function review(spec: object): Promise<unknown> {
  const path = "/apis/authentication.k8s.io/v1/tokenreviews";
  const answer = await ask({ method: "POST", path, body: JSON.stringify({ spec }) }, pki.admin);
  return answer.code === 201 ? answer.json()["status"] : `${answer.code} ${answer.json()["message"]}`;
}

/** POST to the account's `token`. */
async function requestToken(spec: object, account = "bot", metadata?: object): Promise<Answered> {
  const path = `/api/v1/namespaces/team/serviceaccounts/${account}/token`;
  const body = JSON.stringify({
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    metadata,
    spec,
  });
  return ask({ method: "POST", path, body }, pki.admin);
}

async function tokenOf(spec: object = {}, account = "bot"): Promise<string> {
  const answer = await requestToken(spec, account);
  expect(answer.code, answer.text).toBe(201);
  return (answer.json() as { status: { token: string } }).status.token;
}

type Claims = Record<string, unknown> & { "kubernetes.io": Record<string, { name: string; uid: string }> };

function claimsOf(token: string): Claims {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
}

const pod = (name: string, nodeName?: string) => ({
  metadata: { name, namespace: "team" },
  spec: { serviceAccountName: "bot", nodeName, containers: [{ name: "c", image: "i" }] },
});

describe("service account tokens", () => {
  test("are asked for, and say who asks", async () => {
    const answer = await requestToken({});
    const { metadata, spec, status } = answer.json() as Record<string, Record<string, unknown>>;
    const issuer = "https://kubernetes.default.svc.cluster.local";
    expect(spec).toEqual({ audiences: [issuer], expirationSeconds: 3600, boundObjectRef: null });
    expect(metadata).toMatchObject({ name: "bot", namespace: "team" });
    const token = String(status?.["token"]);
    const claims = claimsOf(token);
    const { uid } = (await client.get(ServiceAccount, { namespace: "team", name: "bot" })).metadata ?? {};
    expect(claims).toMatchObject({
      iss: issuer,
      aud: [issuer],
      sub: "system:serviceaccount:team:bot",
      "kubernetes.io": { namespace: "team", serviceaccount: { name: "bot", uid } },
    });
    expect(Number(claims["exp"]) - Number(claims["iat"])).toBe(3600);
    expect(await who(bearer(token))).toEqual({
      username: "system:serviceaccount:team:bot",
      uid,
      groups: ["system:serviceaccounts", "system:serviceaccounts:team", "system:authenticated"],
      extra: { "authentication.kubernetes.io/credential-id": [`JTI=${claims["jti"]}`] },
    });
  });

  test("are signed with RS256, as anybody can check with the published keys", async () => {
    const token = await tokenOf();
    const [head = "", body = "", signature = ""] = token.split(".");
    const { alg, kid } = JSON.parse(Buffer.from(head, "base64url").toString());
    const document = (
      await ask({ path: "/.well-known/openid-configuration", headers: bearer(token) })
    ).json();
    expect(document).toEqual({
      issuer: "https://kubernetes.default.svc.cluster.local",
      jwks_uri: `${server.url}/openid/v1/jwks`,
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["RS256"],
    });
    const answer = await ask({ path: "/openid/v1/jwks", headers: bearer(token) });
    expect(answer.headers["content-type"]).toBe("application/jwk-set+json");
    const { keys } = answer.json() as { keys: { kid: string; kty: string; use: string; alg: string }[] };
    const key = keys.find((one) => one.kid === kid);
    expect([alg, key?.alg, key?.kty, key?.use]).toEqual(["RS256", "RS256", "RSA", "sig"]);
    const verify = createVerify("sha256").update(`${head}.${body}`);
    const publicKey = createPublicKey({ key: key as never, format: "jwk" });
    expect(verify.verify(publicKey, Buffer.from(signature, "base64url"))).toBe(true);
    const json = await ask({
      path: "/openid/v1/jwks",
      headers: { ...bearer(token), accept: "application/json" },
    });
    expect(json.code).toBe(406);
  });

  test.each([
    {
      spec: { expirationSeconds: 10 },
      says: '422 TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 10: may not specify a duration less than 10 minutes',
    },
    {
      spec: { expirationSeconds: 2 ** 32 + 1 },
      says: `422 TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: ${2 ** 32 + 1}: may not specify a duration larger than 2^32 seconds`,
    },
    {
      spec: {},
      metadata: { name: "b" },
      says: '422 TokenRequest.authentication.k8s.io "" is invalid: metadata.name: Invalid value: "b": must match the service account name if specified',
    },
    { spec: {}, account: "zz", says: '404 serviceaccounts "zz" not found' },
    {
      spec: { boundObjectRef: { apiVersion: "v1", kind: "ConfigMap", name: "x" } },
      says: "400 cannot bind token to object of type /v1, Kind=ConfigMap",
    },
    {
      spec: { boundObjectRef: { apiVersion: "v1", kind: "Pod", name: "x" } },
      says: '404 pods "x" not found',
    },
    {
      spec: { boundObjectRef: { apiVersion: "v1", kind: "Pod", name: "p0" } },
      account: "default",
      says: '400 cannot bind token for serviceaccount "default" to pod running with different serviceaccount name.',
    },
    {
      spec: { boundObjectRef: { apiVersion: "v1", kind: "Pod", name: "p0", uid: "abc" } },
      says: '409 Operation cannot be fulfilled on Pod "p0": the UID in the bound object reference (abc) does not match the UID in record. The object might have been deleted and then recreated',
    },
  ])("refusal: $says", async ({ spec, account, metadata, says }) => {
    const namespace = "team";
    await client.get(Pod, { namespace, name: "p0" }).catch(() => client.create(Pod, pod("p0")));
    const answer = await requestToken(spec, account, metadata);
    expect(`${answer.code} ${answer.json()["message"]}`).toBe(says);
  });

  test("bound to a pod, they say where it runs and end with it", async () => {
    const { metadata: node } = await client.create(Node, { metadata: { name: "n1" } });
    const { metadata } = await client.create(Pod, pod("p1", "n1"));
    const boundObjectRef = { apiVersion: "v1", kind: "Pod", name: "p1", uid: metadata?.uid };
    const token = await tokenOf({ boundObjectRef });
    expect(await who(bearer(token))).toMatchObject({
      extra: {
        "authentication.kubernetes.io/node-name": ["n1"],
        "authentication.kubernetes.io/node-uid": [node?.uid],
        "authentication.kubernetes.io/pod-name": ["p1"],
        "authentication.kubernetes.io/pod-uid": [metadata?.uid],
      },
    });
    await client.delete(Pod, { namespace: "team", name: "p1" }, { gracePeriodSeconds: 0 });
    expect(await who(bearer(token))).toBe("401 Unauthorized");
  });

  test("bound to a Secret, they end with it", async () => {
    await client.create(Secret, { metadata: { name: "s1", namespace: "team" } });
    const token = await tokenOf({ boundObjectRef: { apiVersion: "v1", kind: "Secret", name: "s1" } });
    expect(await who(bearer(token))).toMatchObject({ username: "system:serviceaccount:team:bot" });
    await client.delete(Secret, { namespace: "team", name: "s1" });
    expect(await who(bearer(token))).toBe("401 Unauthorized");
  });

  test("end with their account, also when another of its name comes", async () => {
    const reference = { namespace: "team", name: "short" };
    await client.create(ServiceAccount, { metadata: reference });
    const token = await tokenOf({}, "short");
    expect(await who(bearer(token))).toMatchObject({ username: "system:serviceaccount:team:short" });
    await client.delete(ServiceAccount, reference);
    expect(await who(bearer(token))).toBe("401 Unauthorized");
    await client.create(ServiceAccount, { metadata: reference });
    expect(await who(bearer(token))).toBe("401 Unauthorized");
  });

  test("the kubelet's live a year", async () => {
    const boundObjectRef = { apiVersion: "v1", kind: "Pod", name: "p0" };
    const answer = await requestToken({ expirationSeconds: 3607, boundObjectRef });
    const { status } = answer.json() as { status: { token: string; expirationTimestamp: string } };
    const { exp, iat, ...rest } = claimsOf(status.token);
    expect(Number(exp) - Number(iat)).toBe(365 * 86_400);
    expect(rest["kubernetes.io"]).toMatchObject({ warnafter: Number(iat) + 3607 });
    const shownSeconds = Date.parse(status.expirationTimestamp) / 1000 - Number(iat);
    expect(Math.abs(shownSeconds - 3607)).toBeLessThanOrEqual(1);
  });

  test("for somebody else are not for this server", async () => {
    const token = await tokenOf({ audiences: ["vault"] });
    expect(await who(bearer(token))).toBe("401 Unauthorized");
    expect(await review({ token, audiences: ["vault", "x"] })).toMatchObject({
      authenticated: true,
      audiences: ["vault"],
      user: { username: "system:serviceaccount:team:bot" },
    });
    expect(await review({ token })).toEqual({
      user: {},
      error:
        '[invalid bearer token, token audiences ["vault"] is invalid for the target audiences ["https://kubernetes.default.svc.cluster.local"]]',
    });
  });

  test("changed by a letter are worth nothing", async () => {
    const token = await tokenOf();
    const [head = "", body = "", signature = ""] = token.split(".");
    const forged = { ...claimsOf(token), sub: "system:serviceaccount:kube-system:root" };
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    for (const one of [
      `${head}.${encode(forged)}.${signature}`,
      `${encode({ alg: "none" })}.${encode(forged)}.`,
      `${encode({ alg: "HS256", kid: "x" })}.${body}.${signature}`,
      `${head}.${body}.`,
      `${head}.${body}`,
    ])
      expect(await who(bearer(one))).toBe("401 Unauthorized");
  });
});

test("no token and no secret is in the log", async () => {
  const token = await tokenOf();
  await client.create(Secret, {
    metadata: { name: "hush", namespace: "team" },
    stringData: { password: "hunter2" },
  });
  await who(bearer(token));
  await who(bearer(`${token}x`));
  await ask({ path: `/api/v1/namespaces/team/secrets/hush?token=${token}` }, pki.admin);
  await ask(
    {
      method: "PUT",
      path: "/api/v1/namespaces/team/secrets/hush",
      body: '{"data":{"password":"aHVudGVyMw=="}}',
    },
    pki.admin,
  );
  await ask(
    {
      method: "PATCH",
      path: "/api/v1/namespaces/team/secrets/hush",
      body: '{"data":{"password":7}}',
      headers: { "content-type": "application/merge-patch+json" },
    },
    pki.admin,
  );
  expect(lines.length).toBeGreaterThan(10);
  const text = lines.join("\n");
  for (const secret of [token, token.split(".")[2] ?? "", "hunter2", "aHVudGVy"])
    expect(text).not.toContain(secret);
});
