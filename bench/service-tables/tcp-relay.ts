import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import type { Case, Measurement } from "../suite.ts";

/**
 * Bytes and connections through the table's traffic, through a bare relay in Node.js and through HAProxy, to the same
 * HAProxy that answers pages: wrk, one after the other, the best of a few rounds each.
 */
const ROUNDS = 3;
const SECONDS = 2;
const CONNECTIONS = 32;
const PAGE_BYTES = 65_536;

interface Load {
  readonly unit: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly of: (wrk: string) => number;
}

const LOADS: readonly Load[] = [
  {
    unit: "connections/s",
    path: "/small",
    headers: ["-H", "Connection: close"],
    of: (wrk) => Number(/Requests\/sec:\s+([\d.]+)/.exec(wrk)![1]),
  },
  {
    unit: "requests/s",
    path: "/small",
    headers: [],
    of: (wrk) => Number(/Requests\/sec:\s+([\d.]+)/.exec(wrk)![1]),
  },
  {
    unit: "MB/s",
    path: "/large",
    headers: [],
    of: (wrk) => (Number(/Requests\/sec:\s+([\d.]+)/.exec(wrk)![1]) * PAGE_BYTES) / 1e6,
  },
];

export const tcpRelay: Case = {
  name: "tcp-relay",
  run: async () => {
    const folder = mkdtempSync(join(tmpdir(), "pintle-relay-"));
    const running: ChildProcess[] = [];
    try {
      const [pages, bare, ours, haproxy] = (await freePorts(4)) as [number, number, number, number];
      writeFileSync(join(folder, "page"), "x".repeat(PAGE_BYTES));
      writeFileSync(join(folder, "haproxy.cfg"), haproxyConfig(folder, pages, haproxy));
      running.push(start("haproxy", ["-f", join(folder, "haproxy.cfg")]));
      const peers = resolve(import.meta.dirname, "../peers/tcp-relay.js");
      running.push(await ready(process.execPath, [peers, `${bare}`, `${pages}`]));
      const relay = resolve(import.meta.dirname, "relay-server.js");
      running.push(await ready(process.execPath, [relay, `${ours}`, `${pages}`]));
      await delay(300);
      const measured: Measurement[] = [];
      for (const load of LOADS) {
        const best = { ours: 0, bare: 0, haproxy: 0 };
        for (let round = 0; round < ROUNDS; round++) {
          best.bare = Math.max(best.bare, await wrk(bare, load));
          best.ours = Math.max(best.ours, await wrk(ours, load));
          best.haproxy = Math.max(best.haproxy, await wrk(haproxy, load));
        }
        const params = { connections: CONNECTIONS, services: 1_001, endpoints: 2 };
        const own = { params, unit: load.unit, value: best.ours };
        measured.push({ ...own, peer: { name: "bare Node relay", value: best.bare } });
        measured.push({ ...own, peer: { name: "HAProxy", value: best.haproxy } });
      }
      return measured;
    } finally {
      for (const child of running) child.kill("SIGKILL");
      rmSync(folder, { recursive: true });
    }
  },
};

/** One thread each, as the relays have: the pages, and HAProxy as a relay. */
function haproxyConfig(folder: string, pages: number, relay: number): string {
  return `global
  nbthread 1
  tune.bufsize 131072
defaults
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend pages
  mode http
  bind 127.0.0.1:${pages} backlog 4096
  bind 127.0.0.2:${pages} backlog 4096
  http-request return status 200 content-type text/plain file ${folder}/page if { path /large }
  http-request return status 200 content-type text/plain string "ok"
listen relay
  mode tcp
  bind 127.0.0.1:${relay} backlog 4096
  server pages 127.0.0.1:${pages}
`;
}

async function wrk(port: number, { path, headers, of }: Load): Promise<number> {
  const args = ["-t1", `-c${CONNECTIONS}`, `-d${SECONDS}s`, ...headers, `http://127.0.0.1:${port}${path}`];
  const { stdout } = await promisify(execFile)("wrk", args);
  if (/Socket errors|Non-2xx/.test(stdout)) throw new Error(`wrk saw failures:\n${stdout}`);
  return of(stdout);
}

function start(program: string, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  child.on("error", () => {
    throw new Error(`${program} is missing: apt-get install haproxy wrk`);
  });
  return child;
}

async function ready(program: string, args: readonly string[]): Promise<ChildProcess> {
  const child = start(program, args);
  await once(child.stdout!, "data");
  return child;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}
