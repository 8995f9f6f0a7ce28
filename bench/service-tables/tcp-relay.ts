import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
  /** Units a request. */
  readonly scale: number;
}

/** What went through a relay in a second of the clock, and in a second of its processor time: others run here, too. */
interface Result {
  readonly value: number;
  readonly perProcessorSecond: number;
}

const LOADS: readonly Load[] = [
  {
    unit: "connections/s",
    path: "/small",
    headers: ["-H", "Connection: close"],
    scale: 1,
  },
  {
    unit: "requests/s",
    path: "/small",
    headers: [],
    scale: 1,
  },
  {
    unit: "MB/s",
    path: "/large",
    headers: [],
    scale: PAGE_BYTES / 1e6,
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
      const proxy = start("haproxy", ["-f", join(folder, "haproxy.cfg")]);
      running.push(proxy);
      const peer = resolve(import.meta.dirname, "../peers/tcp-relay.js");
      const relay = resolve(import.meta.dirname, "relay-server.js");
      const bareProcess = await ready(process.execPath, [peer, `${bare}`, `${pages}`]);
      running.push(bareProcess);
      const ourProcess = await ready(process.execPath, [relay, `${ours}`, `${pages}`]);
      running.push(ourProcess);
      await delay(300);
      const measured: Measurement[] = [];
      for (const load of LOADS) {
        const rounds: { ours: Result; bare: Result; haproxy: Result }[] = [];
        for (let round = 0; round < ROUNDS; round++)
          rounds.push({
            bare: await wrk(bareProcess, bare, load),
            ours: await wrk(ourProcess, ours, load),
            // It serves the pages, too: its processor time is not that of the relay.
            haproxy: await wrk(proxy, haproxy, load),
          });
        const best = (of: (round: (typeof rounds)[number]) => number) =>
          Math.round(Math.max(...rounds.map(of)));
        const params = {
          connections: CONNECTIONS,
          services: 1_001,
          perProcessorSecond: best((one) => one.ours.perProcessorSecond),
        };
        const own = { unit: load.unit, value: best((one) => one.ours.value) };
        const barePerSecond = best((one) => one.bare.perProcessorSecond);
        measured.push({
          ...own,
          params: { ...params, peerPerProcessorSecond: barePerSecond },
          peer: { name: "bare Node relay", value: best((one) => one.bare.value) },
        });
        const value = best((one) => one.haproxy.value);
        measured.push({ ...own, params, peer: { name: "HAProxy", value } });
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

async function wrk(relay: ChildProcess, port: number, { path, headers, scale }: Load): Promise<Result> {
  const args = ["-t1", `-c${CONNECTIONS}`, `-d${SECONDS}s`, ...headers, `http://127.0.0.1:${port}${path}`];
  const before = processorSeconds(relay);
  const { stdout } = await promisify(execFile)("wrk", args);
  const took = processorSeconds(relay) - before;
  if (/Socket errors|Non-2xx/.test(stdout)) throw new Error(`wrk saw failures:\n${stdout}`);
  const number = (text: RegExp) => Number(text.exec(stdout)![1]) * scale;
  return {
    value: number(/Requests\/sec:\s+([\d.]+)/),
    perProcessorSecond: number(/(\d+) requests in/) / took,
  };
}

/** User and system time; Linux counts it in hundredths. */
function processorSeconds({ pid }: ChildProcess): number {
  const [user, system] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ").slice(11, 13);
  return (Number(user) + Number(system)) / 100;
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
