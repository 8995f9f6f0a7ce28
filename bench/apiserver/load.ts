import { setTimeout as delay } from "node:timers/promises";
import { type Access, type Asked, type Connection, connect, type Protocol } from "./wire.ts";

/**
 * The client process of the `apiserver` suite, forked by `bench/apiserver.ts`: it is sent a job and sends back figures.
 */
export type Job = RequestsJob | WatchJob;

/** As many answers as can be had in a time. */
export interface RequestsJob {
  readonly type: "requests";
  readonly access: Access;
  readonly protocol: Protocol;
  readonly inFlight: number;
  readonly ms: number;
  /** The n-th request; `$n` in its path and body stands for a number that is never used twice. */
  readonly request: Asked;
  /** Numbers begin here; with `modulo` they go round. */
  readonly first: number;
  readonly modulo?: number;
  readonly expected: number;
}

/** Deliveries to many watchers while writers write. */
export interface WatchJob {
  readonly type: "watch";
  readonly access: Access;
  readonly protocol: Protocol;
  readonly watchers: number;
  /** So many more that never read. */
  readonly stalled?: number;
  readonly path: string;
  readonly writers: number;
  readonly ms: number;
  readonly request: Asked;
  readonly first: number;
}

export interface Figures {
  /** Answers or deliveries. */
  readonly count: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The next unused number. */
  readonly next: number;
}

/** Of a Go client there is one session; a handful keeps one session from being the bottleneck of this client. */
const SESSIONS = 8;

async function openAll(job: Job, count: number): Promise<Connection[]> {
  const connections: Connection[] = [];
  const many = job.protocol === "h1" ? count : Math.min(count, SESSIONS);
  for (let opened = 0; opened < many; opened += 16)
    connections.push(
      ...(await Promise.all(
        Array.from({ length: Math.min(16, many - opened) }, () => connect(job.protocol, job.access)),
      )),
    );
  return connections;
}

function numbered({ method, path, type, body }: Asked, n: number): Asked {
  return { method, path: path.replace("$n", `${n}`), type, body: body?.replaceAll("$n", `${n}`) };
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}

function figures(count: number, ms: number, times: number[], next: number): Figures {
  times.sort((a, b) => a - b);
  return {
    count,
    perSecond: (count / ms) * 1000,
    p50Ms: Number(quantile(times, 0.5).toFixed(2)),
    p99Ms: Number(quantile(times, 0.99).toFixed(2)),
    next,
  };
}

async function requests(job: RequestsJob): Promise<Figures> {
  const connections = await openAll(job, job.inFlight);
  const times: number[] = [];
  let next = job.first;
  const startedMs = performance.now();
  const ask = async (connection: Connection) => {
    while (performance.now() - startedMs < job.ms) {
      const n = job.modulo === undefined ? next++ : next++ % job.modulo;
      const askedMs = performance.now();
      const status = await connection.ask(numbered(job.request, n));
      if (status !== job.expected)
        throw new Error(`${job.request.method} ${job.request.path} answered ${status}`);
      times.push(performance.now() - askedMs);
    }
  };
  await Promise.all(
    Array.from({ length: job.inFlight }, (_, i) => ask(connections[i % connections.length]!)),
  );
  const ms = performance.now() - startedMs;
  for (const connection of connections) connection.close();
  return figures(times.length, ms, times, next);
}

/** One watcher in so many also tells how long its events took. */
const TIMED_ONE_IN = 100;
const SETTLE_MS = 300;
const NEW_LINE = 10;

async function watch(job: WatchJob): Promise<Figures> {
  const connections = await openAll(job, job.watchers);
  const postedMs = new Map<string, number>();
  const times: number[] = [];
  let deliveries = 0;
  for (let i = 0; i < job.watchers; i++) {
    const connection = connections[i % connections.length]!;
    let rest = "";
    let lastByte = 0;
    connection.follow(job.path, (chunk) => {
      for (let at = chunk.indexOf(NEW_LINE); at >= 0; at = chunk.indexOf(NEW_LINE, at + 1))
        // Lines of HTTP/1.1's own chunks and heads end with CR LF.
        if ((at > 0 ? chunk[at - 1] : lastByte) === BRACE) deliveries += 1;
      lastByte = chunk.at(-1) ?? lastByte;
      if (i % TIMED_ONE_IN !== 0) return;
      rest += chunk.toString("latin1");
      for (const [, name] of rest.matchAll(/"name":"(pod-\d+)"[^\n]*\n/g))
        times.push(performance.now() - (postedMs.get(name!) ?? 0));
      rest = rest.slice(rest.lastIndexOf("\n") + 1);
    });
  }
  const slow = await openAll(job, job.stalled ?? 0);
  for (let i = 0; i < (job.stalled ?? 0); i++) slow[i % slow.length]!.stall(job.path);
  await delay(SETTLE_MS);
  const [poster] = await openAll({ ...job, protocol: "h2" }, 1);
  let next = job.first;
  const before = deliveries;
  const startedMs = performance.now();
  const write = async () => {
    while (performance.now() - startedMs < job.ms) {
      const n = next++;
      postedMs.set(`pod-${n}`, performance.now());
      const status = await poster!.ask(numbered(job.request, n));
      if (status !== 201) throw new Error(`POST answered ${status}`);
    }
  };
  await Promise.all(Array.from({ length: job.writers }, write));
  const expected = before + (next - job.first) * job.watchers;
  while (deliveries < expected && performance.now() - startedMs < 10 * job.ms) await delay(1);
  const ms = performance.now() - startedMs;
  if (deliveries < expected) throw new Error(`${expected - deliveries} of ${expected} events did not come`);
  for (const connection of [...connections, ...slow, poster!]) connection.close();
  return figures(deliveries - before, ms, times, next);
}

const BRACE = "}".charCodeAt(0);

process.on("message", (job: Job) => {
  const work = job.type === "watch" ? watch(job) : requests(job);
  work.then(
    (done) => process.send?.({ done }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
