import { randomInt } from "node:crypto";
import { Namespace } from "../api/registry.ts";
import { type Clock, SystemClock, sleep } from "../apimachinery/clock.ts";
import { isReason } from "../apimachinery/errors.ts";
import { createLogger, type Logger, type LogLevel } from "../apimachinery/log.ts";
import { type Random, seededRandom } from "../apimachinery/random.ts";
import type { Client } from "../client/client.ts";
import { createHttpClient } from "../client/http-client.ts";
import type { HttpConnectionOptions } from "../client/http-connection.ts";
import { identityOf, startElected } from "../cluster/elected.ts";
import { Failure } from "./failure.ts";
import { stopInTime, stopSignal } from "./hold.ts";
import { findKubeconfig, readKubeconfig } from "./read-kubeconfig.ts";

/** The flags of every component that runs alone, as commander hands them over. */
export interface ComponentFlags {
  readonly kubeconfig?: string;
  readonly logLevel: LogLevel;
  readonly leaderElect: boolean;
  readonly leaderElectLeaseDuration: number;
  readonly leaderElectRenewDeadline: number;
  readonly leaderElectRetryPeriod: number;
  readonly leaderElectResourceName?: string;
  readonly leaderElectResourceNamespace: string;
}

/** What a component is started with. */
export interface ComponentParts {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly access: HttpConnectionOptions;
}

export interface RunnableComponent {
  readonly name: string;
  /** The Lease's name, unless a flag gives another. */
  readonly lease: string;
  /** What is there all the time, whoever leads, and before there is an API server. */
  open?(parts: ComponentParts): Promise<{ serverIsThere(): Promise<void>; stop(): Promise<void> }>;
  start(parts: ComponentParts): Promise<{ stop(): Promise<void> }>;
}

/**
 * Runs one component against an API server over HTTPS until the first SIGINT, SIGTERM or SIGHUP. While it waits for its
 * turn, or for the server, it stays.
 */
export async function runComponent(flags: ComponentFlags, component: RunnableComponent): Promise<void> {
  requireTimes(flags);
  process.umask(0o077);
  const asked = stopSignal();
  const clock = new SystemClock();
  const log = createLogger((line) => process.stderr.write(`${line}\n`), flags.logLevel, clock);
  const access = await readKubeconfig(findKubeconfig(flags.kubeconfig));
  const client = createHttpClient({ ...access, userAgent: `pintle-${component.name}` });
  const parts = { clock, random: seededRandom(randomInt(2 ** 32)), log, access };
  const open = await component.open?.({ ...parts, client });
  try {
    const isThere = await Promise.race([
      asked.then(() => false),
      awaitServer(client, clock, log, access.server),
    ]);
    if (!isThere) process.exit(0);
    await open?.serverIsThere();
    const running = start(flags, component, client, parts);
    await Promise.race([asked, running.over]);
    await stopInTime(clock, running);
  } finally {
    await open?.stop();
    client.close();
  }
}

interface RunningComponent {
  /** Rejects when it cannot go on. */
  readonly over: Promise<never>;
  stop(): Promise<void>;
}

function start(
  flags: ComponentFlags,
  { name, lease, start: begin }: RunnableComponent,
  client: Client,
  parts: Omit<ComponentParts, "client">,
): RunningComponent {
  if (!flags.leaderElect) {
    const beginning = begin({ ...parts, client });
    const over = beginning.then(() => {
      parts.log.child(name).info("works");
      return new Promise<never>(() => {});
    });
    return { over, stop: async () => (await beginning).stop() };
  }
  let stop = async () => {};
  const over = new Promise<never>((_, onFailure) => {
    const elected = startElected(
      {
        name,
        lease: flags.leaderElectResourceName ?? lease,
        client,
        start: (fenced) => begin({ ...parts, client: fenced }),
      },
      {
        ...parts,
        identity: identityOf(undefined),
        namespace: flags.leaderElectResourceNamespace,
        times: {
          leaseDurationMs: flags.leaderElectLeaseDuration,
          renewDeadlineMs: flags.leaderElectRenewDeadline,
          retryPeriodMs: flags.leaderElectRetryPeriod,
        },
        onFailure,
      },
    );
    elected.settled.catch(onFailure);
    stop = elected.stop;
  });
  return { over, stop: () => stop() };
}

const ASK_EVERY_MS = 1_000;

/** Waits for a server that is not there yet; one that refuses us is a failure. */
async function awaitServer(client: Client, clock: Clock, log: Logger, server: string): Promise<true> {
  for (let asked = 0; ; asked++) {
    try {
      await client.list(Namespace, { limit: 1 });
      return true;
    } catch (error) {
      // A role may well not let us list namespaces; it is the server that said so.
      if (isReason(error, "Forbidden")) return true;
      const mayComeBack = isReason(error, "ServiceUnavailable") || isReason(error, "Timeout");
      const reason = error instanceof Error ? error.message : String(error);
      if (!mayComeBack) throw new Failure(`the API server at ${server} refuses: ${reason}`);
      if (asked === 0) log.warn("waits for the API server", { server, error: reason });
    }
    await sleep(clock, ASK_EVERY_MS);
  }
}

/** As client-go demands, in its words. */
function requireTimes(flags: ComponentFlags): void {
  const { leaderElectLeaseDuration, leaderElectRenewDeadline, leaderElectRetryPeriod } = flags;
  if (leaderElectLeaseDuration < 1_000 || leaderElectLeaseDuration <= leaderElectRenewDeadline)
    throw new Failure("leaseDuration must be greater than renewDeadline");
  if (leaderElectRetryPeriod <= 0 || leaderElectRenewDeadline <= 1.2 * leaderElectRetryPeriod)
    throw new Failure("renewDeadline must be greater than retryPeriod*JitterFactor");
}
