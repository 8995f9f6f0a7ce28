import { ALPHA_KINDS } from "../api/alpha-kinds.ts";
import { apiVersionOf, type Kind } from "../api/kind.ts";
import type { Clock } from "../apimachinery/clock.ts";
import type { Dialer } from "../apimachinery/dialer.ts";
import { DEFAULT_FEATURE_GATES, type FeatureGates } from "../apimachinery/feature-gates.ts";
import type { Logger } from "../apimachinery/log.ts";
import type { Random } from "../apimachinery/random.ts";
import { loadSchema } from "../apimachinery/schema.ts";
import type { Client } from "../client/client.ts";
import type { Store } from "../store/store.ts";
import { DynamicAdmission } from "./admission/dynamic/dynamic-admission.ts";
import { ApiServices } from "./aggregation/api-services.ts";
import { Backends, type ProxyIdentity } from "./aggregation/backend.ts";
import { publishAddresses } from "./allocators/address-objects.ts";
import { followAllocations } from "./allocators/adopt.ts";
import { ServiceAllocator, type ServiceRangeOptions } from "./allocators/services.ts";
import type { Api, User } from "./api.ts";
import { bootstrapTokens } from "./authentication/bootstrap-tokens.ts";
import {
  type ServiceAccountTokenOptions,
  ServiceAccountTokens,
} from "./authentication/service-account-tokens.ts";
import { staticTokens } from "./authentication/static-tokens.ts";
import { firstOf } from "./authentication/token-authenticator.ts";
import { TokenMemory } from "./authentication/token-memory.ts";
import { Authorizer } from "./authorization/authorizer.ts";
import { CONTEXT, createBootstrapObjects } from "./bootstrap.ts";
import { type KubeletClient, Kubelets } from "./connect/kubelets.ts";
import { Definitions } from "./custom-resources/definitions.ts";
import { expireEvents } from "./event-expiry.ts";
import { FlowControl } from "./fairness/flow-control.ts";
import { DEFAULT_LIMITS, type Limits } from "./fairness/gate.ts";
import { createInProcessClient } from "./in-process-client.ts";
import type { FeatureOptions, RuntimeConfig } from "./runtime-config.ts";
import { ServedKinds } from "./served-kinds.ts";
import { ObjectStorage } from "./storage/objects.ts";
import { WebhookClient } from "./webhook-client/client.ts";
import type { WebhookTransport } from "./webhook-client/transport.ts";

export interface ApiCoreOptions extends ServiceRangeOptions, FeatureOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly serviceAccountTokens?: ServiceAccountTokenOptions;
  /** New nodes come without the taint that the node lifecycle controller takes off: nobody runs it. */
  readonly untaintedNodes?: boolean;
  /** Bearer tokens known from the start. */
  readonly tokens?: ReadonlyMap<string, User>;
  readonly limits?: Limits;
  /** Carries calls to webhooks; without it nobody is called, and what depends on a webhook fails as its policy says. */
  readonly webhookTransport?: WebhookTransport;
  /** Shown to the servers behind APIServices; without it none of them is asked. */
  readonly proxyIdentity?: ProxyIdentity;
  /** By which kubelets know this server; without it none of them is asked. */
  readonly kubeletClient?: KubeletClient;
  /** The way to pods, for their `proxy`. */
  readonly dialer?: Dialer;
}

/** The API server without its wire: what simulations and component tests run on. */
export interface ApiCore {
  readonly api: Api;
  readonly flowControl: FlowControl;
  client(userName: string, groups?: readonly string[]): Client;
  /** Ends what runs by the clock. The store stays open. */
  stop(): void;
}

/** Alpha kinds: both their version and their feature have to be on, as in Kubernetes. */
function optionalKinds(versions: RuntimeConfig | undefined, gates: FeatureGates): readonly Kind[] {
  return gates.GenericWorkload ? ALPHA_KINDS.filter((kind) => versions?.has(apiVersionOf(kind))) : [];
}

/** Opens the store's objects, and creates what a cluster cannot be without. */
export async function createApiCore(options: ApiCoreOptions): Promise<ApiCore> {
  const { store, clock, random, log } = options;
  const apiLog = log.child("apiserver");
  const services = new ServiceAllocator(random.fork("service-allocator"), options);
  const objects = new ObjectStorage(store, apiLog, services);
  const serviceAccountTokens = new ServiceAccountTokens({ objects, clock }, options.serviceAccountTokens);
  const { apiAudiences } = serviceAccountTokens;
  const memory = new TokenMemory(store, clock);
  const authorizer = new Authorizer({ objects });
  const dynamicAdmission = new DynamicAdmission({ objects });
  const webhooks = new WebhookClient(objects, random.fork("webhooks"), options.webhookTransport);
  const { featureGates = DEFAULT_FEATURE_GATES, runtimeConfig } = options;
  const kinds = new ServedKinds(optionalKinds(runtimeConfig, featureGates));
  const { proxyIdentity } = options;
  const backends =
    proxyIdentity && new Backends(objects, clock, random.fork("aggregation-backends"), proxyIdentity);
  const apiServices = new ApiServices(
    { objects, kinds, clock, log: apiLog },
    random.fork("api-services"),
    backends,
  );
  const api: Api = {
    objects,
    apiServices,
    authorizer,
    untaintedNodes: options.untaintedNodes,
    serviceAccountTokens,
    tokens: firstOf([
      staticTokens(options.tokens ?? new Map(), apiAudiences),
      memory.before(
        firstOf([
          (token, audiences) => serviceAccountTokens.authenticate(token, audiences),
          bootstrapTokens({ objects, clock }, apiAudiences),
        ]),
      ),
    ]),
    schema: loadSchema(),
    clock,
    random: random.fork("apiserver"),
    log: apiLog,
    services,
    kinds,
    featureGates,
    dynamicAdmission,
    webhooks,
    kubelets: new Kubelets(options.kubeletClient),
    dialer: options.dialer,
  };
  const allocations = await followAllocations({ store, views: objects.views, services, log: apiLog });
  await createBootstrapObjects(api);
  const definitions = new Definitions(api);
  await definitions.start();
  await apiServices.start();
  const { maxRequestsInFlight, maxMutatingRequestsInFlight } = { ...DEFAULT_LIMITS, ...options.limits };
  const flowControl = new FlowControl(api, Math.max(1, maxRequestsInFlight + maxMutatingRequestsInFlight));
  await flowControl.start();
  await dynamicAdmission.start();
  const addressed: Api = { ...api, random: random.fork("address-objects") };
  const addresses = await publishAddresses({ api: addressed, store, context: CONTEXT });
  const expiry = expireEvents(api);
  return {
    api,
    flowControl,
    stop: () => {
      expiry.stop();
      flowControl.stop();
      apiServices.stop();
      definitions.stop();
      addresses.stop();
      allocations.stop();
      memory.stop();
      authorizer.stop();
      dynamicAdmission.stop();
      webhooks.stop();
      api.kubelets.stop();
    },
    client: (name, groups = ["system:masters"]) =>
      createInProcessClient(api, { name, groups: [...groups, "system:authenticated"] }),
  };
}
