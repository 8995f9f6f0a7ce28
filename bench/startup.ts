import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { V1Pod } from "../host/api/generated/types.ts";
import * as kinds from "../host/api/registry.ts";
import { createHttpClient } from "../host/client/http-client.ts";
import { accessTo, startPintleUp } from "./measuring/pintle-up.ts";
import { residentMiB, type Started, startProgram } from "./measuring/process-tree.ts";
import type { Case, Measurement, Suite } from "./suite.ts";

/**
 * What a cluster costs before it does anything: real `pintle up` processes, each in a fresh data directory, store lmdb.
 * The peer is bench/peers/bare-server.ts, the same stack without Kubernetes, measured the same way.
 */
const RUNS = 5;
/** Memory is read when the garbage of the start has had a chance to go. */
const SETTLE_MS = 10_000;
const POSTS_IN_FLIGHT = 64;

const dist = resolve(import.meta.dirname, "..");

function startPeer(): Promise<Started> {
  return startProgram(
    (folder) => [join(dist, "bench/peers/bare-server.js"), folder],
    (_, output) => output.includes("listening on"),
  );
}

async function medianOf(runs: number, measure: () => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let run = 0; run < runs; run++) values.push(await measure());
  return values.sort((a, b) => a - b)[Math.floor(runs / 2)]!;
}

/** Starts, asks, stops. */
async function during<T>(starting: Promise<Started>, ask: (program: Started) => Promise<T> | T): Promise<T> {
  const program = await starting;
  try {
    return await ask(program);
  } finally {
    await program.stop();
  }
}

const readyMs = (start: () => Promise<Started>) =>
  medianOf(RUNS, () => during(start(), (program) => program.readyMs));

const settledMiB = (start: () => Promise<Started>) =>
  during(start(), async (program) => {
    await delay(SETTLE_MS);
    return residentMiB(program.pid);
  });

async function ready(): Promise<Measurement> {
  return {
    params: { nodes: 3, store: "lmdb", runs: RUNS, statistic: "median" },
    unit: "ms",
    value: await readyMs(() => startPintleUp(3)),
    peer: { name: "bare-server", value: await readyMs(startPeer) },
  };
}

/** From the start of the process to a pod's Running, the pod being posted when the kubeconfig appears. */
async function firstPod(): Promise<Measurement> {
  const value = await medianOf(RUNS, () =>
    during(startPintleUp(3), async (program) => {
      const startedMs = performance.now();
      const client = connect(program);
      try {
        const running = untilRunning(client, 1);
        await client.create(kinds.Pod, pod("first"));
        await running;
      } finally {
        client.close();
      }
      return program.readyMs + (performance.now() - startedMs);
    }),
  );
  return { params: { nodes: 3, store: "lmdb", runs: RUNS, statistic: "median" }, unit: "ms", value };
}

function memory(nodes: number): () => Promise<Measurement> {
  return async () => ({
    params: { nodes, store: "lmdb", afterSeconds: SETTLE_MS / 1000 },
    unit: "MiB",
    value: await settledMiB(() => startPintleUp(nodes)),
    peer: { name: "bare-server", value: await settledMiB(startPeer) },
  });
}

/** Every pod is placed by the scheduler and made Running by the kubelet before memory is read. */
async function memoryWithPods(): Promise<Measurement> {
  const [nodes, pods] = [5_000, 50_000];
  return await during(startPintleUp(nodes), async (program) => {
    const client = connect(program);
    const startedMs = performance.now();
    try {
      const running = untilRunning(client, pods);
      let next = 0;
      const post = async () => {
        while (next < pods) await client.create(kinds.Pod, pod(`pod-${next++}`));
      };
      await Promise.all(Array.from({ length: POSTS_IN_FLIGHT }, post));
      await running;
    } finally {
      client.close();
    }
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    await delay(SETTLE_MS);
    return {
      params: { nodes, pods, store: "lmdb", secondsUntilRunning: seconds, afterSeconds: SETTLE_MS / 1000 },
      unit: "MiB",
      value: residentMiB(program.pid),
    };
  });
}

function connect(program: Started) {
  const { url, ...admin } = accessTo(program);
  return createHttpClient({ server: url, ...admin });
}

function pod(name: string): V1Pod {
  const requests = { cpu: "10m", memory: "16Mi" };
  return {
    metadata: { name, namespace: "default" },
    spec: { containers: [{ name: "pause", image: "registry.k8s.io/pause:3.10", resources: { requests } }] },
  };
}

/** Resolves when `count` pods have been seen Running. */
function untilRunning(client: ReturnType<typeof createHttpClient>, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const running = new Set<string>();
    const stream = client.watch(
      kinds.Pod,
      { namespace: "default" },
      {
        onEvent: (_, one) => {
          if (one.status?.phase === "Running") running.add(one.metadata!.name!);
          if (running.size < count) return;
          stream.cancel();
          resolve();
        },
        onEnd: (error) => reject(error ?? new Error("the watch ended before the pods ran")),
      },
    );
  });
}

const cases: readonly Case[] = [
  { name: "ready", run: ready },
  { name: "first-pod", run: firstPod },
  { name: "memory-idle", run: memory(3) },
  { name: "memory-1k-nodes", run: memory(1_000) },
  { name: "memory-5k-nodes-50k-pods", onlyWhenNamed: true, run: memoryWithPods },
];

export const suite: Suite = { cases };
