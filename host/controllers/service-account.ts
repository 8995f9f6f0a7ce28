import { Namespace, ServiceAccount } from "../api/core-kinds.ts";
import type { V1Namespace, V1ServiceAccount } from "../api/generated/types.ts";
import { type Change, create } from "./change.ts";
import { controller } from "./runtime.ts";
import { self, watch } from "./watches.ts";

interface ObservedNamespace {
  readonly namespace: V1Namespace;
  readonly account: V1ServiceAccount | undefined;
}

const NAME = "default";

/** Every active namespace has a ServiceAccount `default`, made again when it is deleted (controllers.md 14.1). */
export const serviceAccountController = controller<ObservedNamespace>({
  name: "serviceaccount-controller",
  watches: [
    self(Namespace),
    watch(ServiceAccount, ({ metadata }, _, why) =>
      why === "deleted" && metadata?.name === NAME ? [metadata.namespace ?? ""] : [],
    ),
  ],
  workers: 1,
  observe: (key, { informers }) => {
    const namespace = informers.get(Namespace).lister.get(key);
    return namespace && { namespace, account: informers.get(ServiceAccount).lister.get(`${key}/${NAME}`) };
  },
  reconcile: reconcileServiceAccount,
});

export function reconcileServiceAccount({ namespace, account }: ObservedNamespace): readonly Change[] {
  if (account !== undefined || !isActiveNamespace(namespace)) return [];
  const metadata = { name: NAME, namespace: namespace.metadata?.name };
  return [
    create(
      ServiceAccount,
      { apiVersion: "v1", kind: "ServiceAccount", metadata },
      { failure: (error) => (error.reason === "AlreadyExists" ? [] : undefined) },
    ),
  ];
}

/** Not being deleted: only such a namespace takes new objects. */
export function isActiveNamespace(namespace: V1Namespace): boolean {
  return namespace.metadata?.deletionTimestamp === undefined && namespace.status?.phase !== "Terminating";
}
