import { createPrivateKey, X509Certificate } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { connect, createServer } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { answersTo, ensurePki, type Pki, PkiError } from "./pki.ts";

const nowMs = Date.UTC(2026, 5, 1);
const days = (count: number) => count * 24 * 60 * 60 * 1000;
const PEMS = [
  "admin.crt",
  "admin.key",
  "apiserver-kubelet-client.crt",
  "apiserver-kubelet-client.key",
  "apiserver.crt",
  "apiserver.key",
  "ca.crt",
  "ca.key",
  "front-proxy-ca.crt",
  "front-proxy-ca.key",
  "front-proxy-client.crt",
  "front-proxy-client.key",
  "sa.key",
];

let directory: string;
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), "pintle-pki-")), "pki");
});
afterEach(() => rmSync(dirname(directory), { recursive: true, force: true }));

describe("what is made", () => {
  test("names, groups and purposes are what the API server reads", async () => {
    const pki = await ensurePki({ nowMs });
    const ca = new X509Certificate(pki.caCert);
    const serving = new X509Certificate(pki.serving.cert);
    const admin = new X509Certificate(pki.admin.cert);
    expect({
      caIsCa: ca.ca,
      servingIsCa: serving.ca,
      chain: [serving, admin].map((leaf) => leaf.checkIssued(ca) && leaf.verify(ca.publicKey)),
      admin: admin.subject.split("\n"),
      purposes: [serving.keyUsage, admin.keyUsage],
      until: [ca, serving].map((one) => Date.parse(one.validTo) - nowMs),
    }).toEqual({
      caIsCa: true,
      servingIsCa: false,
      chain: [true, true],
      admin: ["O=system:masters", "CN=kubernetes-admin"],
      purposes: [["1.3.6.1.5.5.7.3.1"], ["1.3.6.1.5.5.7.3.2"]],
      until: [days(3650), days(365)],
    });
  });

  test.each([
    ["localhost", true],
    ["kubernetes", true],
    ["kubernetes.default", true],
    ["kubernetes.default.svc", true],
    ["kubernetes.default.svc.cluster.local", true],
    ["127.0.0.1", true],
    ["10.96.0.1", true],
    ["extra.example.com", true],
    ["10.96.0.2", false],
    ["example.com", false],
  ])("the serving certificate answers to %s: %s", async (host, wanted) => {
    const pki = await ensurePki({ nowMs, hosts: ["extra.example.com"] });
    const serving = new X509Certificate(pki.serving.cert);
    expect(answersTo(serving, host)).toBe(wanted);
  });

  test("a TLS server of it accepts its administrator and not another cluster's", async () => {
    const [ours, other] = [await ensurePki({ nowMs: Date.now() }), await ensurePki({ nowMs: Date.now() })];
    expect(await handshake(ours, ours)).toBe("kubernetes-admin of system:masters");
    expect(await handshake(ours, other)).toBe("refused");
  });
});

describe("what is kept", () => {
  test("folder 0700, files 0600, nothing else beside them", async () => {
    await ensurePki({ directory, nowMs });
    const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
    expect(mode(directory)).toBe("700");
    expect(readdirSync(directory).sort()).toEqual(PEMS);
    expect(PEMS.map((file) => mode(join(directory, file)))).toEqual(PEMS.map(() => "600"));
  });

  test("a restart uses the same files, and closes those that stood open", async () => {
    const first = await ensurePki({ directory, nowMs });
    chmodSync(join(directory, "ca.key"), 0o644);
    chmodSync(directory, 0o755);
    expect(await ensurePki({ directory, nowMs: nowMs + days(300) })).toEqual(first);
    expect(statSync(join(directory, "ca.key")).mode & 0o777).toBe(0o600);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  });

  // Which of the certificates and keys a later start changes, and what it leaves alone.
  test.each([
    {
      name: "near its end, a leaf is renewed",
      change: () => {},
      later: days(340),
      renewed: ["admin.crt", "apiserver-kubelet-client.crt", "apiserver.crt", "front-proxy-client.crt"],
    },
    {
      name: "near its end, the authority is renewed under the same key",
      change: () => {},
      later: days(3630),
      renewed: [
        "admin.crt",
        "apiserver-kubelet-client.crt",
        "apiserver.crt",
        "ca.crt",
        "front-proxy-ca.crt",
        "front-proxy-client.crt",
      ],
    },
    { name: "a lost leaf is made anew", change: drop("admin.crt"), later: 0, renewed: ["admin.crt"] },
    {
      name: "a lost leaf key is made anew",
      change: drop("admin.key"),
      later: 0,
      renewed: ["admin.crt", "admin.key"],
    },
    {
      name: "a start cut short after the first key goes on",
      change: drop("ca.crt"),
      later: 0,
      renewed: ["ca.crt"],
    },
    {
      name: "another authority signs all leaves anew",
      change: async (folder: string) => {
        const other = await ensurePki({ nowMs });
        writeFileSync(join(folder, "ca.crt"), other.caCert);
        writeFileSync(join(folder, "ca.key"), other.caKey);
      },
      later: 0,
      renewed: ["admin.crt", "apiserver-kubelet-client.crt", "apiserver.crt", "ca.crt", "ca.key"],
    },
  ])("$name", async ({ change, later, renewed }) => {
    await ensurePki({ directory, nowMs });
    const before = contents();
    await change(directory);
    const pki = await ensurePki({ directory, nowMs: nowMs + later });
    const after = contents();
    expect(PEMS.filter((file) => before[file] !== after[file])).toEqual(renewed);
    const admin = new X509Certificate(pki.admin.cert);
    expect(admin.verify(new X509Certificate(pki.caCert).publicKey)).toBe(true);
  });

  test.each(["192.0.2.7", "k8s.example.com"])(
    "the new name %s renews the serving certificate only",
    async (host) => {
      const first = await ensurePki({ directory, nowMs });
      const second = await ensurePki({ directory, nowMs, hosts: [host] });
      expect(second.serving.cert).not.toBe(first.serving.cert);
      expect({ ...second, serving: first.serving }).toEqual(first);
    },
  );
});

/** An authority's key that is not this directory's. */
const otherKey = (await ensurePki({ nowMs: Date.UTC(2026, 0, 1) })).caKey;

describe("what cannot be used is said, and nothing is overwritten", () => {
  test.each([
    {
      name: "a cut certificate",
      file: "ca.crt",
      text: "-----BEGIN CERTIFICATE-----\nMIIB",
      says: "ca.crt is corrupt: not a PEM certificate",
    },
    { name: "an empty key", file: "ca.key", text: "", says: "ca.key is corrupt: not a PEM private key" },
    {
      name: "a leaf of noise",
      file: "apiserver.crt",
      text: "\0\x01",
      says: "apiserver.crt is corrupt: not a PEM certificate",
    },
    {
      name: "a token key of noise",
      file: "sa.key",
      text: "hello",
      says: "sa.key is corrupt: not a PEM private key",
    },
    { name: "a lost authority key", file: "ca.key", text: undefined, says: "ca.key is missing, but" },
    {
      name: "another's authority key",
      file: "ca.key",
      text: otherKey,
      says: "does not belong to",
    },
  ])("$name", async ({ file, text, says }) => {
    await ensurePki({ directory, nowMs });
    if (text === undefined) drop(file)(directory);
    else writeFileSync(join(directory, file), text);
    const before = contents();
    const attempt = () => ensurePki({ directory, nowMs });
    await expect(attempt).rejects.toThrow(PkiError);
    await expect(attempt).rejects.toThrow(says);
    expect(contents()).toEqual(before);
  });
});

function drop(file: string): (folder: string) => void {
  return (folder) => rmSync(join(folder, file));
}

function contents(): Record<string, string> {
  return Object.fromEntries(
    readdirSync(directory).map((file) => [file, readFileSync(join(directory, file), "utf8")]),
  );
}

/** Who the server takes the client for, over a real connection. */
async function handshake(server: Pki, client: Pki): Promise<string> {
  const listener = createServer(
    {
      ca: server.caCert,
      cert: server.serving.cert,
      key: server.serving.key,
      requestCert: true,
      rejectUnauthorized: true,
    },
    (socket) => {
      const { subject } = socket.getPeerCertificate();
      socket.end(`${subject.CN} of ${subject.O}`);
    },
  );
  listener.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as AddressInfo;
  try {
    return await new Promise((resolve) => {
      const socket = connect({
        socket: connectTcp(port, "127.0.0.1"),
        servername: "localhost",
        ca: server.caCert,
        cert: client.admin.cert,
        key: client.admin.key,
      });
      let answer = "";
      socket.on("data", (chunk) => {
        answer += chunk;
      });
      socket.on("error", () => resolve("refused"));
      socket.on("close", () => resolve(answer || "refused"));
    });
  } finally {
    listener.close();
  }
}

describe("the key of service account tokens", () => {
  test("is RSA, and the same at the next start", async () => {
    const first = await ensurePki({ directory, nowMs });
    const second = await ensurePki({ directory, nowMs });
    expect(createPrivateKey(first.serviceAccountKey ?? "").asymmetricKeyType).toBe("rsa");
    expect([second.serviceAccountKey, second.previousServiceAccountKeys]).toEqual([
      first.serviceAccountKey,
      [],
    ]);
  });

  test("of an earlier cluster is put aside and still accepted", async () => {
    await ensurePki({ directory, nowMs });
    const old = readFileSync(join(directory, "admin.key"), "utf8");
    writeFileSync(join(directory, "sa.key"), old, { mode: 0o600 });
    const migrated = await ensurePki({ directory, nowMs });
    expect(migrated.previousServiceAccountKeys).toEqual([old]);
    expect(createPrivateKey(migrated.serviceAccountKey ?? "").asymmetricKeyType).toBe("rsa");
    expect(await ensurePki({ directory, nowMs })).toEqual(migrated);
    expect(statSync(join(directory, "sa.previous.key")).mode & 0o777).toBe(0o600);
  });

  test("is not made for a cluster that lives in memory", async () => {
    expect((await ensurePki({ nowMs })).serviceAccountKey).toBeUndefined();
  });
});
