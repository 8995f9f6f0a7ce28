import { KUBERNETES_VERSION, packageVersion } from "../apimachinery/version.ts";
import type { Running } from "./foreground.ts";

/** What is said when the cluster is ready: where it is and what it has. */
export function renderBanner({ cluster, flags, tookMs }: Running): string {
  const kept = flags.store === "memory" ? "objects in memory only" : `objects kept by ${flags.store}`;
  return `Pintle ${packageVersion()} (Kubernetes ${KUBERNETES_VERSION}) is ready after ${(tookMs / 1000).toFixed(2)} s

  API server   ${cluster.url}
  DNS          ${cluster.dns}, for cluster.local
  nodes        ${flags.nodes} simulated
  data         ${flags.dataDir} (${kept})
  seed         ${cluster.seed}

`;
}

/** The lines to copy. */
export function renderKubectlHint({ kubeconfig }: Running, command: string): string {
  return `  export KUBECONFIG=${shellQuoted(kubeconfig)}\n  kubectl ${command}\n\n`;
}

/** A path as a shell takes it back. */
export function shellQuoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
