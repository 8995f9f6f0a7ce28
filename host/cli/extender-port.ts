import { readFileSync } from "node:fs";
import type { Logger } from "../apimachinery/log.ts";
import { parseAddress } from "../proxy/address.ts";
import { parseListenAddress } from "../proxy/health/http-listener.ts";
import { isLoopback } from "../proxy/proxy-options.ts";
import { openExtenderServer } from "../scheduler/extenders/extender-server.ts";
import type { ExtenderService } from "../scheduler/extenders/extender-service.ts";
import { readServingFiles } from "./component-port.ts";
import type { PortFlags } from "./component-port-flags.ts";
import { Failure } from "./failure.ts";

/**
 * Opens the port where other schedulers ask this one. It speaks HTTPS when there is a certificate to show, and then wants
 * one of `--client-ca-file` when that is given.
 */
export async function openExtenderPort(
  address: string,
  flags: PortFlags,
  service: () => ExtenderService | undefined,
  log: Logger,
): Promise<{ stop(): Promise<void> }> {
  const at = parseListenAddress(address);
  if (at === undefined) throw new Failure(`--extender-address: ${address} is not HOST:PORT`);
  const host = at.host === "" ? "127.0.0.1" : at.host;
  const serving = readServingFiles(flags);
  const { clientCaFile } = flags;
  if (!isOfThisMachine(host) && (serving === undefined || clientCaFile === undefined))
    throw new Failure(
      `--extender-address: others than this machine reach ${host}, and whoever is answered may bind pods: give --tls-cert-file, --tls-private-key-file and --client-ca-file`,
    );
  const clientCa = clientCaFile === undefined ? {} : { clientCa: readFileSync(clientCaFile, "utf8") };
  const child = log.child("extender");
  try {
    const opened = await openExtenderServer({
      host,
      port: at.port,
      ...(serving === undefined ? {} : { tls: { ...serving, ...clientCa } }),
      service,
      log: child,
    });
    const url = `${serving === undefined ? "http" : "https"}://${host}:${opened.port}`;
    child.info("answers other schedulers", { url });
    return opened;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Failure(`cannot answer other schedulers at ${address}: ${why}`);
  }
}

function isOfThisMachine(host: string): boolean {
  const address = parseAddress(host);
  return address === undefined ? host === "localhost" : isLoopback(address);
}
