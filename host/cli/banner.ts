import type { Running } from "./foreground.ts";
import { KUBERNETES_VERSION, packageVersion } from "./package-version.ts";

/** What `up` says when the cluster is ready: where it is, what it has, and the line to copy. */
export function renderBanner({ cluster, flags, kubeconfig, tookMs }: Running): string {
  const kept = flags.store === "memory" ? "objects in memory only" : `objects kept by ${flags.store}`;
  return `Pintle ${packageVersion()} (Kubernetes ${KUBERNETES_VERSION}) is ready after ${(tookMs / 1000).toFixed(2)} s

  API server   ${cluster.url}
  nodes        ${flags.nodes} simulated
  data         ${flags.dataDir} (${kept})
  seed         ${cluster.seed}

  export KUBECONFIG=${shellQuoted(kubeconfig)}
  kubectl get nodes

`;
}

/** A path as a shell takes it back. */
export function shellQuoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
