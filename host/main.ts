import { randomInt } from "node:crypto";
import { PodGroup } from "./api/alpha-kinds.ts";
import { apiVersionOf } from "./api/kind.ts";
import { type Clock, SystemClock } from "./apimachinery/clock.ts";
import { type Logger, silentLogger } from "./apimachinery/log.ts";
import { MetricsRegistry } from "./apimachinery/metrics/registry.ts";
import { seededRandom } from "./apimachinery/random.ts";
import { dnsServiceAddress } from "./apiserver/allocators/service-ranges.ts";
import type { AccessOptions, ServingOptions } from "./apiserver/server.ts";
import type { Client } from "./client/client.ts";
import { behindSameFence } from "./client/fenced-client.ts";
import { startApiServer } from "./cluster/api-server.ts";
import { type Component, identityOf, startElected } from "./cluster/elected.ts";
import type { StoreChoice } from "./cluster/open-store.ts";
import { type Stoppable, stopAll } from "./cluster/stop-all.ts";
import { startControllers } from "./controllers/index.ts";
import { DNS_USER, ensureDnsObjects } from "./dns/addon.ts";
import { startDns } from "./dns/component.ts";
import { PodNetwork } from "./kubelet/pod-network.ts";
import { startSimulatedKubelet } from "./kubelet/simulated.ts";
import { hostDialer } from "./proxy/traffic/host-dialer.ts";
import { startTableProxy } from "./proxy/traffic/table-proxy.ts";
import { startScheduler } from "./scheduler/component.ts";
import { SchedulerMetrics } from "./scheduler/metrics/scheduler-metrics.ts";
import { requestSigner } from "./security/sign-request.ts";

export * as kinds from "./api/registry.ts";
export { type Clock, SystemClock, VirtualClock } from "./apimachinery/clock.ts";
export { createLogger, type Logger } from "./apimachinery/log.ts";
export type { Client } from "./client/client.ts";

/** What `startCluster` takes; everything has a default. */
export interface ClusterOptions extends StoreChoice, AccessOptions, ServingOptions {
  /** Simulated nodes, 0 or more; 3 unless told otherwise. */
  readonly nodes?: number;
  /** Where certificates, objects and the kubeconfig are kept. Absent: nothing is written to disk. */
  readonly dataDir?: string;
  /** The cluster's authority, which API servers on one etcd must share; `dataDir/pki` unless told otherwise. */
  readonly certDir?: string;
  /** The API server's port on 127.0.0.1; 0, the default, picks a free one. */
  readonly port?: number;
  /** Names of Services are answered on this port of 127.0.0.1, by UDP and TCP; 0 picks a free one. Absent: nowhere. */
  readonly dnsPort?: number;
  /** UIDs, name suffixes and ties come from it; random when absent. */
  readonly seed?: number;
  /** A VirtualClock makes the whole control plane deterministic: same seed, same run. */
  readonly clock?: Clock;
  readonly log?: Logger;
  /** Where to write the kubeconfig; `dataDir/kubeconfig` when there is a `dataDir`. Other contexts of the file stay. */
  readonly kubeconfig?: string;
  /** Called when all is ready, just before the kubeconfig appears: what must be there by then is made here. */
  readonly beforeKubeconfig?: (facts: { url: string; dns?: string; seed: number }) => void;
  /** Among nodes of equal score: the first, or one of them by the seed (the default, as kube-scheduler does). */
  readonly ties?: "lowest" | "random";
  /** Ends a start that is under way, after the step that is being done: it then fails with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface Cluster {
  /** `https://127.0.0.1:6443` */
  readonly url: string;
  /** Where names of Services are answered, `127.0.0.1:40053`; absent unless `dnsPort` was given. */
  readonly dns?: string;
  /** The kubeconfig's path when it was written to a file (`dataDir` or `kubeconfig` given), else its text. */
  readonly kubeconfig: string;
  /** In-process, as the administrator. Kinds are `kinds.Pod`, `kinds.Deployment`, … of this module. */
  readonly client: Client;
  readonly seed: number;
  /** Ends everything in reverse order; afterwards nothing of the cluster keeps the process alive. */
  stop(): Promise<void>;
}

/**
 * Starts a cluster in this process: store, API server, controllers, scheduler and simulated nodes. Resolves when
 * /readyz is ok, the nodes are registered and the kubeconfig is written.
 *
 * On an etcd, several such processes serve one cluster: all of them answer, and one at a time runs the controllers, one
 * the scheduler and one the nodes.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  refuseGroupsWithoutKinds(options);
  const log = options.log ?? silentLogger;
  const clock = options.clock ?? new SystemClock();
  const seed = options.seed ?? randomInt(2 ** 32);
  const shared = { clock, random: seededRandom(seed), log };
  const started: Stoppable[] = [];
  const stop = () => stopAll(started, log);
  let isUp = false;
  try {
    const registry = new MetricsRegistry();
    // One page for the process: whoever leads, what it counts goes on.
    const metrics = new SchedulerMetrics(registry, clock);
    const network = new PodNetwork(clock);
    // In virtual time nothing outside of the cluster exists.
    const dialer = clock instanceof SystemClock ? network.dialer(hostDialer(clock, log)) : undefined;
    // The components will decode every object: what cannot be read is said before anything has begun.
    const apiServer = await startApiServer({
      checksValues: true,
      ...options,
      clock,
      seed,
      log,
      dialer,
      registry,
    });
    started.push({ name: "apiserver", stop: () => (isUp ? apiServer.stop() : apiServer.abandon()) });
    const { server, pki } = apiServer;
    // Where nobody else can be, nobody needs to be asked.
    const identity = options.store === "etcd" ? identityOf(options.dataDir) : undefined;
    const components: readonly Component[] = [
      {
        name: "controllers",
        lease: "kube-controller-manager",
        client: server.client("system:kube-controller-manager"),
        start: (client) =>
          startControllers({
            ...shared,
            client,
            rootCa: pki.caCert,
            signToken: server.signToken,
            signCertificate: requestSigner(pki),
            featureGates: options.featureGates,
            clientFor: (account) =>
              behindSameFence(client, server.client(`system:serviceaccount:kube-system:${account}`)),
          }),
      },
      {
        name: "scheduler",
        lease: "kube-scheduler",
        client: server.client("system:kube-scheduler"),
        start: (client) =>
          startScheduler({
            ...shared,
            client,
            metrics,
            ties: options.ties ?? "random",
            featureGates: options.featureGates,
            thread: clock instanceof SystemClock ? "worker" : "caller",
          }),
      },
      {
        name: "kubelet",
        lease: "pintle-simulated-kubelet",
        client: server.client("system:nodes:simulated", ["system:nodes"]),
        start: async (client) => {
          const kubelet = await startSimulatedKubelet({
            ...shared,
            client,
            nodes: options.nodes ?? 3,
            network,
            // With others, the controllers may run elsewhere, or not yet.
            untilSchedulable: identity === undefined,
          });
          // Without a way out of the cluster no port is opened either.
          if (dialer === undefined) return kubelet;
          const proxy = await startTableProxy({
            ...shared,
            client: behindSameFence(client, server.client("system:kube-proxy")),
            statusClient: behindSameFence(
              client,
              server.client("system:serviceaccount:kube-system:service-controller"),
            ),
            pods: network,
          });
          const running: Stoppable[] = [
            { name: "kubelet", stop: () => kubelet.stop() },
            { name: "proxy", stop: () => proxy.stop() },
          ];
          return { stop: () => stopAll(running, log) };
        },
      },
    ];
    for (const component of components) {
      options.signal?.throwIfAborted();
      const { name } = component;
      if (identity === undefined) {
        const running = await component.start(component.client);
        started.push({ name, stop: () => running.stop() });
      } else {
        const elected = startElected(component, { ...shared, identity });
        started.push({ name, stop: elected.stop });
        await elected.settled;
      }
    }

    let dns: string | undefined;
    if (options.dnsPort !== undefined) {
      const administrator = server.client("kubernetes-admin", ["system:masters"]);
      await ensureDnsObjects(administrator, dnsServiceAddress(options.serviceClusterIpRange), log);
      const running = await startDns({
        ...shared,
        client: server.client(DNS_USER.name, DNS_USER.groups),
        port: options.dnsPort,
      });
      started.push({ name: "dns", stop: () => running.stop() });
      dns = `${running.address}:${running.port}`;
    }

    options.signal?.throwIfAborted();
    options.beforeKubeconfig?.({ url: server.url, dns, seed });
    const kubeconfig = await apiServer.publishKubeconfig();
    isUp = true;
    return {
      url: server.url,
      dns,
      kubeconfig,
      client: server.client("kubernetes-admin", ["system:masters"]),
      seed,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The components would wait for kinds that nobody serves. */
function refuseGroupsWithoutKinds({ featureGates, runtimeConfig }: ClusterOptions): void {
  const version = apiVersionOf(PodGroup);
  if (featureGates?.GenericWorkload && !runtimeConfig?.has(version))
    throw new Error(`feature gate GenericWorkload needs --runtime-config=${version}=true`);
}
