import { join, resolve } from "node:path";
import type { Option } from "commander";
import { formatTime, SystemClock } from "../apimachinery/clock.ts";
import { createLogger, type LogLevel } from "../apimachinery/log.ts";
import type { Cluster } from "../main.ts";
import { dataDirHint, findRunning, writeState } from "./cluster-state.ts";
import { Failure } from "./failure.ts";
import {
  dataDirFlag,
  kubeconfigFlag,
  logLevelFlag,
  nodesFlag,
  portFlag,
  runtimeFlag,
  seedFlag,
  storeFlag,
} from "./flags.ts";

/** The flags of every command that holds a cluster in this process, as commander hands them over. */
export interface ClusterFlags {
  readonly nodes: number;
  readonly runtime: string;
  readonly store: "memory" | "lmdb" | "etcd";
  readonly etcdEndpoints?: string;
  readonly dataDir: string;
  readonly port: number;
  readonly kubeconfig?: string;
  readonly seed?: number;
  readonly logLevel: LogLevel;
}

export function clusterFlags(): Option[] {
  return [
    nodesFlag(),
    runtimeFlag(),
    ...storeFlag(),
    dataDirFlag(),
    portFlag(),
    kubeconfigFlag(),
    seedFlag(),
    logLevelFlag(),
  ];
}

/** How long a clean stop may take before it is given up. */
const STOP_LIMIT_MS = 15_000;

/**
 * Starts a cluster, reports it, and holds it until the first SIGINT, SIGTERM or SIGHUP; then stops it cleanly. A
 * second signal ends the process at once.
 *
 * @param report  called when everything is up; what it does may use the cluster
 */
export async function holdCluster(
  flags: ClusterFlags,
  report: (running: Running) => Promise<void>,
): Promise<void> {
  refuseWhatIsNotThereYet(flags);
  refuseSecond(flags.dataDir);
  // Secrets are among the objects: whatever file a room makes, it is closed to others.
  process.umask(0o077);
  const clock = new SystemClock();
  const startMs = clock.nowMs();
  const asked = stopSignal();
  const { startCluster } = await import("../main.ts");
  const cluster = await startCluster({
    nodes: flags.nodes,
    store: flags.store,
    etcdEndpoints: flags.etcdEndpoints?.split(","),
    dataDir: flags.dataDir,
    port: flags.port,
    kubeconfig: flags.kubeconfig,
    seed: flags.seed,
    beforeKubeconfig: ({ url, seed }) =>
      writeState(flags.dataDir, {
        pid: process.pid,
        url,
        kubeconfig: resolve(flags.kubeconfig ?? join(flags.dataDir, "kubeconfig")),
        seed,
        store: flags.store,
        startedAt: formatTime(startMs),
      }),
    log: createLogger((line) => process.stderr.write(`${line}\n`), flags.logLevel),
  });
  try {
    const kubeconfig = resolve(cluster.kubeconfig);
    // A signal while the report is being made stops the cluster as well; the report then fails unheard.
    const reported = report({ cluster, flags, kubeconfig, tookMs: clock.nowMs() - startMs });
    const signal = await Promise.race([asked, reported.then(() => asked)]);
    if (process.stdout.isTTY) process.stdout.write(`\n${signal}: stopping …\n`);
  } finally {
    await within(STOP_LIMIT_MS, clock, cluster.stop());
  }
}

/** A cluster that is up, and how it came up. */
export interface Running {
  readonly cluster: Cluster;
  readonly flags: ClusterFlags;
  /** Absolute, to copy from. */
  readonly kubeconfig: string;
  readonly tookMs: number;
}

function refuseWhatIsNotThereYet(flags: ClusterFlags): void {
  if (flags.runtime !== "simulated")
    throw new Failure(`runtime ${flags.runtime} is not available yet; use simulated`);
  if (flags.store !== "etcd" && flags.etcdEndpoints !== undefined)
    throw new Failure("--etcd-endpoints goes with --store etcd only");
}

function refuseSecond(dataDir: string): void {
  const running = findRunning(dataDir);
  if (running !== undefined)
    throw new Failure(
      `${dataDir} is in use by the cluster at ${running.state.url} (pid ${running.holder.pid}); stop it with: pintle down${dataDirHint(dataDir)}`,
    );
}

function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((asked) => {
    let count = 0;
    const onSignal = (signal: NodeJS.Signals) => {
      count += 1;
      if (count > 1) process.exit(130);
      asked(signal);
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  });
}

async function within(limitMs: number, clock: SystemClock, work: Promise<void>): Promise<void> {
  await new Promise<void>((done, failed) => {
    const limit = clock.setTimeout(
      () => failed(new Failure(`did not stop within ${limitMs / 1000} s`)),
      limitMs,
    );
    work.then(done, failed).finally(() => limit.cancel());
  });
}
