import { Namespace, Service } from "../api/core-kinds.ts";
import { EndpointSlice } from "../api/network-kinds.ts";
import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/log.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Client } from "../client/client.ts";
import { SharedInformers } from "../client/informer.ts";
import { answerQuestion, rotated } from "./answer.ts";
import { respond } from "./message.ts";
import { type DnsServer, startDnsServer } from "./server.ts";
import { ClusterZone } from "./zone.ts";

export interface DnsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Where it listens; 127.0.0.1 unless told otherwise. */
  readonly address?: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** `cluster.local` unless told otherwise. */
  readonly domain?: string;
}

export interface RunningDns extends DnsServer {
  readonly address: string;
}

/** The name server of a cluster, fed by watches. It answers once all that there is has been listed. */
export async function startDns(options: DnsOptions): Promise<RunningDns> {
  const { client, clock, random, address = "127.0.0.1", domain = "cluster.local" } = options;
  const log = options.log.child("dns");
  const informers = new SharedInformers({ client, clock, random: random.fork("dns"), log });
  const zone = new ClusterZone(domain.toLowerCase().replace(/\.$/, ""), {
    services: informers.get(Service).lister,
    slices: informers.get(EndpointSlice).lister,
    namespaces: informers.get(Namespace).lister,
  });
  let asked = 0;
  informers.start();
  try {
    await informers.synced();
    const server = await startDnsServer({
      address,
      port: options.port,
      log,
      respond: (message, transport) =>
        respond(message, transport, (question) => rotated(answerQuestion(zone, question), asked++)),
    });
    log.info("listens", { address, port: server.port, domain: zone.name });
    const stop = async () => {
      await server.stop();
      informers.stop();
    };
    return { address, port: server.port, stop };
  } catch (error) {
    informers.stop();
    throw error;
  }
}
