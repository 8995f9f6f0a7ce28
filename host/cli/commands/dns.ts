import { Command, Option } from "commander";
import type { LogLevel } from "../../apimachinery/log.ts";
import { dnsPortFlag, logLevelFlag, readKubeconfigFlag } from "../flags.ts";

interface DnsFlags {
  readonly kubeconfig?: string;
  readonly address: string;
  readonly port: number;
  readonly domain: string;
  readonly logLevel: LogLevel;
}

/** Any number of name servers may answer for a cluster: none of them waits for its turn. */
const NOT_ELECTED = {
  leaderElect: false,
  leaderElectLeaseDuration: 15_000,
  leaderElectRenewDeadline: 10_000,
  leaderElectRetryPeriod: 2_000,
  leaderElectResourceNamespace: "kube-system",
};

/** `pintle dns`: answers for the names of a cluster's Services. */
export function dnsCommand(): Command {
  return new Command("dns")
    .description("answer for the names of a cluster's Services, by UDP and TCP")
    .addOption(readKubeconfigFlag())
    .addOption(new Option("--address <ip>", "where to listen").default("127.0.0.1"))
    .addOption(dnsPortFlag("--port"))
    .addOption(new Option("--domain <name>", "the zone").default("cluster.local"))
    .addOption(logLevelFlag("info"))
    .action(async ({ address, port, domain, ...flags }: DnsFlags) => {
      const { runComponent } = await import("../component.ts");
      await runComponent(
        { ...flags, ...NOT_ELECTED },
        {
          name: "dns",
          lease: "pintle-dns",
          start: async ({ access: _, ...parts }) => {
            const { startDns } = await import("../../dns/component.ts");
            const running = await startDns({ ...parts, address, port, domain });
            process.stdout.write(`${running.address}:${running.port}\n`);
            return running;
          },
        },
      );
    });
}
