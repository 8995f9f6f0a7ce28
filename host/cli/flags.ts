import { InvalidArgumentError, Option } from "commander";

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

export function portFlag(): Option {
  return new Option("--port <n>", "the API server's port; 0 picks a free one")
    .default(6443)
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

export function readKubeconfigFlag(): Option {
  return new Option(
    "--kubeconfig <file>",
    "how to reach the cluster (default: $KUBECONFIG, .pintle/kubeconfig, ~/.kube/config)",
  );
}

export function logLevelFlag(): Option {
  return new Option("--log-level <level>", "what to say on stderr")
    .choices(["debug", "info", "warn", "error"])
    .default("warn");
}

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    return value;
  };
}
