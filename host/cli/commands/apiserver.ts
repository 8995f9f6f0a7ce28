import { randomInt } from "node:crypto";
import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import { formatTime, SystemClock } from "../../apimachinery/clock.ts";
import { createLogger, type LogLevel } from "../../apimachinery/log.ts";
import { type AccessFlags, accessFlags, readAccess } from "../access-flags.ts";
import { refuseSecond, writeState } from "../cluster-state.ts";
import { type EtcdAccessFlags, endpointsOf, etcdAccess, refuseEtcdFlags } from "../etcd-access.ts";
import {
  certDirFlag,
  dataDirFlag,
  etcdAccessFlags,
  kubeconfigFlag,
  logLevelFlag,
  portFlag,
  restoreFlag,
} from "../flags.ts";
import { startUnlessAsked, stopInTime, stopSignal } from "../hold.ts";
import { restoring } from "../restoring.ts";
import { readServing, type ServingFlags, servingFlags } from "../serving-flags.ts";

interface Flags extends EtcdAccessFlags, AccessFlags, ServingFlags {
  readonly dataDir: string;
  readonly etcdServers?: string;
  readonly certDir?: string;
  readonly restore?: string;
  readonly bindAddress: string;
  readonly advertiseAddress?: string;
  readonly securePort: number;
  readonly kubeconfig?: string;
  readonly logLevel: LogLevel;
}

/** `pintle apiserver`: the API server alone; controllers, scheduler and nodes run elsewhere. */
export function apiserverCommand(): Command {
  const command = new Command("apiserver")
    .description("run an API server alone, on a data directory or an etcd")
    .addOption(dataDirFlag())
    .addOption(
      new Option("--etcd-servers <urls>", "keep objects in this etcd, not in DIR; separated by commas"),
    );
  for (const flag of [...etcdAccessFlags(), ...accessFlags(), ...servingFlags()]) command.addOption(flag);
  return command
    .addOption(certDirFlag())
    .addOption(restoreFlag())
    .addOption(new Option("--bind-address <ip>", "where to listen").default("127.0.0.1"))
    .addOption(
      new Option("--advertise-address <ip>", "what others reach it by (default: the address it is bound to)"),
    )
    .addOption(portFlag("--secure-port"))
    .addOption(kubeconfigFlag())
    .addOption(logLevelFlag())
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const { dataDir, etcdServers } = flags;
  if (etcdServers === undefined) refuseEtcdFlags(flags, "--etcd-servers");
  refuseSecond(dataDir);
  const access = await readAccess(flags);
  const serving = readServing(flags);
  process.umask(0o077);
  const clock = new SystemClock();
  const startedAt = formatTime(clock.nowMs());
  const asked = stopSignal();
  const { startApiServer } = await import("../../cluster/api-server.ts");
  const seed = randomInt(2 ** 32);
  const store = etcdServers === undefined ? "lmdb" : "etcd";
  const start = (signal: AbortSignal) =>
    startApiServer({
      clock,
      seed,
      log: createLogger((line) => process.stderr.write(`${line}\n`), flags.logLevel, clock),
      dataDir,
      store,
      etcdEndpoints: etcdServers === undefined ? undefined : endpointsOf(etcdServers),
      etcdAccess: etcdAccess(flags),
      certDir: flags.certDir,
      restore: flags.restore === undefined ? undefined : restoring(flags.restore),
      bindAddress: flags.bindAddress,
      advertiseAddress: flags.advertiseAddress,
      port: flags.securePort,
      kubeconfig: flags.kubeconfig,
      ...access,
      ...serving,
      signal,
    });
  const running = await startUnlessAsked(clock, asked, start);
  if (running === undefined) return;
  let isUp = false;
  try {
    const { url } = running.server;
    const kubeconfig = resolve(flags.kubeconfig ?? join(dataDir, "kubeconfig"));
    const certDir = flags.certDir === undefined ? undefined : resolve(flags.certDir);
    writeState(dataDir, { pid: process.pid, url, kubeconfig, seed, store, startedAt, certDir });
    await running.publishKubeconfig();
    isUp = true;
    process.stdout.write(`API server at ${url}\nexport KUBECONFIG=${kubeconfig}\n`);
    await asked;
  } finally {
    await stopInTime(clock, { stop: () => (isUp ? running.stop() : running.abandon()) });
  }
}
