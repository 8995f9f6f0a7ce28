import { hostname } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import { SystemClock } from "../../apimachinery/clock.ts";
import type { LogLevel } from "../../apimachinery/log.ts";
import type { ListenAddress } from "../../proxy/health/http-listener.ts";
import type { ProxyFlags } from "../../proxy/table-options.ts";
import type { ComponentParts } from "../component.ts";
import { Failure } from "../failure.ts";
import { duration, logLevelFlag, readKubeconfigFlag } from "../flags.ts";
import { ruleFlags } from "../proxy-flags.ts";
import { renderCommand } from "./proxy-render.ts";

type Mode = "table" | "iptables" | "nftables";

interface RunFlags extends Omit<ProxyFlags, "nodeName"> {
  readonly kubeconfig?: string;
  readonly logLevel: LogLevel;
  readonly mode: Mode;
  readonly proxyMode?: Mode;
  readonly hostnameOverride?: string;
  readonly iptablesMinSyncPeriod: number;
  readonly iptablesSyncPeriod: number;
  readonly nftablesMinSyncPeriod: number;
  readonly nftablesSyncPeriod: number;
  readonly healthzBindAddress: string;
  readonly metricsBindAddress: string;
  readonly publishLocalhost?: boolean;
  readonly cleanup?: boolean;
}

const MODES: readonly Mode[] = ["table", "iptables", "nftables"];

/** `pintle proxy`: carries the traffic of Services, and `pintle proxy render`, which only prints rules. */
export function proxyCommand(): Command {
  const command = new Command("proxy")
    .description("make the Services of a cluster answer on this machine")
    // As the program does: `render` has flags of the same names.
    .enablePositionalOptions()
    .addOption(readKubeconfigFlag())
    .addOption(
      new Option(
        "--mode <mode>",
        "table: node ports and load balancers' ports on 127.0.0.1, without root; iptables, nftables: this machine is a node, by its kernel, as root",
      )
        .choices(MODES)
        .default("table"),
    )
    .addOption(new Option("--proxy-mode <mode>", "Kubernetes' name of --mode").choices(MODES).hideHelp())
    .option("--hostname-override <name>", "the Node that this machine is (default: its host name)");
  for (const flag of ruleFlags()) command.addOption(flag);
  for (const mode of ["iptables", "nftables"]) {
    command.addOption(period(`--${mode}-min-sync-period`, "at least, between two syncs", "1s"));
    command.addOption(
      period(`--${mode}-sync-period`, "until a sync that failed is tried again, at most", "30s"),
    );
  }
  return command
    .addOption(address("--healthz-bind-address", "of /healthz and /livez", "127.0.0.1:10256"))
    .addOption(address("--metrics-bind-address", "of /metrics", "127.0.0.1:10249"))
    .option(
      "--publish-localhost",
      "of --mode table: say in the status of LoadBalancer Services that they are reached at localhost, as pintle up does",
    )
    .option("--cleanup", "take all rules away, and end")
    .addOption(logLevelFlag("info"))
    .addCommand(renderCommand())
    .action(run);
}

function period(flag: string, what: string, value: string): Option {
  return new Option(`${flag} <duration>`, what).default(duration(value), value).argParser(duration);
}

function address(flag: string, what: string, value: string): Option {
  return new Option(`${flag} <address>`, `${what}; "" for none`).default(value).argParser((text: string) => {
    if (text !== "" && !/:\d{1,5}$/.test(text)) throw new InvalidArgumentError("It must be HOST:PORT.");
    return text;
  });
}

async function run(flags: RunFlags): Promise<void> {
  const mode = flags.proxyMode ?? flags.mode;
  if ((mode !== "table" || flags.cleanup) && process.getuid?.() !== 0)
    throw new Failure(
      `${flags.cleanup ? "--cleanup" : `mode ${mode}`} changes the kernel's rules: it needs root`,
    );
  if (flags.cleanup) {
    const { cleanUp } = await import("../../proxy/kernel/cleanup.ts");
    const { runTool } = await import("../../proxy/kernel/tool.ts");
    await cleanUp(runTool, new SystemClock());
    return;
  }
  const { runComponent } = await import("../component.ts");
  await runComponent(
    // Each node has its own: there is no turn to wait for.
    { ...flags, leaderElect: false, ...UNUSED_ELECTION },
    { name: "proxy", lease: "", start: (parts) => start(mode, flags, parts) },
  );
}

const UNUSED_ELECTION = {
  leaderElectLeaseDuration: 15_000,
  leaderElectRenewDeadline: 10_000,
  leaderElectRetryPeriod: 2_000,
  leaderElectResourceNamespace: "kube-system",
};

async function start(mode: Mode, flags: RunFlags, parts: ComponentParts): Promise<{ stop(): Promise<void> }> {
  const [{ MetricsRegistry }, { registerProcessMetrics }, { ProxyMetrics }, health, servers, { FAMILIES }] =
    await Promise.all([
      import("../../apimachinery/metrics/registry.ts"),
      import("../../apimachinery/metrics/process-metrics.ts"),
      import("../../proxy/proxy-metrics.ts"),
      import("../../proxy/health/proxy-health.ts"),
      import("../../proxy/health/health-servers.ts"),
      import("../../proxy/service-models.ts"),
    ]);
  const { parseListenAddress } = await import("../../proxy/health/http-listener.ts");
  const listen = (name: string, text: string): ListenAddress | undefined => {
    const parsed = parseListenAddress(text);
    if (text !== "" && parsed === undefined) throw new Failure(`--${name}: ${text} is not HOST:PORT`);
    return parsed;
  };
  const { client, clock, random, log } = parts;
  const registry = new MetricsRegistry();
  registerProcessMetrics(registry);
  const metrics = new ProxyMetrics(registry, clock);
  const syncPeriodMs = mode === "nftables" ? flags.nftablesSyncPeriod : flags.iptablesSyncPeriod;
  const proxyHealth = new health.ProxyHealth(clock, 2 * syncPeriodMs, FAMILIES);
  const open = await servers.openHealthServers({
    health: proxyHealth,
    metrics,
    registry,
    mode,
    healthz: listen("healthz-bind-address", flags.healthzBindAddress),
    metricsAt: listen("metrics-bind-address", flags.metricsBindAddress),
  });
  const shared = { client, clock, random, log, metrics, health: proxyHealth };
  try {
    const proxy = await startMode(mode, flags, shared, syncPeriodMs);
    return {
      stop: async () => {
        await proxy.stop();
        await open.stop();
      },
    };
  } catch (error) {
    await open.stop();
    throw error;
  }
}

async function startMode(
  mode: Mode,
  flags: RunFlags,
  shared: import("../../proxy/component.ts").ProxyParts,
  syncPeriodMs: number,
): Promise<{ stop(): Promise<void> }> {
  if (mode === "table") {
    const { startTableProxy } = await import("../../proxy/traffic/table-proxy.ts");
    return await startTableProxy({
      ...shared,
      statusClient: flags.publishLocalhost ? shared.client : undefined,
    });
  }
  const { startKernelProxy } = await import("../../proxy/kernel/kernel-proxy.ts");
  return await startKernelProxy({
    ...shared,
    mode,
    flags,
    nodeName: (flags.hostnameOverride ?? hostname()).toLowerCase(),
    minSyncPeriodMs: mode === "nftables" ? flags.nftablesMinSyncPeriod : flags.iptablesMinSyncPeriod,
    syncPeriodMs,
  });
}
