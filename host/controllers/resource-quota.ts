import { PersistentVolumeClaim, Pod, ResourceQuota, Service } from "../api/core-kinds.ts";
import type { V1ResourceQuota } from "../api/generated/types.ts";
import type { Kind } from "../api/kind.ts";
import { type Amounts, addAmounts } from "../api/pod-spec/amounts.ts";
import { isInScope } from "../api/quota/scopes.ts";
import { countName, usageOf } from "../api/quota/usage.ts";
import { KINDS } from "../api/registry.ts";
import { deepEqual } from "../apimachinery/copy.ts";
import { type KubernetesObject, objectKey } from "../apimachinery/object.ts";
import { formatQuantity } from "../apimachinery/quantity.ts";
import type { SharedInformers } from "../client/informer.ts";
import { byNamespace } from "../client/lister.ts";
import { type Change, updateStatus } from "./change.ts";
import { isTerminal } from "./pod-state.ts";
import { controller } from "./runtime.ts";
import type { Watch } from "./watches.ts";

export interface ObservedQuota {
  readonly quota: V1ResourceQuota;
  /** The objects of its namespace, of the kinds that something it limits is taken by. */
  readonly objects: readonly { readonly kind: Kind; readonly object: KubernetesObject }[];
}

/** What is used is counted anew this often, whatever happened (--resource-quota-sync-period). */
const RESYNC_MS = 5 * 60_000;

/** Kinds of which a quota counts more than their number: they are looked at whole. */
const WHOLE: readonly Kind[] = [Pod, Service, PersistentVolumeClaim].map((kind) => kind as unknown as Kind);
const COUNTED = KINDS.filter(
  (kind) => kind.namespaced && kind.stored === undefined && kind.verbs.includes("watch"),
);

/**
 * Counts what the objects of a namespace take of its quotas. Admission adds to the count as objects come; this counts anew
 * when they go or change. Source: controllers.md 15.
 */
export const resourceQuotaController = controller<ObservedQuota>({
  name: "resourcequota-controller",
  watches: [watchQuotas(), watchCounted()],
  observe: (key, { informers }) => {
    const quota = informers.get(ResourceQuota).lister.get(key);
    if (quota === undefined || quota.metadata?.deletionTimestamp !== undefined) return undefined;
    const names = Object.keys(quota.spec?.hard ?? {});
    const objects = COUNTED.filter((kind) => names.some((name) => isAbout(name, kind))).flatMap((kind) =>
      listerOf(informers, kind)
        .by(byNamespace, quota.metadata?.namespace ?? "")
        .map((object) => ({ kind, object })),
    );
    return { quota, objects };
  },
  reconcile: reconcileQuota,
});

export function reconcileQuota({ quota, objects }: ObservedQuota, nowMs: number): readonly Change[] {
  const hard = quota.spec?.hard ?? {};
  const total: Amounts = new Map();
  for (const { kind, object } of objects) {
    if (isInScope(quota, kind, object)) addAmounts(total, usageOf(kind, object, nowMs));
  }
  const used = Object.fromEntries(
    Object.keys(hard).map((name) => {
      const amount = total.get(name);
      return [name, amount === undefined ? "0" : formatQuantity(amount)];
    }),
  );
  const again: Change = { do: "again", afterMs: RESYNC_MS };
  if (deepEqual(quota.status?.hard, hard) && deepEqual(quota.status?.used, used)) return [again];
  return [updateStatus(ResourceQuota, { ...quota, status: { hard: { ...hard }, used } }), again];
}

/** Whether a quota's resource is taken by objects of the kind. */
function isAbout(name: string, kind: Kind): boolean {
  if (name === countName(kind)) return true;
  if (kind.group !== "" || name.startsWith("count/")) return false;
  switch (kind.plural) {
    case "pods":
      return (
        name === "pods" ||
        (!name.includes("storage.k8s.io/") &&
          /^(requests\.|limits\.|cpu$|memory$|ephemeral-storage$|hugepages-)/.test(name))
      );
    case "services":
      return name === "services" || name.startsWith("services.");
    case "persistentvolumeclaims":
      return (
        name === kind.plural || name === "requests.storage" || name.includes(".storageclass.storage.k8s.io/")
      );
    default:
      return name === kind.plural;
  }
}

function listerOf(informers: SharedInformers, kind: Kind) {
  return (WHOLE.includes(kind) ? informers.get(kind) : informers.metadataOf(kind)).lister;
}

/** What admission charges is no news: counted anew at once, it would be less than what is about to be written. */
function watchQuotas(): Watch {
  return {
    attach: (informers, enqueue) => {
      informers.get(ResourceQuota).addHandler({
        onAdd: (quota) => enqueue(objectKey(quota)),
        onUpdate: (old, quota) => {
          const isSeen = deepEqual(quota.status?.hard, quota.spec?.hard);
          if (!isSeen || !deepEqual(old.spec, quota.spec)) enqueue(objectKey(quota));
        },
      });
    },
  };
}

/** What goes, and what takes less than before, concerns every quota of its namespace. */
function watchCounted(): Watch {
  return {
    attach: (informers, enqueue) => {
      const quotas = informers.get(ResourceQuota).lister;
      const tell = ({ metadata }: KubernetesObject) => {
        for (const quota of quotas.by(byNamespace, metadata?.namespace ?? "")) enqueue(objectKey(quota));
      };
      informers.get(Pod).addHandler({
        onUpdate: (old, pod) => {
          if (isTerminal(pod) !== isTerminal(old)) tell(pod);
        },
      });
      for (const kind of [Service, PersistentVolumeClaim] as const) {
        informers.get(kind as Kind<KubernetesObject>).addHandler({
          onUpdate: (old, object) => {
            if (!deepEqual(specOf(old), specOf(object))) tell(object);
          },
        });
      }
      for (const kind of COUNTED) informers.metadataOf(kind).addHandler({ onDelete: tell });
    },
  };
}

function specOf(object: KubernetesObject): unknown {
  return (object as { spec?: unknown }).spec;
}
