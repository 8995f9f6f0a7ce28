import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { decode, encode } from "dns-packet";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Logger } from "../../host/apimachinery/log.ts";
import { ensureDnsObjects } from "../../host/dns/addon.ts";
import { type Cluster, kinds, startCluster } from "../../host/main.ts";
import { findProgram } from "../embedding/hosts.ts";
import { startComponent } from "./component-process.ts";
import { removeFolder, run, temporaryFolder } from "./pintle-process.ts";
import { requireComponent } from "./requirements.ts";

/** The name server of a cluster, asked by Debian's dig (bind9-dnsutils) and by those who mean no good. */
const hasDig = requireComponent("dig (apt-get install bind9-dnsutils)", findProgram("dig") !== undefined);
const folder = temporaryFolder();
let cluster: Cluster;
let port: number;

beforeAll(async () => {
  cluster = await startCluster({ nodes: 2, store: "memory", dnsPort: 0, kubeconfig: join(folder, "config") });
  port = Number(cluster.dns!.split(":")[1]);
  const { client } = cluster;
  const metadata = (name: string) => ({ name, namespace: "default" });
  const ports = [{ name: "pg", port: 5432, protocol: "TCP" }];
  const selector = { app: "db" };
  await client.create(kinds.Service, {
    metadata: metadata("db"),
    spec: { clusterIP: "None", selector, ports },
  });
  await client.create(kinds.Service, {
    metadata: metadata("early"),
    spec: { clusterIP: "None", selector: { app: "early" }, publishNotReadyAddresses: true, ports },
  });
  await client.create(kinds.Service, {
    metadata: metadata("away"),
    spec: { type: "ExternalName", externalName: "www.example.com" },
  });
  for (const [name, app] of [
    ["db-0", "db"],
    ["db-1", "db"],
    ["early-0", "early"],
  ] as const)
    await client.create(kinds.Pod, {
      metadata: { ...metadata(name), labels: { app } },
      spec: {
        hostname: name,
        subdomain: app,
        // A gate that nobody opens keeps the pod from being ready.
        ...(app === "early" ? { readinessGates: [{ conditionType: "example.com/opened" }] } : {}),
        containers: [{ name: "c", image: "postgres" }],
      },
    });
}, 60_000);
afterAll(async () => {
  await cluster?.stop();
  removeFolder(folder);
});

/** What dig prints. */
async function dig(...words: string[]): Promise<string> {
  const all = ["@127.0.0.1", "-p", String(port), "+tries=1", "+time=10", ...words];
  const { stdout } = await run("dig", all, { timeoutMs: 20_000 });
  return stdout.trim();
}

/** Asks until there is an answer: endpoints take their time. */
async function eventually(wants: RegExp, ...words: string[]): Promise<string> {
  for (let tried = 0; ; tried++) {
    const said = await dig("+short", ...words);
    if (wants.test(said) || tried > 200) return said;
    await delay(50);
  }
}

test("the objects of the addon are asked for at each start, without a word when they are there", async () => {
  const said: string[] = [];
  const hear = (message: string) => void said.push(message);
  const log: Logger = { debug: hear, info: hear, warn: hear, error: hear, child: () => log };
  await ensureDnsObjects(cluster.client, "10.96.0.10", log);
  expect(said).toEqual([]);
});

const ADDRESS = /^10\.128\.\d+\.\d+$/;

describe.skipIf(!hasDig)("dig", () => {
  test("finds pods by their hostnames, and what they serve", async () => {
    const first = await eventually(ADDRESS, "db-0.db.default.svc.cluster.local");
    const second = await eventually(ADDRESS, "db-1.db.default.svc.cluster.local");
    expect([first, second].map((one) => ADDRESS.test(one))).toEqual([true, true]);
    const all = (await dig("+short", "db.default.svc.cluster.local")).split("\n").sort();
    expect(all).toEqual([first, second].sort());
    const served = await dig("+short", "-t", "SRV", "_pg._tcp.db.default.svc.cluster.local");
    expect(served.split("\n").sort()).toEqual([
      "0 50 5432 db-0.db.default.svc.cluster.local.",
      "0 50 5432 db-1.db.default.svc.cluster.local.",
    ]);
    expect(await dig("+short", "-x", first)).toBe("db-0.db.default.svc.cluster.local.");
  });

  test("finds a pod that is not ready where its Service says so", async () => {
    expect(await eventually(ADDRESS, "early-0.early.default.svc.cluster.local")).toMatch(ADDRESS);
    const pod = await cluster.client.get(kinds.Pod, { namespace: "default", name: "early-0" });
    expect(pod.status?.conditions?.find(({ type }) => type === "Ready")?.status).toBe("False");
  });

  test.each([
    [["kubernetes.default.svc.cluster.local"], "10.96.0.1"],
    [["kube-dns.kube-system.svc.cluster.local"], "10.96.0.10"],
    [["+tcp", "kube-dns.kube-system.svc.cluster.local"], "10.96.0.10"],
    [["-x", "10.96.0.10"], "kube-dns.kube-system.svc.cluster.local."],
    [["-t", "TXT", "dns-version.cluster.local"], '"1.1.0"'],
    [["away.default.svc.cluster.local"], "www.example.com."],
    [["10-128-0-9.default.pod.cluster.local"], "10.128.0.9"],
    [
      ["+noedns", "-t", "SRV", "_dns._udp.kube-dns.kube-system.svc.cluster.local"],
      "0 100 53 kube-dns.kube-system.svc.cluster.local.",
    ],
  ])("%j: %s", async (words, wants) => expect(await dig("+short", ...words)).toBe(wants));

  test.each([
    ["none.default.svc.cluster.local", "NXDOMAIN", "SOA"],
    ["kubernetes.default.svc.cluster.local -t MX", "NOERROR", "SOA"],
    ["example.com", "REFUSED", ""],
    ["kubernetes.default.svc.cluster.local +edns=1 +noednsneg", "BADVERS", ""],
    ["cluster.local -t AXFR +notcp", "REFUSED", ""],
  ])("%s: %s", async (words, status, authority) => {
    const said = await dig(...words.split(" "));
    if (!words.includes("AXFR")) expect(said).toContain(`status: ${status}`);
    else expect(said).toContain("Transfer failed");
    expect(said.includes("AUTHORITY SECTION")).toBe(authority !== "");
  });

  test("the asker's upper and lower case come back", async () => {
    const said = await dig("+noall", "+answer", "kUbErNeTeS.default.SVC.cluster.local");
    expect(said).toMatch(/^kUbErNeTeS\.default\.SVC\.cluster\.local\.\s+30\s+IN\s+A\s+10\.96\.0\.1$/);
  });

  test("what is too long for UDP is asked for again by TCP", async () => {
    await cluster.client.create(kinds.Service, {
      metadata: { name: "many", namespace: "default" },
      spec: { clusterIP: "None", ports: [{ port: 80 }] },
    });
    await cluster.client.create(kinds.EndpointSlice, {
      metadata: { name: "many-1", namespace: "default", labels: { "kubernetes.io/service-name": "many" } },
      addressType: "IPv4",
      ports: [],
      endpoints: Array.from({ length: 200 }, (_, i) => ({ addresses: [`10.1.0.${i + 1}`] })),
    });
    const all = await eventually(/10\.1\.0\.200$/m, "many.default.svc.cluster.local");
    expect(new Set(all.split("\n")).size).toBe(200);
    const cut = await dig("+ignore", "many.default.svc.cluster.local");
    expect(cut).toMatch(/flags: qr aa tc rd;/);
    // Each time another one comes first.
    const first = async () => (await dig("+short", "+tcp", "many.default.svc.cluster.local")).split("\n")[0];
    expect(await first()).not.toBe(await first());
  });

  test("pintle dns answers for a cluster elsewhere", async () => {
    const running = startComponent(["dns", "--kubeconfig", join(folder, "config")]);
    try {
      const place = /^127\.0\.0\.1:(\d+)$/m;
      for (let tried = 0; !place.test(running.output()) && tried < 400; tried++) await delay(50);
      const own = place.exec(running.output())![1]!;
      const all = ["@127.0.0.1", "-p", own, "+short", "kubernetes.default.svc.cluster.local"];
      expect((await run("dig", all)).stdout.trim()).toBe("10.96.0.1");
    } finally {
      await running.stop();
    }
  });
});

const QUERY = encode({
  type: "query",
  id: 9,
  questions: [{ name: "kubernetes.default.svc.cluster.local", type: "A" }],
});
const framed = (message: Buffer) => {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
};

async function open(): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** So many answers, each behind its length. */
async function answers(socket: Socket, count: number): Promise<string[]> {
  const found: string[] = [];
  let pending = Buffer.alloc(0);
  for await (const chunk of socket) {
    pending = Buffer.concat([pending, chunk as Buffer]);
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const end = 2 + pending.readUInt16BE(0);
      const { answers: records } = decode(pending.subarray(2, end));
      found.push(String((records![0] as { data?: unknown }).data));
      pending = pending.subarray(end);
    }
    if (found.length >= count) break;
  }
  return found;
}

describe("askers who mean no good", () => {
  /** The server still answers. */
  async function works(): Promise<void> {
    const socket = await open();
    socket.write(framed(QUERY));
    expect(await answers(socket, 1)).toEqual(["10.96.0.1"]);
  }

  test("a thousand questions in one go, and one byte at a time", async () => {
    const many = await open();
    many.write(Buffer.concat(Array<Buffer>(1_000).fill(framed(QUERY))));
    expect(await answers(many, 1_000)).toEqual(Array<string>(1_000).fill("10.96.0.1"));
    const slow = await open();
    slow.setNoDelay(true);
    for (const byte of framed(QUERY)) slow.write(Buffer.from([byte]));
    expect(await answers(slow, 1)).toEqual(["10.96.0.1"]);
  });

  test("who asks and never reads takes no memory", async () => {
    const socket = await open();
    socket.pause();
    const batch = Buffer.concat(Array<Buffer>(1_000).fill(framed(QUERY)));
    let written = 0;
    // Until nothing more is taken: both kernels' buffers are full then.
    while (
      socket.write(batch) ||
      (await Promise.race([once(socket, "drain").then(() => true), delay(300, false)]))
    )
      if (++written > 2_000) expect.fail("the server reads on and on");
    await works();
    socket.destroy();
  });

  test("connections above the bound are closed, and the others go on", async () => {
    const sockets = await Promise.all(Array.from({ length: 300 }, open));
    let closed = 0;
    for (const socket of sockets) socket.resume().on("close", () => closed++);
    for (let tried = 0; closed < 44 && tried < 200; tried++) await delay(50);
    // Of this process and the test before some may still be closing.
    expect(closed).toBeGreaterThanOrEqual(44);
    expect(closed).toBeLessThan(60);
    for (const socket of sockets) socket.destroy();
    await delay(100);
    await works();
  });

  test("rubbish by UDP and TCP", async () => {
    const udp = createSocket("udp4");
    for (let i = 0; i < 5_000; i++) udp.send(Buffer.alloc(i % 64, i & 255), port, "127.0.0.1");
    udp.send(Buffer.alloc(60_000, 1), port, "127.0.0.1");
    const tcp = await open();
    tcp.write(framed(Buffer.from([0, 7, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0])));
    await once(tcp, "close");
    await works();
    udp.close();
  });
});
