import type { Kind } from "../../api/kind.ts";
import type { Api, WriteContext } from "../api.ts";
import type { AnyObject } from "../storage/view.ts";
import { defaultTolerations } from "./default-tolerations.ts";
import { namespaceLifecycle } from "./namespace-lifecycle.ts";
import { priority } from "./priority.ts";
import { serviceAccount } from "./service-account.ts";

/** One write as admission sees it; `object` may be changed in place. */
export interface Attributes {
  readonly verb: "create" | "update" | "delete";
  readonly kind: Kind;
  readonly namespace?: string;
  /** The name, or the generateName prefix when there is none yet. */
  readonly name: string;
  readonly subresource?: string;
  readonly object?: AnyObject;
  readonly old?: AnyObject;
}

export type Admission = (api: Api, attributes: Attributes, context: WriteContext) => Promise<void> | void;

/**
 * In Kubernetes' order (api-wire 25). Absent: those whose counterpart controller does not exist yet, since their
 * work would never be undone (TaintNodesByCondition, StorageObjectInUseProtection), and the configurable ones.
 */
const CHAIN: readonly Admission[] = [namespaceLifecycle, serviceAccount, priority, defaultTolerations];

export async function admit(api: Api, attributes: Attributes, context: WriteContext): Promise<void> {
  for (const step of CHAIN) await step(api, attributes, context);
}
