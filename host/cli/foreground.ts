import { join, resolve } from "node:path";
import type { Option } from "commander";
import { formatTime, SystemClock } from "../apimachinery/clock.ts";
import { createLogger, type LogLevel } from "../apimachinery/log.ts";
import type { Cluster } from "../main.ts";
import { type AccessFlags, accessFlags, readAccess } from "./access-flags.ts";
import { refuseSecond, writeState } from "./cluster-state.ts";
import { type EtcdAccessFlags, endpointsOf, etcdAccess, refuseEtcdFlags } from "./etcd-access.ts";
import { Failure } from "./failure.ts";
import {
  certDirFlag,
  dataDirFlag,
  dnsPortFlag,
  etcdAccessFlags,
  kubeconfigFlag,
  logLevelFlag,
  nodesFlag,
  portFlag,
  restoreFlag,
  runtimeFlag,
  seedFlag,
  storeFlag,
} from "./flags.ts";
import { startUnlessAsked, stopInTime, stopSignal } from "./hold.ts";
import { restoring } from "./restoring.ts";
import { readServing, type ServingFlags, servingFlags } from "./serving-flags.ts";

/** The flags of every command that holds a cluster in this process, as commander hands them over. */
export interface ClusterFlags extends EtcdAccessFlags, AccessFlags, ServingFlags {
  readonly nodes: number;
  readonly runtime: string;
  readonly store: "memory" | "lmdb" | "etcd";
  readonly etcdEndpoints?: string;
  readonly certDir?: string;
  readonly restore?: string;
  readonly dataDir: string;
  readonly port: number;
  readonly dnsPort: number;
  readonly kubeconfig?: string;
  readonly seed?: number;
  readonly logLevel: LogLevel;
}

export function clusterFlags(): Option[] {
  return [
    nodesFlag(),
    runtimeFlag(),
    ...storeFlag(),
    ...etcdAccessFlags(),
    certDirFlag(),
    restoreFlag(),
    ...accessFlags(),
    ...servingFlags(),
    dataDirFlag(),
    portFlag(),
    dnsPortFlag(),
    kubeconfigFlag(),
    seedFlag(),
    logLevelFlag(),
  ];
}

/**
 * Starts a cluster, reports it, and holds it until the first SIGINT, SIGTERM or SIGHUP; then stops it cleanly, also
 * while it is still starting. A second signal ends the process at once.
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
  const access = await readAccess(flags);
  const serving = readServing(flags);
  const { startCluster } = await import("../main.ts");
  const start = (signal: AbortSignal) =>
    startCluster({
      nodes: flags.nodes,
      store: flags.store,
      etcdEndpoints: flags.etcdEndpoints === undefined ? undefined : endpointsOf(flags.etcdEndpoints),
      etcdAccess: etcdAccess(flags),
      certDir: flags.certDir,
      restore: flags.restore === undefined ? undefined : restoring(flags.restore),
      dataDir: flags.dataDir,
      port: flags.port,
      dnsPort: flags.dnsPort,
      kubeconfig: flags.kubeconfig,
      seed: flags.seed,
      ...access,
      ...serving,
      beforeKubeconfig: ({ url, dns, seed }) =>
        writeState(flags.dataDir, {
          pid: process.pid,
          url,
          dns,
          kubeconfig: resolve(flags.kubeconfig ?? join(flags.dataDir, "kubeconfig")),
          seed,
          store: flags.store,
          startedAt: formatTime(startMs),
          certDir: flags.certDir === undefined ? undefined : resolve(flags.certDir),
        }),
      log: createLogger((line) => process.stderr.write(`${line}\n`), flags.logLevel, clock),
      signal,
    });
  const cluster = await startUnlessAsked(clock, asked, start);
  if (cluster === undefined) return;
  try {
    const kubeconfig = resolve(cluster.kubeconfig);
    // A signal while the report is being made stops the cluster as well; the report then fails unheard.
    const reported = report({ cluster, flags, kubeconfig, tookMs: clock.nowMs() - startMs });
    const signal = await Promise.race([asked, reported.then(() => asked)]);
    if (process.stdout.isTTY) process.stdout.write(`\n${signal}: stopping …\n`);
  } finally {
    await stopInTime(clock, cluster);
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
  if (flags.store !== "etcd") refuseEtcdFlags(flags, "--store etcd");
}
