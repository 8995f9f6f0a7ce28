import { Option } from "commander";
import { whole } from "./flags.ts";

/** Where a component answers for itself, as commander hands it over. */
export interface PortFlags {
  readonly bindAddress: string;
  readonly securePort: number;
  readonly tlsCertFile?: string;
  readonly tlsPrivateKeyFile?: string;
  readonly clientCaFile?: string;
  readonly authorizationAlwaysAllowPaths: string;
}

/** kube-scheduler's flags of these names. */
export function portFlags(port: number): Option[] {
  return [
    new Option("--bind-address <address>", "where health and metrics are served, over HTTPS").default(
      "127.0.0.1",
    ),
    new Option("--secure-port <n>", "at this port; 0 picks a free one")
      .default(port)
      .argParser(whole(0, 65_535)),
    new Option("--tls-cert-file <file>", "what is shown there (default: one made for this process)"),
    new Option("--tls-private-key-file <file>", "its key"),
    new Option(
      "--client-ca-file <file>",
      "whose client certificates are believed there (default: the cluster's)",
    ),
    new Option(
      "--authorization-always-allow-paths <paths>",
      "what anybody may ask there, separated by commas",
    ).default("/healthz,/readyz,/livez"),
  ];
}
