import { type ChildProcess, fork } from "node:child_process";
import { packageFile } from "../host/apimachinery/package-root.ts";
import { startPeer } from "./apiserver/servers.ts";
import type { Protocol } from "./apiserver/wire.ts";
import { accessTo, startPintleUp } from "./measuring/pintle-up.ts";
import { cpuMs, type Started } from "./measuring/process-tree.ts";
import type { Seen } from "./scheduling/ask-all.ts";
import type { LoadOptions } from "./scheduling/cluster-load.ts";
import type { Answer, Done, Question } from "./scheduling/load-process.ts";
import { SHAPES, type Shape } from "./scheduling/shapes.ts";
import type { Case, Measurement, Scale, Suite } from "./suite.ts";

/**
 * Pods a second from the first one's creation to the last one's binding, as a client sees them: a real `pintle up --nodes 0
 * --store lmdb` with everything on, a client process that posts Nodes, initial pods and then, 64 at a time, the measured ones,
 * and counts bindings through a watch. Nobody plays kubelet. At the end the client reads all pods and nodes, and a pod without
 * a node, or a node with too much, is an error.
 *
 * The peer is the bare server of bench/peers, given the same POSTs: it keeps them durably and does nothing else. `cpuUs` is what
 * the server's process used for one pod, all threads; `cpuRatio` the peer's for a POST, divided by that; `clientBusy` the share
 * of a processor that the client used; `events` of how many pods an event Scheduled was recorded when the last was bound (the
 * recorder drops what exceeds its queue, as Kubernetes' does); `postSeconds` when the last POST was answered, `seconds` when the last pod was bound.
 * `BENCH_PROFILE=FOLDER` keeps CPU profiles; `BENCH_PROTOCOL=h2` sends the requests over HTTP/2.
 */
const PROTOCOL: Protocol = process.env["BENCH_PROTOCOL"] === "h2" ? "h2" : "h1";
/** A server that binds no pod in this time binds none of them. */
const STALL_MS = 60_000;
const QUIET_PODS = 1_200;

const profileFolder = process.env["BENCH_PROFILE"];
const NODE_FLAGS = profileFolder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`];

type Ask = (question: Question) => Promise<Done>;

/** A client process, for the length of `use`. */
async function withLoad<Result>(use: (ask: Ask) => Promise<Result>): Promise<Result> {
  const child: ChildProcess = fork(packageFile("dist/bench/scheduling/load-process.js"));
  const ask: Ask = (question) =>
    new Promise((resolve, reject) => {
      child.once("message", (answer: Answer) =>
        "error" in answer ? reject(new Error(answer.error)) : resolve(answer),
      );
      child.send(question);
    });
  try {
    return await use(ask);
  } finally {
    child.kill();
  }
}

/** What the client saw, and what it cost the server: µs of processor time a pod. */
interface Cost extends Seen {
  readonly cpuUs: number;
}

async function costOf(program: Started, measuring: () => Promise<Done>): Promise<Cost> {
  const before = cpuMs(program.pid);
  const seen = (await measuring()).seen!;
  return { ...seen, cpuUs: ((cpuMs(program.pid) - before) * 1_000) / seen.pods };
}

async function measureOurs(
  options: Omit<LoadOptions, "access">,
  how: "measure" | "measureOneByOne",
  flags: readonly string[] = [],
): Promise<{ cost: Cost; output: string; events: number }> {
  const program = await startPintleUp(0, ["--store", "lmdb", ...flags], NODE_FLAGS);
  try {
    return await withLoad(async (ask) => {
      await ask({ ask: "open", of: "pintle", options: { ...options, access: accessTo(program) } });
      await ask({ ask: "prepare" });
      const cost = await costOf(program, () => ask({ ask: how }));
      const { events = 0 } = await ask({ ask: "audit" });
      return { cost, output: program.output(), events };
    });
  } finally {
    await program.stop();
  }
}

/** The same pods to the server that only keeps them. */
async function measurePeer(
  options: Omit<LoadOptions, "access">,
  how: "measure" | "measureOneByOne",
): Promise<Cost> {
  const { program, access } = await startPeer();
  try {
    return await withLoad(async (ask) => {
      await ask({ ask: "open", of: "bare-server", options: { ...options, access } });
      await ask({ ask: "prepare" });
      return await costOf(program, () => ask({ ask: how }));
    });
  } finally {
    await program.stop();
  }
}

async function measureShape(shape: Shape, scale: Scale): Promise<Measurement> {
  const { nodes = shape.nodes, pods = shape.pods } = scale;
  const options = { shape: shape.name, nodes, pods, protocol: PROTOCOL, stallMs: STALL_MS };
  const { cost: ours, events } = await measureOurs(options, "measure");
  const bare = await measurePeer(options, "measure");
  return {
    params: {
      nodes,
      pods,
      protocol: PROTOCOL,
      inFlight: 64,
      seconds: digits(ours.seconds),
      postSeconds: digits(ours.postSeconds),
      p50Ms: ours.p50Ms,
      p99Ms: ours.p99Ms,
      cpuUs: digits(ours.cpuUs),
      events,
      clientBusy: digits(ours.clientBusy),
      peerP50Ms: bare.p50Ms,
      peerP99Ms: bare.p99Ms,
      peerCpuUs: digits(bare.cpuUs),
      cpuRatio: digits(bare.cpuUs / ours.cpuUs),
    },
    unit: "pods/s",
    value: ours.pods / ours.seconds,
    peer: { name: "bare-server POST", value: bare.pods / bare.seconds },
  };
}

/**
 * One pod at a time on a quiet cluster of 5,000 nodes. `value` is what the scheduler takes: from the pod's ADDED event to its
 * binding being acknowledged (`took` of its log's line "bound pod"). `clientP99Ms` is what a client sees, from sending the POST
 * to the event that shows the binding; the peer's figure is the answer to a POST alone.
 */
async function measureLatency({ nodes = 5_000, pods = QUIET_PODS }: Scale): Promise<Measurement> {
  const options = { shape: "SchedulingBasic", nodes, pods, protocol: PROTOCOL, stallMs: STALL_MS };
  const { cost: ours, output } = await measureOurs(options, "measureOneByOne", ["--log-level", "info"]);
  const took = [...output.matchAll(/bound pod pod=default\/measured-\d+ .*\btookMs=([\d.]+)/g)]
    .map(([, ms]) => Number(ms))
    .slice(-ours.pods)
    .sort((a, b) => a - b);
  if (took.length !== ours.pods) throw new Error(`the scheduler speaks of ${took.length} bindings`);
  const bare = await measurePeer(options, "measureOneByOne");
  return {
    params: {
      nodes,
      pods: ours.pods,
      p50Ms: took[Math.floor(took.length * 0.5)]!,
      maxMs: took.at(-1)!,
      clientP50Ms: ours.p50Ms,
      clientP99Ms: ours.p99Ms,
      peerP50Ms: bare.p50Ms,
      cpuUs: digits(ours.cpuUs),
    },
    unit: "ms (p99, ADDED to bound)",
    value: took[Math.floor(took.length * 0.99)]!,
    peer: { name: "bare-server POST", value: bare.p99Ms },
  };
}

function digits(value: number): number {
  return Number(value.toPrecision(3));
}

const cases: readonly Case[] = [
  ...SHAPES.map((shape) => ({
    name: shape.name,
    onlyWhenNamed: shape.onlyWhenNamed,
    run: (scale: Scale) => measureShape(shape, scale),
  })),
  { name: "latency", run: measureLatency },
];

export const suite: Suite = { cases };
