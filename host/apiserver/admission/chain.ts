import type { Kind } from "../../api/kind.ts";
import type { Api, WriteContext } from "../api.ts";
import { rbacEscalation } from "../authorization/rbac/escalation.ts";
import type { AnyObject } from "../storage/view.ts";
import {
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
  requestStrategy,
} from "./certificates.ts";
import { defaultTolerations } from "./default-tolerations.ts";
import { defaultIngressClass } from "./ingress-class.ts";
import { limitBounds, limitDefaults } from "./limit-ranger.ts";
import { namespaceLifecycle } from "./namespace-lifecycle.ts";
import { nodeRestriction } from "./node-restriction.ts";
import { notReadyTaint } from "./node-taints.ts";
import { podGroupProtection, podGroupWorkload } from "./pod-groups.ts";
import { podResize } from "./pod-resize.ts";
import { podSecurity } from "./pod-security/pod-security.ts";
import { podTopologyLabels } from "./pod-topology-labels.ts";
import { priority } from "./priority.ts";
import { resourceQuota } from "./resource-quota.ts";
import { runtimeClass, runtimeOverhead } from "./runtime-class.ts";
import { serviceAccount } from "./service-account.ts";
import { claimResize, defaultStorageClass, storageProtection } from "./storage.ts";

/** One write as admission sees it; `object` may be changed in place by those who come before validation. */
export interface Attributes {
  readonly verb: "create" | "update" | "delete";
  readonly kind: Kind;
  readonly namespace?: string;
  /** The name, or the generateName prefix when there is none yet. */
  readonly name: string;
  readonly subresource?: string;
  readonly object?: AnyObject;
  readonly old?: AnyObject;
  /** The kind in the version the client asked in, where that is not the one it is stored in. */
  readonly asked?: Kind;
  /** The name in the URL, for documents that need not say it again. */
  readonly targetName?: string;
  /** What the client said of a delete, as DeleteOptions say it. */
  readonly options?: Readonly<Record<string, unknown>>;
}

export type Admission = (api: Api, attributes: Attributes, context: WriteContext) => Promise<void> | void;

/** Before the object is validated, in Kubernetes' order (api-policy 1.3). */
const MUTATING: readonly Admission[] = [
  namespaceLifecycle,
  limitDefaults,
  serviceAccount,
  nodeRestriction,
  notReadyTaint,
  priority,
  defaultTolerations,
  defaultStorageClass,
  storageProtection,
  podGroupProtection,
  runtimeClass,
  defaultIngressClass,
  podTopologyLabels,
  // Neither is a plugin in Kubernetes, but what its storage does first.
  rbacEscalation,
  requestStrategy,
];

/** After it was validated, just before it is stored; policies and webhooks of users come next. */
const VALIDATING: readonly Admission[] = [
  limitBounds,
  podSecurity,
  claimResize,
  runtimeOverhead,
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
  podGroupWorkload,
  podResize,
];

/**
 * What may change the object or refuse it at once.
 *
 * @returns the object as it is then: the same one, or what users' policies and webhooks made of it
 */
export async function admit(
  api: Api,
  attributes: Attributes,
  context: WriteContext,
): Promise<AnyObject | undefined> {
  await inTurn(MUTATING, api, attributes, context);
  if (api.dynamicAdmission.isIdle) return attributes.object;
  return api.dynamicAdmission.mutate(api, attributes, context, (object) =>
    inTurn(MUTATING, api, { ...attributes, object }, context),
  );
}

/** What judges the valid object as it is going to be stored; the quota is charged last. */
export async function approve(api: Api, attributes: Attributes, context: WriteContext): Promise<void> {
  await inTurn(VALIDATING, api, attributes, context);
  if (!api.dynamicAdmission.isIdle) await api.dynamicAdmission.validate(api, attributes, context);
  await resourceQuota(api, attributes, context);
}

/** One after the other; only those that have something to look up are waited for. */
async function inTurn(
  steps: readonly Admission[],
  api: Api,
  attributes: Attributes,
  context: WriteContext,
): Promise<void> {
  for (const step of steps) {
    const pending = step(api, attributes, context);
    if (pending !== undefined) await pending;
  }
}
