import { randomUUID } from "node:crypto";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { type Clock, SystemClock } from "../apimachinery/clock.ts";
import type { Dialer } from "../apimachinery/dialer.ts";
import type { Logger } from "../apimachinery/log.ts";
import type { MetricsRegistry } from "../apimachinery/metrics/registry.ts";
import { seededRandom } from "../apimachinery/random.ts";
import {
  type AccessOptions,
  type ApiServer,
  createApiServer,
  type ServingOptions,
} from "../apiserver/server.ts";
import { authorityFingerprint } from "../security/fingerprint.ts";
import {
  adminAccess,
  renderKubeconfig,
  withdrawKubeconfig,
  writeKubeconfig,
} from "../security/kubeconfig.ts";
import { ensurePki, type Pki, PROXY_CLIENT_NAME } from "../security/pki.ts";
import { awaitDirectory, lockDirectory } from "../store/directory-lock.ts";
import { claimStore } from "../store/owner.ts";
import { FirstStart } from "./first-start.ts";
import { openStore, type StoreChoice, storeFolder } from "./open-store.ts";
import { type Stoppable, stopAll } from "./stop-all.ts";

export interface ApiServerProcessOptions extends StoreChoice, AccessOptions, ServingOptions {
  readonly clock: Clock;
  readonly seed: number;
  readonly log: Logger;
  /** The authority, its certificates and keys, made when they are not there; `dataDir/pki` unless told otherwise. */
  readonly certDir?: string;
  /** 127.0.0.1 unless told otherwise. */
  readonly bindAddress?: string;
  /** What clients and other servers reach it by; the address it is bound to, or this machine's first one. */
  readonly advertiseAddress?: string;
  readonly port?: number;
  /** The way to pods; absent: there is none. */
  readonly dialer?: Dialer;
  /** Where it counts what it does, with what others of the process count there. */
  readonly registry?: MetricsRegistry;
  /** Where to write the kubeconfig; `dataDir/kubeconfig` when there is a `dataDir`. */
  readonly kubeconfig?: string;
  /** Ends a start that is under way, after the step that is being done: it then fails with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface ApiServerProcess {
  readonly server: ApiServer;
  readonly pki: Pki;
  /** Writes the administrator's kubeconfig. @returns its path; or its text, when there is no place for a file */
  publishKubeconfig(): Promise<string>;
  /** Everything that was written stays. */
  stop(): Promise<void>;
  /** Stops a start that has failed: what a first start made is taken away again, unless the kubeconfig was written. */
  abandon(): Promise<void>;
}

/**
 * A data directory, a store, the cluster's authority, and the API server on them.
 *
 * On an etcd, several such processes serve one cluster; they must have the same authority.
 */
export async function startApiServer(options: ApiServerProcessOptions): Promise<ApiServerProcess> {
  const { clock, log, dataDir, signal } = options;
  const isShared = options.store === "etcd";
  const started: Stoppable[] = [];
  const stop = () => stopAll(started, log);
  let isAbandoned = false;
  const abandon = () => {
    isAbandoned = true;
    return stop();
  };
  try {
    if (dataDir !== undefined) {
      // Held whatever the store: the kubeconfig, too, belongs to one process at a time.
      const lock = lockDirectory(dataDir);
      started.push({ name: "data directory", stop: async () => lock.release() });
    }
    // An etcd remembers its authority, and other processes may have taken over a folder that was given.
    const own = dataDir === undefined || isShared ? [] : [storeFolder(dataDir)];
    if (own.length > 0 && options.certDir === undefined) own.push(join(dataDir!, "pki"));
    const firstStart = new FirstStart(own);
    const undo = async () => {
      if (isAbandoned) firstStart.undo();
    };
    started.push({ name: "first start", stop: undo });
    const store = await openStore(options, clock);
    started.push({ name: "store", stop: () => store.close() });
    const file = options.kubeconfig ?? (dataDir === undefined ? undefined : join(dataDir, "kubeconfig"));
    // Whoever waits for the file must not find the one of an earlier run. The lock is ours.
    if (file !== undefined) await withdrawKubeconfig(file);
    signal?.throwIfAborted();
    const { bindAddress = "127.0.0.1" } = options;
    const advertiseAddress = options.advertiseAddress ?? reachableAddress(bindAddress);
    const pki = await openPki(
      options.certDir ?? (dataDir === undefined ? undefined : join(dataDir, "pki")),
      advertiseAddress,
    );
    if (isShared) {
      const fingerprint = authorityFingerprint(pki);
      if ((await claimStore(store, fingerprint)) !== fingerprint)
        throw new Error(
          "this etcd holds the cluster of another certificate authority; give this process the same one: --cert-dir, or a copy of the other's pki folder",
        );
    }
    signal?.throwIfAborted();
    const random = seededRandom(options.seed);
    const server = await createApiServer({
      clock,
      log,
      // Two API servers of one seed would otherwise draw the same UIDs.
      random: isShared ? random.fork(randomUUID()) : random,
      store,
      host: bindAddress,
      advertiseAddress,
      port: options.port ?? 0,
      isShared,
      tls: { caCert: pki.caCert, cert: pki.serving.cert, key: pki.serving.key },
      serviceAccountKey: pki.serviceAccountKey,
      serviceAccountTokens: { acceptedKeys: pki.previousServiceAccountKeys },
      tokens: options.tokens,
      frontProxy: options.frontProxy ?? { caCert: pki.frontProxy.caCert, allowedNames: [PROXY_CLIENT_NAME] },
      proxyIdentity: pki.frontProxy,
      kubeletClient: pki.kubeletClient,
      dialer: options.dialer,
      anonymous: options.anonymous,
      limits: options.limits,
      serviceClusterIpRange: options.serviceClusterIpRange,
      serviceNodePortRange: options.serviceNodePortRange,
      runtimeConfig: options.runtimeConfig,
      featureGates: options.featureGates,
      priorityAndFairness: options.priorityAndFairness,
      audit: options.audit,
      registry: options.registry,
    });
    started.push({ name: "apiserver", stop: () => server.stop() });
    const access = adminAccess(server.url, pki);
    return {
      server,
      pki,
      publishKubeconfig: async () => {
        if (file !== undefined) await writeKubeconfig(file, access);
        firstStart.keep();
        return file ?? renderKubeconfig(access);
      },
      stop,
      abandon,
    };
  } catch (error) {
    await abandon();
    throw error;
  }
}

async function openPki(directory: string | undefined, address: string): Promise<Pki> {
  const clock = new SystemClock();
  const hosts = address === "127.0.0.1" ? [] : [address];
  if (directory === undefined) return await ensurePki({ hosts, nowMs: clock.nowMs() });
  // Two that begin side by side in one directory must not make an authority each.
  const lock = await awaitDirectory(directory, clock);
  try {
    return await ensurePki({ directory, hosts, nowMs: clock.nowMs() });
  } finally {
    lock.release();
  }
}

/** An address that others can dial: 0.0.0.0 is none. */
function reachableAddress(bindAddress: string): string {
  if (bindAddress !== "0.0.0.0" && bindAddress !== "::") return bindAddress;
  const addresses = Object.values(networkInterfaces()).flatMap((one) => one ?? []);
  return addresses.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1";
}
