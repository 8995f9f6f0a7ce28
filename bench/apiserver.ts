import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Figures, Job, WatchJob } from "./apiserver/load.ts";
import {
  asStored,
  fill,
  post,
  requestsJob,
  type Server,
  startPeer,
  startPintle,
  TURN_MS,
  withClient,
} from "./apiserver/servers.ts";
import type { Protocol } from "./apiserver/wire.ts";
import { cpuMs } from "./measuring/process-tree.ts";
import type { Measurement, Scale, Suite } from "./suite.ts";

/**
 * The API server over the wire, asked by a client process of its own, over HTTP/1.1 (a connection for each request in
 * flight) and HTTP/2 (eight sessions). The peer is bench/peers/bare-server.ts: the same stack doing the same work
 * without Kubernetes, asked by the same client in turns of a second. `cpuRatio` is the peer's processor time for one
 * answer divided by ours: what the ratio would be if nobody else used the machine.
 */
const TURNS = 5;
/** Answers before anything is measured: by then the code that makes them has been compiled, also on a busy machine. */
const WARM_UP = 3_000;
const PROTOCOLS: readonly Protocol[] = ["h1", "h2"];

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
  const take = async (server: Server) => {
    const done = await run(work.job(server, protocol));
    server.next = Math.max(server.next, done.next);
    return done;
  };
  const enough = work.unit === "LIST/s" ? 1 : WARM_UP;
  for (const server of servers)
    for (let answers = 0; answers < enough; ) answers += (await take(server)).count;
  for (let turn = 0; turn < TURNS; turn++)
    for (const [index, server] of servers.entries()) {
      const before = cpuMs(server.program.pid);
      const done = await take(server);
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
    job: (server, protocol) => watchJob(server, protocol, watchers),
  };
}

function watchJob(server: Server, protocol: Protocol, watchers: number, stalled = 0): WatchJob {
  const path =
    server.collection === "/objects"
      ? "/watch"
      : `${server.collection}?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan`;
  const request = post(server);
  const { access, next: first } = server;
  return {
    type: "watch",
    access,
    protocol,
    watchers,
    stalled,
    path,
    writers: 8,
    ms: TURN_MS,
    request,
    first,
  };
}

/** The same deliveries beside watchers that never read: the peer is the same server without them. */
async function besideSlowWatchers(): Promise<readonly Measurement[]> {
  const [watchers, stalled] = [200, 50];
  return await withClient(async (run) => {
    const server = await startPintle();
    try {
      const measurements: Measurement[] = [];
      for (const protocol of PROTOCOLS) {
        const turns: [Figures[], Figures[]] = [[], []];
        for (let turn = 0; turn <= 3; turn++)
          for (const [index, slow] of [stalled, 0].entries()) {
            const done = await run(watchJob(server, protocol, watchers, slow));
            server.next = done.next;
            if (turn > 0) turns[index]!.push(done);
          }
        const [beside, alone] = turns.map(median);
        measurements.push({
          params: { protocol, watchers, stalled, p99Ms: beside!.p99Ms, peerP99Ms: alone!.p99Ms },
          unit: "deliveries/s",
          value: beside!.perSecond,
          peer: { name: "without slow watchers", value: alone!.perSecond },
        });
      }
      return measurements;
    } finally {
      await server.program.stop();
    }
  });
}

/** How long a GET takes while a client lists all pods in a loop; one GET at a time, as a person sends them. */
async function getBesideList({ pods = 50_000 }: Scale): Promise<readonly Measurement[]> {
  return await withClient((run) =>
    withClient(async (runList) => {
      const servers = [await startPintle(), await startPeer()] as const;
      try {
        const [ours, peer] = servers;
        await fill(run, ours, pods);
        await fill(run, peer, pods, await asStored(ours));
        const measurements: Measurement[] = [];
        for (const protocol of PROTOCOLS) {
          const done: Figures[] = [];
          const lists: number[] = [];
          for (const server of servers) {
            const item = { method: "GET", path: `${server.collection}/pod-$n` };
            const all = { method: "GET", path: server.collection };
            const listing = runList({ ...requestsJob(server, protocol, all, 1), ms: 10 * TURN_MS });
            const get = requestsJob(server, protocol, item, 1);
            done.push(await run({ ...get, ms: 9 * TURN_MS, modulo: 1_000 }));
            const { count } = await listing;
            // Beside nothing a GET is fast: that is another case.
            if (count === 0) throw new Error(`no list of ${pods} pods came in ${10 * TURN_MS} ms`);
            lists.push(count);
          }
          const [mine, bare] = done;
          measurements.push({
            params: {
              protocol,
              pods,
              lists: lists[0]!,
              peerLists: lists[1]!,
              p50Ms: mine!.p50Ms,
              peerP50Ms: bare!.p50Ms,
              gets: mine!.count,
            },
            unit: "ms (p99 of a GET)",
            value: mine!.p99Ms,
            peer: { name: "bare-server", value: bare!.p99Ms },
          });
        }
        return measurements;
      } finally {
        for (const { program } of servers) await program.stop();
      }
    }),
  );
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
        if (jsonBytes === 0) jsonBytes = Buffer.byteLength(post(server).body ?? "");
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
    { name: "watch-slow", run: besideSlowWatchers },
    { name: "get-beside-list", run: getBesideList },
    { name: "bytes-per-pod", run: bytesPerPod },
  ],
};
