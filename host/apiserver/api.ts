import type { Kind } from "../api/kind.ts";
import type { Clock } from "../apimachinery/clock.ts";
import type { Dialer } from "../apimachinery/dialer.ts";
import type { FeatureGates } from "../apimachinery/feature-gates.ts";
import type { Logger } from "../apimachinery/log.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Schema } from "../apimachinery/schema.ts";
import type { DynamicAdmission } from "./admission/dynamic/dynamic-admission.ts";
import type { ApiServices } from "./aggregation/api-services.ts";
import type { ServiceAllocator } from "./allocators/services.ts";
import type { ServiceAccountTokens } from "./authentication/service-account-tokens.ts";
import type { TokenAuthenticator } from "./authentication/token-authenticator.ts";
import type { Authorizer } from "./authorization/authorizer.ts";
import type { Kubelets } from "./connect/kubelets.ts";
import type { ServedKinds } from "./served-kinds.ts";
import type { ObjectStorage } from "./storage/objects.ts";
import type { WebhookClient } from "./webhook-client/client.ts";

/** Who asks. */
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  /** What else is known of it, e.g. `authentication.kubernetes.io/pod-name`. */
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** What every verb works with: the transport-independent core of the server. */
export interface Api {
  readonly objects: ObjectStorage;
  readonly schema: Schema;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly services: ServiceAllocator;
  /** What is served: the built-in kinds and those of CustomResourceDefinitions. */
  readonly kinds: ServedKinds;
  /** Which of Kubernetes' alpha features are on. */
  readonly featureGates: FeatureGates;
  /** Who answers for which group and version. */
  readonly apiServices: ApiServices;
  readonly authorizer: Authorizer;
  readonly serviceAccountTokens: ServiceAccountTokens;
  /** New nodes come without the taint that a controller takes off: there is no such controller. */
  readonly untaintedNodes?: boolean;
  /** Policies and webhooks. */
  readonly dynamicAdmission: DynamicAdmission;
  readonly webhooks: WebhookClient;
  readonly kubelets: Kubelets;
  /** The way to pods; absent: there is none. */
  readonly dialer?: Dialer;
  /** Bearer tokens of every sort. */
  readonly tokens: TokenAuthenticator;
}

export type FieldValidation = "Ignore" | "Warn" | "Strict";

/** Names the object of a request. */
export interface Target {
  readonly kind: Kind;
  readonly namespace?: string;
  readonly name: string;
  readonly subresource?: string;
}

/** What every write carries along. */
export interface WriteContext {
  readonly user: User;
  readonly dryRun: boolean;
  readonly fieldValidation: FieldValidation;
  readonly fieldManager?: string;
  /** Sent as Warning headers by HTTP; dropped by trusted callers in the process. */
  readonly warn: (text: string) => void;
  /** The options as the client gave them, for those who are told of the write. */
  readonly asked?: Readonly<Record<string, unknown>>;
  /** Notes something in the audit entry of the request, under `webhook.example.com/key` or the like. */
  readonly annotate?: (key: string, value: string) => void;
  /** The server's own housekeeping: neither webhooks nor policies are asked. */
  readonly isInternal?: true;
}
