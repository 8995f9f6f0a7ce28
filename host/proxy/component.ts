import type { V1EndpointSlice, V1Node, V1Service } from "../api/generated/types.ts";
import { EndpointSlice, Node, Service } from "../api/registry.ts";
import type { Clock } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/log.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Client } from "../client/client.ts";
import { createEventRecorder, type EventRecorder } from "../client/event-recorder.ts";
import { type Informer, SharedInformers } from "../client/informer.ts";
import type { Lister } from "../client/lister.ts";
import { BoundedRunner } from "./bounded-runner.ts";
import { EVERY_NODE } from "./endpoint.ts";
import type { ProxyHealth } from "./health/proxy-health.ts";
import { healthChecks, ServiceHealth } from "./health/service-health.ts";
import type { ProxyMetrics } from "./proxy-metrics.ts";
import type { RuleBackend } from "./rule-backend.ts";
import { ServiceModels } from "./service-models.ts";

export interface ProxyParts {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: ProxyMetrics;
  readonly health: ProxyHealth;
}

export interface ProxyComponentOptions extends ProxyParts {
  /** Whose rules they are; EVERY_NODE where all nodes are this machine. */
  readonly nodeName: string;
  /** Made when Services, slices and the node have been listed. */
  readonly backend: (listed: Listed) => RuleBackend | Promise<RuleBackend>;
  /** Where health checks of Services are answered. */
  readonly healthCheckAddresses: () => readonly string[];
  /** Between the end of a sync and the start of the next, at least. */
  readonly minSyncPeriodMs: number;
  /** After a failure the next sync comes so soon at the latest. */
  readonly syncPeriodMs: number;
}

/** What the component has of the API, and gives to a backend. */
export interface Listed {
  readonly services: Lister<V1Service>;
  /** Undefined: there is no such node, or all are meant. */
  readonly node: V1Node | undefined;
  readonly events: EventRecorder;
  /** Asks for a sync. */
  readonly requestSync: () => void;
}

/** Without any change a sync comes so often: kube-proxy's proxyutil.FullSyncPeriod. */
const MAX_INTERVAL_MS = 3_600_000;
const FIRST_RETRY_MS = 1_000;

/**
 * Somebody else answers for Services with the first label; slices with the second have no address in front of them.
 * Source: service-tables 3.1.
 */
const PROXIED = "!service.kubernetes.io/service-proxy-name";
const NOT_HEADLESS = "!service.kubernetes.io/headless";
const TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time";
const SERVICE_NAME = "kubernetes.io/service-name";

export interface ProxyComponent {
  stop(): Promise<void>;
}

/**
 * kube-proxy: watches Services, EndpointSlices and its Node, and has a backend make the rules so. Resolves after the
 * first sync, which comes when all of them have been listed.
 */
export async function startProxy(options: ProxyComponentOptions): Promise<ProxyComponent> {
  const { client, clock, nodeName, metrics, health } = options;
  const log = options.log.child("proxy");
  const random = options.random.fork("proxy");
  const host = nodeName === EVERY_NODE ? {} : { host: nodeName };
  const events = createEventRecorder({ client, clock, random, log, component: "kube-proxy", ...host });
  const informers = new SharedInformers({ client, clock, random, log });
  const services = informers.get(Service, { labelSelector: PROXIED });
  const slices = informers.get(EndpointSlice, { labelSelector: NOT_HEADLESS });
  const nodes =
    nodeName === EVERY_NODE ? undefined : informers.get(Node, { fieldSelector: `metadata.name=${nodeName}` });
  const stopWatching = () => {
    informers.stop();
    events.stop();
  };
  informers.start();
  await informers.synced();
  const models = new ServiceModels(nodeName, { allowExternalIps: true });
  const serviceHealth = new ServiceHealth({
    addresses: options.healthCheckAddresses,
    isProxyHealthy: () => health.isHealthy,
    onRefused: (key, port, error) => {
      const service = services.lister.get(key);
      const why = `node ${nodeName} failed to start healthcheck "${key}" on port ${port}: ${error.message}`;
      log.error(why);
      if (service !== undefined)
        events.event(Service, service, "Warning", "FailedToStartServiceHealthcheck", why);
    },
  });
  let needsFull = true;
  let backend: RuleBackend | undefined;

  const sync = async () => {
    const full = needsFull;
    needsFull = false;
    const startMs = clock.nowMs();
    metrics.taken();
    try {
      await backend!.sync(models, full);
      health.synced(startMs);
      metrics.programmed();
      await serviceHealth.sync(healthChecks(models));
      return true;
    } catch (error) {
      // What changed was taken from the models already: only a full sync finds it again.
      needsFull = true;
      log.error("sync failed", { error: error instanceof Error ? error.message : String(error) });
      return false;
    }
  };
  const runner = new BoundedRunner({
    clock,
    minIntervalMs: options.minSyncPeriodMs,
    maxIntervalMs: MAX_INTERVAL_MS,
    firstRetryMs: FIRST_RETRY_MS,
    maxRetryMs: options.syncPeriodMs,
    run: sync,
  });
  const requestSync = () => {
    health.queued();
    metrics.queued();
    runner.request();
  };
  try {
    backend = await options.backend({
      services: services.lister,
      node: nodes?.lister.get(nodeName),
      events,
      requestSync,
    });
  } catch (error) {
    stopWatching();
    throw error;
  }
  const rules = backend;
  let started = false;
  const feed = <T extends KubernetesObject>(
    informer: Informer<T> | undefined,
    kind: "Service" | "EndpointSlice" | "Node",
    note: (object: T) => void = () => {},
  ) => {
    const apply = (type: "ADDED" | "MODIFIED" | "DELETED", object: T) => {
      const change = { type, kind, object };
      models.apply(rules.adopt?.(change) ?? change);
      if (kind !== "Node") metrics.changed(kind);
      note(object);
      if (started && (models.hasChanges || rules.hasChanges === true)) requestSync();
    };
    informer?.addHandler({
      onAdd: (object) => apply("ADDED", object),
      onUpdate: (_, object) => apply("MODIFIED", object),
      onDelete: (object) => apply("DELETED", object),
    });
  };
  feed<V1Service>(services, "Service");
  feed<V1EndpointSlice>(slices, "EndpointSlice", ({ metadata }) => {
    const time = started ? metadata?.annotations?.[TRIGGER_TIME] : undefined;
    if (time !== undefined)
      metrics.triggered(`${metadata?.namespace}/${metadata?.labels?.[SERVICE_NAME]}`, time);
  });
  feed<V1Node>(nodes, "Node", () => health.nodeIs(nodes?.lister.get(nodeName)));
  started = true;
  await runner.start();
  return {
    stop: async () => {
      stopWatching();
      await runner.stop();
      await serviceHealth.stop();
      await rules.stop();
    },
  };
}
