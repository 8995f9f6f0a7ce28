import { randomInt } from "node:crypto";
import { join } from "node:path";
import { type Clock, SystemClock } from "./apimachinery/clock.ts";
import { type Logger, silentLogger } from "./apimachinery/log.ts";
import { seededRandom } from "./apimachinery/random.ts";
import { createApiServer } from "./apiserver/server.ts";
import type { Client } from "./client/client.ts";
import { startControllers } from "./controllers/index.ts";
import { startSimulatedKubelet } from "./kubelet/simulated.ts";
import { startScheduler } from "./scheduler/component.ts";
import { adminAccess, renderKubeconfig, withdrawKubeconfig, writeKubeconfig } from "./security/kubeconfig.ts";
import { ensurePki } from "./security/pki.ts";
import { lockDirectory } from "./store/directory-lock.ts";
import { openLmdbStore } from "./store/lmdb-store.ts";
import { createMemoryStore } from "./store/memory-store.ts";
import type { Store } from "./store/store.ts";

export * as kinds from "./api/registry.ts";
export { type Clock, SystemClock, VirtualClock } from "./apimachinery/clock.ts";
export { createLogger, type Logger } from "./apimachinery/log.ts";
export type { Client } from "./client/client.ts";

/** What `startCluster` takes; everything has a default. */
export interface ClusterOptions {
  /** Simulated nodes, 0 or more; 3 unless told otherwise. */
  readonly nodes?: number;
  /** `lmdb` when there is a `dataDir` and real time, else `memory`. */
  readonly store?: "memory" | "lmdb" | "etcd";
  /** Of the members of store `etcd`, as `http://HOST:PORT`; `http://127.0.0.1:2379` unless told otherwise. */
  readonly etcdEndpoints?: readonly string[];
  /** Where certificates, objects and the kubeconfig are kept. Absent: nothing is written to disk. */
  readonly dataDir?: string;
  /** The API server's port on 127.0.0.1; 0, the default, picks a free one. */
  readonly port?: number;
  /** UIDs, name suffixes and ties come from it; random when absent. */
  readonly seed?: number;
  /** A VirtualClock makes the whole control plane deterministic: same seed, same run. */
  readonly clock?: Clock;
  readonly log?: Logger;
  /** Where to write the kubeconfig; `dataDir/kubeconfig` when there is a `dataDir`. Other contexts of the file stay. */
  readonly kubeconfig?: string;
  /** Called when all is ready, just before the kubeconfig appears: what must be there by then is made here. */
  readonly beforeKubeconfig?: (facts: { url: string; seed: number }) => void;
  /** Among nodes of equal score: the first, or one of them by the seed (the default, as kube-scheduler does). */
  readonly ties?: "lowest" | "random";
}

export interface Cluster {
  /** `https://127.0.0.1:6443` */
  readonly url: string;
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
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const log = options.log ?? silentLogger;
  const clock = options.clock ?? new SystemClock();
  const seed = options.seed ?? randomInt(2 ** 32);
  const random = seededRandom(seed);
  const started: Stoppable[] = [];
  const stop = () => stopAll(started, log);
  try {
    if (options.dataDir !== undefined) {
      // Held whatever the store: certificates and the kubeconfig, too, belong to one cluster at a time.
      const lock = lockDirectory(options.dataDir);
      started.push({ name: "data directory", stop: async () => lock.release() });
    }
    const store = await openStore(options, clock);
    started.push({ name: "store", stop: () => store.close() });
    const kubeconfigFile = kubeconfigPath(options);
    // Whoever waits for the file must not find the one of an earlier run. The lock is ours.
    if (kubeconfigFile !== undefined) await withdrawKubeconfig(kubeconfigFile);
    const pki = await ensurePki({
      directory: options.dataDir === undefined ? undefined : join(options.dataDir, "pki"),
      nowMs: new SystemClock().nowMs(),
    });
    const shared = { clock, random, log };

    const server = await createApiServer({
      ...shared,
      store,
      port: options.port ?? 0,
      tls: { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key },
      serviceAccountKey: pki.serviceAccountKey,
    });
    started.push({ name: "apiserver", stop: () => server.stop() });

    const controllers = await startControllers({
      ...shared,
      client: server.client("system:kube-controller-manager"),
      rootCa: pki.caCert,
    });
    started.push({ name: "controllers", stop: () => controllers.stop() });

    const scheduler = await startScheduler({
      ...shared,
      client: server.client("system:kube-scheduler"),
      ties: options.ties ?? "random",
      thread: clock instanceof SystemClock ? "worker" : "caller",
    });
    started.push({ name: "scheduler", stop: () => scheduler.stop() });

    const kubelet = await startSimulatedKubelet({
      ...shared,
      client: server.client("system:nodes:simulated", ["system:nodes"]),
      nodes: options.nodes ?? 3,
    });
    started.push({ name: "kubelet", stop: () => kubelet.stop() });

    options.beforeKubeconfig?.({ url: server.url, seed });
    const access = adminAccess(server.url, pki);
    if (kubeconfigFile !== undefined) await writeKubeconfig(kubeconfigFile, access);
    return {
      url: server.url,
      kubeconfig: kubeconfigFile ?? renderKubeconfig(access),
      client: server.client("kubernetes-admin", ["system:masters"]),
      seed,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Stoppable {
  readonly name: string;
  stop(): Promise<void>;
}

/** Last started, first stopped. One that fails is logged, and the others are stopped all the same. */
async function stopAll(started: Stoppable[], log: Logger): Promise<void> {
  for (let part = started.pop(); part !== undefined; part = started.pop()) {
    try {
      await part.stop();
    } catch (error) {
      log.error("did not stop cleanly", { part: part.name, error: String(error) });
    }
  }
}

async function openStore(options: ClusterOptions, clock: Clock): Promise<Store> {
  const { dataDir, store = dataDir !== undefined && clock instanceof SystemClock ? "lmdb" : "memory" } =
    options;
  switch (store) {
    case "memory":
      return createMemoryStore({ clock });
    case "lmdb":
      if (dataDir === undefined) throw new Error("store lmdb needs a dataDir");
      return await openLmdbStore(join(dataDir, "store"), { clock });
    case "etcd":
      return await openEtcd(options.etcdEndpoints ?? DEFAULT_ETCD, clock);
    default:
      return store satisfies never;
  }
}

const DEFAULT_ETCD: readonly string[] = ["http://127.0.0.1:2379"];

/** Loaded when it is wanted: no other start should pay for gRPC. */
async function openEtcd(endpoints: readonly string[], clock: Clock): Promise<Store> {
  const { openEtcdStore } = await import("./store/etcd-store.ts");
  return await openEtcdStore(endpoints, { clock });
}

function kubeconfigPath({ kubeconfig, dataDir }: ClusterOptions): string | undefined {
  return kubeconfig ?? (dataDir === undefined ? undefined : join(dataDir, "kubeconfig"));
}
