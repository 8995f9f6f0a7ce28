import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { issueCertificate, type Subject, type Usage } from "../../host/security/certificate.ts";
import type { EtcdTls } from "../../host/store/etcd-access.ts";
import { type EtcdStoreOptions, openEtcdStore } from "../../host/store/etcd-store.ts";
import type { Store } from "../../host/store/store.ts";
import { apply, inKeys, recorder, settledAt } from "../../host/store/store-shorthand.ts";
import { runPintle } from "../scenarios/pintle-process.ts";
import { freePort, hasEtcd } from "./etcd-process.ts";

/** An etcd that speaks TLS only, asks for certificates and knows users: with certificates of our own making. */
class SecuredEtcd {
  readonly #dir = mkdtempSync(join(tmpdir(), "pintle-etcd-tls-"));
  #process: ChildProcess | undefined;
  tls: Required<EtcdTls> = { ca: "", cert: "", key: "" };
  endpoint = "";

  async start(...flags: string[]): Promise<void> {
    const ca = newKey();
    const authority = { commonName: "etcd-ca" };
    const issue = (subject: Subject, usage: Usage, key: string, hosts?: string[]) =>
      issueCertificate(
        {
          subject,
          usage,
          publicKey: createPublicKey(key),
          notBeforeMs: Date.now() - 3_600_000,
          notAfterMs: Date.now() + 3_600_000,
          hosts,
        },
        { subject: authority, privateKey: createPrivateKey(ca) },
      );
    const [server, client] = [newKey(), newKey()];
    this.tls = {
      ca: await issue(authority, "ca", ca),
      // A common name would be taken for the user's, and no password would be asked.
      cert: await issue({ commonName: "" }, "client", client),
      key: client,
    };
    const port = await freePort();
    this.endpoint = `https://127.0.0.1:${port}`;
    this.#write("ca.crt", this.tls.ca);
    this.#write("client.crt", this.tls.cert);
    this.#write("client.key", client);
    this.#write("server.crt", await issue({ commonName: "etcd" }, "server", server, ["127.0.0.1"]));
    this.#write("server.key", server);
    const peer = `http://127.0.0.1:${await freePort()}`;
    const urls = ["--listen-client-urls", this.endpoint, "--advertise-client-urls", this.endpoint];
    this.#process = spawn(
      "etcd",
      [
        ...["--data-dir", join(this.#dir, "data"), "--name", "m", "--log-level", "error", ...urls],
        ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
        ...["--initial-cluster", `m=${peer}`, "--heartbeat-interval", "5", "--election-timeout", "50"],
        ...["--cert-file", this.path("server.crt"), "--key-file", this.path("server.key")],
        ...["--client-cert-auth", "--trusted-ca-file", this.path("ca.crt"), ...flags],
      ],
      { stdio: "ignore" },
    );
    for (let attempt = 0; ; attempt++) {
      try {
        this.ctl("get", "a");
        return;
      } catch (error) {
        if (attempt > 50) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  path(name: string): string {
    return join(this.#dir, name);
  }

  ctl(...args: string[]): string {
    const keys = ["--cacert", "ca.crt", "--cert", "client.crt", "--key", "client.key"];
    return execFileSync(
      "etcdctl",
      [
        "--endpoints",
        this.endpoint,
        ...keys.map((one) => (one.startsWith("-") ? one : this.path(one))),
        ...args,
      ],
      { env: { ...process.env, ETCDCTL_API: "3" }, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] },
    );
  }

  remove(): void {
    this.#process?.kill("SIGKILL");
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #write(name: string, text: string): void {
    writeFileSync(this.path(name), text, { mode: 0o600 });
  }
}

function newKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

describe.runIf(hasEtcd())("an etcd with TLS, client certificates and users", { timeout: 60_000 }, () => {
  const etcd = new SecuredEtcd();
  const stores: Store[] = [];
  beforeAll(() => etcd.start("--auth-token-ttl", "1"));
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    etcd.remove();
  });
  const open = async (options: EtcdStoreOptions) => {
    const store = await openEtcdStore([etcd.endpoint], { callLimitMs: 2_000, ...options });
    stores.push(store);
    return store;
  };

  test("the certificates of both sides are held against the authority", async () => {
    const store = await open({ tls: etcd.tls });
    const watcher = recorder();
    store.watch("", store.revision, watcher);
    expect(await apply(store, "create a 1")).toMatch(/^a=1 created/);
    expect(watcher.events.length).toBe(1);
    const { ca, cert, key } = etcd.tls;
    const refused = (tls: EtcdTls) =>
      expect(open({ tls })).rejects.toThrow(/^etcd at https:.* cannot be used: /);
    await refused({});
    await refused({ cert, key });
    await refused({ ca });
    await expect(open({ tls: { ca, cert, key: newKey() } })).rejects.toThrow(
      "the certificates for etcd cannot",
    );
    await expect(open({ tls: { ca, cert } })).rejects.toThrow("the certificates for etcd cannot be used");
    const plain = openEtcdStore([etcd.endpoint.replace("https", "http")], { tls: etcd.tls });
    await expect(plain).rejects.toThrow("certificates go with https:// only");
  });

  test("a password is shown, and again when etcd has forgotten the token; watches go on", async () => {
    etcd.ctl("user", "add", "root:secret");
    etcd.ctl("user", "grant-role", "root", "root");
    etcd.ctl("user", "add", "pintle:word");
    etcd.ctl("role", "add", "all");
    etcd.ctl("role", "grant-permission", "all", "readwrite", "--prefix=true", "");
    etcd.ctl("user", "grant-role", "pintle", "all");
    etcd.ctl("auth", "enable");
    const user = { name: "pintle", password: "word" };
    await expect(open({ tls: etcd.tls })).rejects.toThrow(/user name is empty|permission denied/);
    const wrong = open({ tls: etcd.tls, user: { ...user, password: "word2" } });
    await expect(wrong).rejects.toThrow(/authentication failed, invalid user ID or password/);
    const store = await open({ tls: etcd.tls, user });
    const watcher = recorder();
    store.watch("", store.revision, watcher);
    const lease = await store.grantLease(60_000);
    expect(await apply(store, "create b 1")).toMatch(/^b=1/);
    // A token lives for a second here; it is kept when it is used, so nothing is asked meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(inKeys(await store.range(""))).toBe("a b");
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    // Many at once, all with the token that is no more.
    const many = Array.from({ length: 50 }, (_, i) => apply(store, `create c${i} 1`));
    expect((await Promise.all(many)).every((words) => words.includes("created"))).toBe(true);
    expect(await store.keepLeaseAlive(lease.id)).toMatchObject({ id: lease.id });
    // Whoever changes users makes tokens old at once.
    etcd.ctl("--user", "root:secret", "user", "add", "other:x");
    expect(await apply(store, "create d 1")).toMatch(/^d=1/);
    await settledAt(store, store.revision);
    // The flags of the command line say the same.
    const password = etcd.path("password");
    writeFileSync(password, "word\n", { mode: 0o600 });
    const flags = [
      "--etcd-servers",
      etcd.endpoint,
      "--etcd-user",
      "pintle",
      "--etcd-password-file",
      password,
    ];
    const keys = ["ca", "cert", "key"].map((what, i) => [
      `--etcd-${what}file`,
      etcd.path(["ca.crt", "client.crt", "client.key"][i]!),
    ]);
    const checked = await runPintle(["store", "check", "-o", "json", ...flags, ...keys.flat()]);
    expect(checked).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining('"keys": 53') });
    expect([watcher.events.length, watcher.ends]).toEqual([52, []]);
  });
});
