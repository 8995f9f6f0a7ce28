import { ALPHA_KINDS } from "../api/alpha-kinds.ts";
import type { Clock } from "../apimachinery/clock.ts";
import type { FeatureGates } from "../apimachinery/feature-gates.ts";
import type { Claims } from "../apimachinery/json-web-token.ts";
import type { Logger } from "../apimachinery/log.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Client } from "../client/client.ts";
import { SharedInformers } from "../client/informer.ts";
import { requireServed } from "../client/served.ts";
import { certificateApprover } from "./certificates/approver.ts";
import { certificateCleaner } from "./certificates/cleaner.ts";
import { certificateSigner, type SignCertificate } from "./certificates/signer.ts";
import { clusterRoleAggregationController } from "./cluster-role-aggregation.ts";
import { CustomKinds } from "./custom-kinds.ts";
import { deploymentController } from "./deployment/deployment.ts";
import { disruptionController } from "./disruption/disruption.ts";
import { staleDisruptionTargets } from "./disruption/stale-targets.ts";
import { endpointsController } from "./endpoints/endpoints.ts";
import { endpointSliceController } from "./endpoints/endpointslice.ts";
import { garbageCollector } from "./garbage-collector/garbage-collector.ts";
import { namespaceController } from "./namespace/namespace.ts";
import { nodeLifecycleController } from "./node/node-lifecycle.ts";
import { taintEvictionController } from "./node/taint-eviction.ts";
import { podGarbageCollector } from "./pod-garbage-collector.ts";
import { podGroupProtectionController } from "./pod-group-protection.ts";
import { replicaSetController } from "./replicaset.ts";
import { replicationController } from "./replicationcontroller.ts";
import { resourceQuotaController } from "./resource-quota.ts";
import { rootCaController } from "./root-ca.ts";
import { type Controller, startController } from "./runtime.ts";
import { serviceAccountController } from "./service-account.ts";
import { serviceAccountTokenController } from "./service-account-token.ts";
import { serviceCIDRController } from "./service-cidrs.ts";
import { claimProtectionController, volumeProtectionController } from "./storage-protection.ts";
import { terminatedPodCollector } from "./terminated-pods.ts";

export interface ControllersOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** PEM of the authority that signed the API server's certificate. */
  readonly rootCa: string;
  /** Signs the tokens of Secrets that ask for one; absent: they stay empty. */
  readonly signToken?: (claims: Claims) => string;
  /** Signs approved certificate requests; absent: they stay approved, for somebody else to sign. */
  readonly signCertificate?: SignCertificate;
  /**
   * The client of one controller, by its service account's name in kube-system; absent: all share `client`. What is
   * watched is always watched by `client`.
   */
  readonly clientFor?: (serviceAccount: string) => Client;
  /** Of GenericWorkload: pod groups are looked after, too. */
  readonly featureGates?: FeatureGates;
}

export interface Controllers {
  stop(): Promise<void>;
}

/** Starts every controller over one set of informers; resolves once these have synced. */
export async function startControllers(options: ControllersOptions): Promise<Controllers> {
  const { client, clock, rootCa, signToken, signCertificate } = options;
  const log = options.log.child("controllers");
  const random = options.random.fork("controllers");
  const informers = new SharedInformers({ client, clock, random: random.fork("informers"), log });
  const shared = { client, informers, clock, random, log };
  const hasGroups = options.featureGates?.GenericWorkload === true;
  for (const kind of hasGroups ? ALPHA_KINDS : []) await requireServed(client, kind);
  if (hasGroups) CustomKinds.of(informers).serveAlways(ALPHA_KINDS);
  /** A controller and the account it has in Kubernetes. */
  const start = <O>(definition: Controller<O>, account?: string) =>
    startController(definition, {
      ...shared,
      client: (account === undefined ? undefined : options.clientFor?.(account)) ?? client,
    });
  const running = [
    // It makes what the others would need accounts for, so it has none.
    ...(signToken === undefined ? [] : [start(serviceAccountTokenController({ rootCa, sign: signToken }))]),
    start(clusterRoleAggregationController, "clusterrole-aggregation-controller"),
    start(serviceAccountController, "service-account-controller"),
    start(rootCaController(rootCa), "root-ca-cert-publisher"),
    start(replicaSetController, "replicaset-controller"),
    start(replicationController, "replication-controller"),
    start(deploymentController, "deployment-controller"),
    start(endpointSliceController(), "endpointslice-controller"),
    start(endpointsController, "endpoint-controller"),
    start(namespaceController, "namespace-controller"),
    start(podGarbageCollector(), "pod-garbage-collector"),
    start(terminatedPodCollector, "pod-garbage-collector"),
    start(nodeLifecycleController(clock), "node-controller"),
    start(taintEvictionController(clock), "node-controller"),
    start(disruptionController(), "disruption-controller"),
    start(staleDisruptionTargets, "disruption-controller"),
    start(certificateApprover, "certificate-controller"),
    ...(signCertificate === undefined
      ? []
      : [start(certificateSigner(signCertificate, clock), "certificate-controller")]),
    start(certificateCleaner, "certificate-controller"),
    start(claimProtectionController, "pvc-protection-controller"),
    start(volumeProtectionController, "pv-protection-controller"),
    ...(hasGroups ? [start(podGroupProtectionController, "podgroup-protection-controller")] : []),
    start(serviceCIDRController, "service-cidrs-controller"),
    // These two take the informers that are there, and add metadata-only ones for all other kinds.
    start(resourceQuotaController, "resourcequota-controller"),
    start(garbageCollector, "generic-garbage-collector"),
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
