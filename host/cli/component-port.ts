import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { V1ConfigMap } from "../api/generated/types.ts";
import { ConfigMap } from "../api/registry.ts";
import { SystemClock } from "../apimachinery/clock.ts";
import type { HealthCheck } from "../apimachinery/health.ts";
import { DelegatedAccess } from "../client/delegated-access.ts";
import { type ComponentPort, openComponentPort } from "../cluster/component-port.ts";
import type { KeyAndCertificate } from "../security/pki.ts";
import { selfSigned } from "../security/self-signed.ts";
import type { ComponentParts } from "./component.ts";
import type { PortFlags } from "./component-port-flags.ts";
import { Failure } from "./failure.ts";

export interface ComponentPortInUse {
  /** The API server answers: it says whose certificates are believed. */
  serverIsThere(): Promise<void>;
  stop(): Promise<void>;
}

const PUBLISHED_AUTHORITY = { namespace: "kube-system", name: "extension-apiserver-authentication" };

/** The files of both flags, or neither. */
export function readServingFiles({
  tlsCertFile,
  tlsPrivateKeyFile,
}: PortFlags): KeyAndCertificate | undefined {
  if (tlsCertFile === undefined && tlsPrivateKeyFile === undefined) return undefined;
  if (tlsCertFile === undefined || tlsPrivateKeyFile === undefined)
    throw new Failure("--tls-cert-file and --tls-private-key-file are only of use together");
  return { cert: readFileSync(tlsCertFile, "utf8"), key: readFileSync(tlsPrivateKeyFile, "utf8") };
}

/**
 * Opens a component's port.
 *
 * @param isAsked  the user gave the port: one that is taken is a failure, else the component works without it
 */
export async function openPort(
  name: string,
  flags: PortFlags,
  isAsked: boolean,
  { client, clock, log }: Pick<ComponentParts, "client" | "clock" | "log">,
  shows: {
    readonly checks: (path: "healthz" | "livez" | "readyz") => readonly HealthCheck[];
    readonly pages: Readonly<Record<string, () => string | Iterable<string>>>;
  },
): Promise<ComponentPortInUse> {
  const { bindAddress: host, securePort: port, clientCaFile } = flags;
  // Real time: TLS peers judge validity by their own clocks.
  const serving =
    readServingFiles(flags) ??
    (await selfSigned(
      { commonName: name },
      ["localhost", "127.0.0.1", hostname()],
      new SystemClock().nowMs(),
    ));
  const child = log.child(name);
  let opened: ComponentPort;
  try {
    opened = await openComponentPort({
      host,
      port,
      serving,
      clientCa: clientCaFile === undefined ? undefined : readFileSync(clientCaFile, "utf8"),
      access: new DelegatedAccess(client, clock),
      alwaysAllowPaths: flags.authorizationAlwaysAllowPaths.split(",").filter(Boolean),
      ...shows,
      log: child,
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (isAsked || (error as NodeJS.ErrnoException).code !== "EADDRINUSE")
      throw new Failure(`cannot serve at ${host}:${port}: ${why}`);
    child.warn("health and metrics are not served: the port is taken", { port });
    return { serverIsThere: async () => {}, stop: async () => {} };
  }
  child.info("serves health and metrics", { url: `https://${host}:${opened.port}` });
  return {
    stop: () => opened.stop(),
    serverIsThere: async () => {
      if (clientCaFile !== undefined) return;
      try {
        const { data } = await client.get<V1ConfigMap>(ConfigMap, PUBLISHED_AUTHORITY);
        if (data?.["client-ca-file"] !== undefined) opened.trust(data["client-ca-file"]);
      } catch (error) {
        child.warn("client certificates are not believed: the cluster's authority cannot be read", {
          error: String(error),
        });
      }
    },
  };
}
