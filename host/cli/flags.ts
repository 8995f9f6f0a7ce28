import { InvalidArgumentError, Option } from "commander";
import type { LogLevel } from "../apimachinery/log.ts";

/** Flags that several commands have, and how their values are read. */
export function dataDirFlag(): Option {
  return new Option("--data-dir <dir>", "where the cluster keeps everything").default(".pintle");
}

export function outputFlag(...formats: readonly string[]): Option {
  return new Option("-o, --output <format>", "how to print").choices(["table", ...formats]).default("table");
}

/** Pod ranges are /24s out of 10.128.0.0/9: there are 32,768. */
export const MAX_NODES = 32_768;

export function nodesFlag(): Option {
  return new Option("--nodes <n>", "how many simulated nodes").default(3).argParser(whole(0, MAX_NODES));
}

export function portFlag(name = "--port"): Option {
  return new Option(`${name} <n>`, "the API server's port; 0 picks a free one")
    .default(6443)
    .argParser(whole(0, 65_535));
}

export function dnsPortFlag(name = "--dns-port"): Option {
  return new Option(`${name} <n>`, "the name server's port, UDP and TCP; 0 picks a free one")
    .default(0)
    .argParser(whole(0, 65_535));
}

export function seedFlag(
  what = "names, UIDs and ties come from it; random, and printed, when absent",
): Option {
  return new Option("--seed <n>", what).argParser(whole(0, Number.MAX_SAFE_INTEGER));
}

export function tiesFlag(): Option {
  return new Option("--ties <how>", "which of equally good nodes: the first given, or a random one")
    .choices(["lowest", "random"])
    .default("lowest");
}

export function schedulerConfigFlag(): Option {
  return new Option("--config <file>", "a KubeSchedulerConfiguration: profiles, plugins, weights, arguments");
}

export function runtimeFlag(): Option {
  return new Option("--runtime <name>", "what runs the pods")
    .choices(["simulated", "process", "cri"])
    .default("simulated");
}

export function storeFlag(): Option[] {
  return [
    new Option("--store <name>", "where objects are kept")
      .choices(["memory", "lmdb", "etcd"])
      .default("lmdb"),
    new Option("--etcd-endpoints <urls>", "of --store etcd, separated by commas"),
  ];
}

export function kubeconfigFlag(): Option {
  return new Option("--kubeconfig <file>", "where to write the kubeconfig (default: DIR/kubeconfig)");
}

/** How etcd is reached when it wants certificates or a password. The names are kube-apiserver's where it has one. */
export function etcdAccessFlags(): Option[] {
  return [
    new Option("--etcd-cafile <file>", "the authority that signed etcd's certificates"),
    new Option("--etcd-certfile <file>", "the certificate to show to etcd"),
    new Option("--etcd-keyfile <file>", "its key"),
    new Option("--etcd-user <name>", "the user to be in etcd"),
    new Option("--etcd-password-file <file>", "the file that holds the user's password"),
  ];
}

/** Which store a `pintle store` command is about. */
export function placeFlags(): Option[] {
  return [
    dataDirFlag(),
    new Option("--etcd-servers <urls>", "the store is this etcd, not the one in DIR; separated by commas"),
    ...etcdAccessFlags(),
  ];
}

export function certDirFlag(): Option {
  return new Option(
    "--cert-dir <dir>",
    "the cluster's authority, certificates and keys, made when missing (default: DIR/pki)",
  );
}

export function restoreFlag(): Option {
  return new Option("--restore <file>", "begin with the objects of a backup (pintle store export)");
}

/** Kubernetes' flags of a component of which one at a time works. */
export function electionFlags(): Option[] {
  const time = (name: string, what: string, value: string) =>
    new Option(`--leader-elect-${name} <duration>`, what).default(duration(value), value).argParser(duration);
  return [
    new Option("--leader-elect [yes]", "work only while holding a Lease, so that several may run")
      .default(true)
      .argParser(yes),
    time("lease-duration", "how long the others wait for a sign of life", "15s"),
    time("renew-deadline", "how long a leader that cannot renew goes on", "10s"),
    time("retry-period", "how often to try", "2s"),
    new Option("--leader-elect-resource-name <name>", "the Lease"),
    new Option("--leader-elect-resource-namespace <namespace>", "where it is").default("kube-system"),
  ];
}

export function readKubeconfigFlag(): Option {
  return new Option(
    "--kubeconfig <file>",
    "how to reach the cluster (default: $KUBECONFIG, .pintle/kubeconfig, ~/.kube/config)",
  );
}

export function logLevelFlag(level: LogLevel = "warn"): Option {
  return new Option("--log-level <level>", "what to say on stderr")
    .choices(["debug", "info", "warn", "error"])
    .default(level);
}

export function yes(text: string): boolean {
  if (text !== "true" && text !== "false") throw new InvalidArgumentError("It must be true or false.");
  return text === "true";
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `15s`, `1m30s`, in milliseconds. */
export function duration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text)
    throw new InvalidArgumentError("It must be a duration such as 15s.");
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit!]!, 0);
}

export function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    return value;
  };
}
