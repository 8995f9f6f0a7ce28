import { Command, Option } from "commander";
import { renderBanner, renderKubectlHint } from "../banner.ts";
import { isDetached, startDetached, tellStarter } from "../detach.ts";
import { explainFailure } from "../failure.ts";
import { type ClusterFlags, clusterFlags, holdCluster } from "../foreground.ts";
import { type ServingFlags, servingFlags } from "../serving-flags.ts";

/** `pintle up`: a cluster in the foreground, or with --detach in a process of its own. */
export function upCommand(): Command {
  const command = new Command("up").description(
    "start a cluster: API server, store, controllers, scheduler, simulated nodes",
  );
  for (const flag of clusterFlags()) command.addOption(flag);
  return command
    .addOption(new Option("--detach", "start it in the background and return when it is ready"))
    .action((flags: ClusterFlags & { detach?: boolean }) =>
      flags.detach ? upDetached(flags) : upInForeground(flags),
    );
}

async function upInForeground(flags: ClusterFlags): Promise<void> {
  try {
    await holdCluster(flags, async (running) => {
      const banner = renderBanner(running) + renderKubectlHint(running, "get nodes");
      if (isDetached()) await tellStarter({ ready: banner });
      else process.stdout.write(`${banner}Ctrl-C stops it.\n`);
    });
  } catch (error) {
    if (isDetached()) await tellStarter({ failed: explainFailure(error) });
    throw error;
  }
}

async function upDetached(flags: ClusterFlags): Promise<void> {
  const optional = (name: string, value: string | number | undefined) =>
    value === undefined ? [] : [`--${name}`, String(value)];
  const banner = await startDetached(
    [
      "up",
      ...optional("nodes", flags.nodes),
      ...optional("runtime", flags.runtime),
      ...optional("store", flags.store),
      ...optional("etcd-endpoints", flags.etcdEndpoints),
      ...optional("etcd-cafile", flags.etcdCafile),
      ...optional("etcd-certfile", flags.etcdCertfile),
      ...optional("etcd-keyfile", flags.etcdKeyfile),
      ...optional("etcd-user", flags.etcdUser),
      ...optional("etcd-password-file", flags.etcdPasswordFile),
      ...optional("cert-dir", flags.certDir),
      ...optional("restore", flags.restore),
      ...optional("token-auth-file", flags.tokenAuthFile),
      ...optional("anonymous-auth", flags.anonymousAuth),
      ...optional("requestheader-client-ca-file", flags.requestheaderClientCaFile),
      ...optional("requestheader-allowed-names", flags.requestheaderAllowedNames),
      ...servingFlags().flatMap((flag) =>
        optional(flag.name(), flags[flag.attributeName() as keyof ServingFlags]),
      ),
      ...optional("data-dir", flags.dataDir),
      ...optional("port", flags.port),
      ...optional("dns-port", flags.dnsPort),
      ...optional("kubeconfig", flags.kubeconfig),
      ...optional("seed", flags.seed),
      ...optional("log-level", flags.logLevel),
    ],
    flags.dataDir,
  );
  process.stdout.write(
    `${banner}pintle down${flags.dataDir === ".pintle" ? "" : ` --data-dir ${flags.dataDir}`} stops it.\n`,
  );
}
