import { type ChildProcess, fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { get as request } from "node:https";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { readAdmin } from "../host/security/pki.ts";
import type { Figures, Job, RequestsJob } from "./apiserver/load.ts";
import type { Access, Asked, Protocol } from "./apiserver/wire.ts";
import { cpuMs, type Started, startProgram } from "./measuring/process-tree.ts";
import type { Measurement, Scale, Suite } from "./suite.ts";

/**
 * The API server over the wire, asked by a client process of its own, over HTTP/1.1 (a connection for each request in
 * flight) and HTTP/2 (eight sessions). The peer is bench/peers/bare-server.ts: the same stack doing the same work
 * without Kubernetes, asked by the same client in turns of a second. `cpuRatio` is the peer's processor time for one
 * answer divided by ours: what the ratio would be if nobody else used the machine.
 */
const TURNS = 5;
const TURN_MS = 1_000;
const PROTOCOLS: readonly Protocol[] = ["h1", "h2"];
const dist = resolve(import.meta.dirname, "..");

interface Server {
  readonly program: Started;
  readonly access: Access;
  readonly collection: string;
  /** What the next new object is numbered. */
  next: number;
}

async function startServer(script: string, collection: string): Promise<Server> {
  let url = "";
  const program = await startProgram(
    (folder) => [...NODE_FLAGS, join(dist, script), folder],
    (_, output) => {
      url = /listening on (\S+)/.exec(output)?.[1] ?? "";
      return url !== "";
    },
  );
  const admin = readAdmin(join(program.folder, "pki"))!;
  const access = { url, ca: admin.caCert, cert: admin.cert, key: admin.key };
  return { program, access, collection, next: 0 };
}

/** So that memory can be read after a collection; `BENCH_PROFILE=FOLDER` keeps a CPU profile of each server there. */
const profileFolder = process.env["BENCH_PROFILE"];
const NODE_FLAGS = [
  "--expose-gc",
  ...(profileFolder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`]),
];
const startPintle = () => startServer("bench/apiserver/server.js", "/api/v1/namespaces/default/pods");
const startPeer = () => startServer("bench/peers/bare-server.js", "/objects");

/** A client process, for the length of `use`. */
async function withClient<Result>(
  use: (run: (job: Job) => Promise<Figures>) => Promise<Result>,
): Promise<Result> {
  const child: ChildProcess = fork(join(dist, "bench/apiserver/load.js"));
  const run = (job: Job) =>
    new Promise<Figures>((resolve, reject) => {
      child.once("message", (answer: { done?: Figures; error?: string }) =>
        answer.done === undefined ? reject(new Error(answer.error)) : resolve(answer.done),
      );
      child.send(job);
    });
  try {
    return await use(run);
  } finally {
    child.kill();
  }
}

/** About 3 KiB as JSON, as a pod of a Deployment has when it is created. `$n` stands for its number. */
function pod(): string {
  const env = Array.from({ length: 24 }, (_, i) => ({
    name: `SETTING_NUMBER_${i}`,
    value: `a value of some length, number ${i}, for pod $n`,
  }));
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "pod-$n",
      namespace: "default",
      labels: { app: "web", "pod-template-hash": "5d8f7c9b6d" },
    },
    spec: {
      containers: [
        {
          name: "web",
          image: "registry.example.com/team/web:1.2.3",
          ports: [{ containerPort: 8080, protocol: "TCP" }],
          env,
          resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
          livenessProbe: { httpGet: { path: "/healthz", port: 8080 }, periodSeconds: 10 },
        },
      ],
    },
  });
}

const POST: Asked = { method: "POST", path: "", type: "application/json", body: pod() };

function post(server: Server): Asked {
  return { ...POST, path: server.collection };
}

/** The first pod as the server answers it, to be posted under other names. */
function asStored({ access, collection }: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    const { ca, cert, key } = access;
    const asking = request(
      `${access.url}${collection}/pod-0`,
      { ca, cert, key, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => resolve(Buffer.concat(chunks).toString().replaceAll("pod-0", "pod-$n")));
      },
    );
    asking.on("error", reject);
  });
}

async function fill(
  run: (job: Job) => Promise<Figures>,
  server: Server,
  pods: number,
  body = POST.body,
): Promise<void> {
  while (server.next < pods) {
    const job = requestsJob(server, "h2", { ...post(server), body }, 64, 201);
    const ms = Math.min(5_000, Math.max(20, (pods - server.next) / 8));
    server.next = (await run({ ...job, ms, first: server.next })).next;
  }
}

function requestsJob(
  server: Server,
  protocol: Protocol,
  request: Asked,
  inFlight: number,
  expected = 200,
): RequestsJob {
  const { access } = server;
  return { type: "requests", access, protocol, inFlight, request, expected, ms: TURN_MS, first: 0 };
}

interface Work {
  readonly unit: string;
  /** Objects to be there before the clock starts. */
  readonly pods: number;
  readonly params: Readonly<Record<string, string | number>>;
  job(server: Server, protocol: Protocol): Job;
}

/** Both servers in turns, each protocol; the median turn of each. */
function inTurns(work: Work): () => Promise<readonly Measurement[]> {
  return () =>
    withClient(async (run) => {
      const servers = [await startPintle(), await startPeer()] as const;
      try {
        const [ours, peer] = servers;
        await fill(run, ours, work.pods);
        // Defaults and managedFields make a pod larger than what was posted; the peer keeps as much.
        if (work.pods > 0) await fill(run, peer, work.pods, await asStored(ours));
        const measurements: Measurement[] = [];
        for (const protocol of PROTOCOLS) measurements.push(await measure(run, servers, work, protocol));
        return measurements;
      } finally {
        for (const { program } of servers) await program.stop();
      }
    });
}

async function measure(
  run: (job: Job) => Promise<Figures>,
  servers: readonly [Server, Server],
  work: Work,
  protocol: Protocol,
): Promise<Measurement> {
  const turns: [Figures[], Figures[]] = [[], []];
  const cpu = servers.map(() => ({ ms: 0, count: 0 }));
  // The first turn warms up.
  for (let turn = 0; turn <= TURNS; turn++)
    for (const [index, server] of servers.entries()) {
      const before = cpuMs(server.program.pid);
      const done = await run(work.job(server, protocol));
      server.next = Math.max(server.next, done.next);
      if (turn === 0) continue;
      turns[index]!.push(done);
      cpu[index]!.ms += cpuMs(server.program.pid) - before;
      cpu[index]!.count += done.count;
    }
  const [ours, peers] = turns.map(median);
  return {
    params: {
      protocol,
      ...work.params,
      p50Ms: ours!.p50Ms,
      p99Ms: ours!.p99Ms,
      peerP50Ms: peers!.p50Ms,
      peerP99Ms: peers!.p99Ms,
      cpuUs: Math.round((cpu[0]!.ms * 1000) / cpu[0]!.count),
      cpuRatio: Number((cpu[1]!.ms / cpu[1]!.count / (cpu[0]!.ms / cpu[0]!.count)).toPrecision(3)),
    },
    unit: work.unit,
    value: ours!.perSecond,
    peer: { name: "bare-server", value: peers!.perSecond },
  };
}

function median(turns: readonly Figures[]): Figures {
  return turns.toSorted((a, b) => a.perSecond - b.perSecond)[Math.floor(turns.length / 2)]!;
}

const IN_FLIGHT = 32;

function get(): Work {
  return {
    unit: "GET/s",
    pods: 1_000,
    params: { inFlight: IN_FLIGHT },
    job: (server, protocol) => {
      const request = { method: "GET", path: `${server.collection}/pod-$n` };
      return { ...requestsJob(server, protocol, request, IN_FLIGHT), modulo: 1_000 };
    },
  };
}

function list(pods: number, inFlight: number): Work {
  return {
    unit: "LIST/s",
    pods,
    params: { pods, inFlight },
    job: (server, protocol) =>
      requestsJob(server, protocol, { method: "GET", path: server.collection }, inFlight),
  };
}

function posting(): Work {
  return {
    unit: "POST/s",
    pods: 0,
    params: { inFlight: 64 },
    job: (server, protocol) => ({
      ...requestsJob(server, protocol, post(server), 64, 201),
      first: server.next,
    }),
  };
}

function patching(): Work {
  const body = JSON.stringify({ metadata: { annotations: { "example.com/note": "number $n" } } });
  return {
    unit: "PATCH/s",
    pods: 1_000,
    params: { inFlight: 64, type: "strategic" },
    job: (server, protocol) => {
      const path = `${server.collection}/pod-$n`;
      // Each turn writes another note to the same pods.
      const request = {
        method: "PATCH",
        path,
        type: "application/strategic-merge-patch+json",
        body: body.replace("number", `turn ${turn++}, number`),
      };
      return { ...requestsJob(server, protocol, request, 64), modulo: 1_000 };
    },
  };
}

let turn = 0;

function watching(watchers: number): Work {
  return {
    unit: "deliveries/s",
    pods: 0,
    params: { watchers, writers: 8 },
    job: (server, protocol) => ({
      type: "watch",
      access: server.access,
      protocol,
      watchers,
      path:
        server.collection === "/objects"
          ? "/watch"
          : `${server.collection}?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan`,
      writers: 8,
      ms: TURN_MS,
      request: post(server),
      first: server.next,
    }),
  };
}

/** Memory that belongs to the process alone (the database file's pages are the kernel's to take back), per stored pod. */
async function bytesPerPod({ pods = 50_000 }: Scale): Promise<Measurement> {
  return await withClient(async (run) => {
    const measured: number[] = [];
    let jsonBytes = 0;
    for (const start of [startPintle, startPeer]) {
      const server = await start();
      try {
        // What code and buffers take is there after the first thousand.
        await fill(run, server, 1_000);
        const before = await anonymousBytes(server.program.pid);
        const first = server.next;
        await fill(run, server, pods);
        measured.push(((await anonymousBytes(server.program.pid)) - before) / (server.next - first));
        if (jsonBytes === 0) jsonBytes = Buffer.byteLength(pod());
      } finally {
        await server.program.stop();
      }
    }
    return {
      params: { pods, postedJsonBytes: jsonBytes },
      unit: "bytes",
      value: measured[0]!,
      peer: { name: "bare-server", value: measured[1]! },
    };
  });
}

/** After a collection of garbage, which SIGUSR2 asks for. */
async function anonymousBytes(pid: number): Promise<number> {
  for (let i = 0; i < 3; i++) {
    process.kill(pid, "SIGUSR2");
    await delay(1_000);
  }
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

export const suite: Suite = {
  cases: [
    { name: "get", run: inTurns(get()) },
    { name: "list-1k", run: inTurns(list(1_000, 4)) },
    { name: "list-10k", run: inTurns(list(10_000, 2)) },
    { name: "post", run: inTurns(posting()) },
    { name: "patch", run: inTurns(patching()) },
    { name: "watch-1k", run: inTurns(watching(1_000)) },
    { name: "bytes-per-pod", run: bytesPerPod },
  ],
};
