import type { Asked, Connection } from "../apiserver/wire.ts";

/** When each request was sent, and when its answer had been read, by performance.now(). */
export interface Times {
  readonly sentMs: number[];
  readonly answeredMs: number[];
}

/** Sends all these requests, so many at a time. */
export async function askAll(
  connections: readonly Connection[],
  requests: readonly Asked[],
  inFlight: number,
): Promise<Times> {
  const times: Times = { sentMs: [], answeredMs: [] };
  let next = 0;
  const ask = async (connection: Connection) => {
    while (next < requests.length) {
      const n = next++;
      const { method, path } = requests[n]!;
      times.sentMs[n] = performance.now();
      const status = await connection.ask(requests[n]!);
      if (status >= 300) throw new Error(`${method} ${path} answered ${status}`);
      times.answeredMs[n] = performance.now();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, i) => ask(connections[i % connections.length]!)));
  return times;
}

/** What a client saw of the measured pods. */
export interface Seen {
  readonly pods: number;
  /** From sending the first one's POST until the last one was done. */
  readonly seconds: number;
  /** From sending a pod's POST until it was done. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Share of a processor that the client used meanwhile. */
  readonly clientBusy: number;
  /** Seconds until the last POST was answered. */
  readonly postSeconds: number;
}

/**
 * Runs the work and says what was seen of it.
 *
 * @param doneMs  when each pod was done, once the work is over: bound, or answered where nobody binds
 */
export async function observe(
  work: () => Promise<Times>,
  doneMs: (times: Times) => readonly number[],
): Promise<Seen> {
  const startedCpu = process.cpuUsage();
  const times = await work();
  const cpu = process.cpuUsage(startedCpu);
  const done = doneMs(times);
  const startedMs = times.sentMs[0]!;
  const ms = greatest(done) - startedMs;
  const took = done.map((at, i) => at - times.sentMs[i]!).sort((a, b) => a - b);
  return {
    pods: done.length,
    seconds: ms / 1_000,
    p50Ms: quantile(took, 0.5),
    p99Ms: quantile(took, 0.99),
    clientBusy: (cpu.user + cpu.system) / 1_000 / ms,
    postSeconds: (greatest(times.answeredMs) - startedMs) / 1_000,
  };
}

function greatest(values: readonly number[]): number {
  return values.reduce((most, one) => Math.max(most, one));
}

function quantile(sorted: readonly number[], q: number): number {
  return Number(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!.toFixed(2));
}
