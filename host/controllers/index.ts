import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/log.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Client } from "../client/client.ts";
import { SharedInformers } from "../client/informer.ts";
import { deploymentController } from "./deployment/deployment.ts";
import { endpointsController } from "./endpoints/endpoints.ts";
import { endpointSliceController } from "./endpoints/endpointslice.ts";
import { garbageCollector } from "./garbage-collector/garbage-collector.ts";
import { namespaceController } from "./namespace/namespace.ts";
import { podGarbageCollector } from "./pod-garbage-collector.ts";
import { replicaSetController } from "./replicaset.ts";
import { replicationController } from "./replicationcontroller.ts";
import { resourceQuotaController } from "./resource-quota.ts";
import { rootCaController } from "./root-ca.ts";
import { startController } from "./runtime.ts";
import { serviceAccountController } from "./service-account.ts";
import { claimProtectionController, volumeProtectionController } from "./storage-protection.ts";

export interface ControllersOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** PEM of the authority that signed the API server's certificate. */
  readonly rootCa: string;
}

export interface Controllers {
  stop(): Promise<void>;
}

/** Starts every controller over one set of informers; resolves once these have synced. */
export async function startControllers(options: ControllersOptions): Promise<Controllers> {
  const { client, clock, rootCa } = options;
  const log = options.log.child("controllers");
  const random = options.random.fork("controllers");
  const informers = new SharedInformers({ client, clock, random: random.fork("informers"), log });
  const parts = { client, informers, clock, random, log };
  const running = [
    startController(serviceAccountController, parts),
    startController(rootCaController(rootCa), parts),
    startController(replicaSetController, parts),
    startController(replicationController, parts),
    startController(deploymentController, parts),
    startController(endpointSliceController, parts),
    startController(endpointsController, parts),
    startController(namespaceController, parts),
    startController(podGarbageCollector(), parts),
    startController(claimProtectionController, parts),
    startController(volumeProtectionController, parts),
    // These two take the informers that are there, and add metadata-only ones for all other kinds.
    startController(resourceQuotaController, parts),
    startController(garbageCollector, parts),
  ];
  informers.start();
  await informers.synced();
  return {
    stop: async () => {
      for (const one of running) one.stop();
      informers.stop();
    },
  };
}
