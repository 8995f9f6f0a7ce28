import { ConfigMap, Namespace } from "../api/core-kinds.ts";
import type { V1ConfigMap, V1Namespace } from "../api/generated/types.ts";
import { deepEqual } from "../apimachinery/copy.ts";
import { type Change, create, update } from "./change.ts";
import { controller } from "./runtime.ts";
import { isActiveNamespace } from "./service-account.ts";
import { self, watch } from "./watches.ts";

interface ObservedNamespace {
  readonly namespace: V1Namespace;
  readonly configMap: V1ConfigMap | undefined;
}

const NAME = "kube-root-ca.crt";
const DESCRIPTION = "kubernetes.io/description";
const DESCRIPTION_TEXT =
  "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the " +
  "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";

/** Every active namespace has the cluster's CA in ConfigMap `kube-root-ca.crt`; edits are undone (controllers.md 14.4). */
export const rootCaController = (rootCa: string) =>
  controller<ObservedNamespace>({
    name: "root-ca-certificate-publisher-controller",
    watches: [
      self(Namespace),
      watch(ConfigMap, ({ metadata }) => (metadata?.name === NAME ? [metadata.namespace ?? ""] : [])),
    ],
    workers: 1,
    observe: (key, { informers }) => {
      const namespace = informers.get(Namespace).lister.get(key);
      return namespace && { namespace, configMap: informers.get(ConfigMap).lister.get(`${key}/${NAME}`) };
    },
    reconcile: (observed) => reconcileRootCa(observed, rootCa),
  });

export function reconcileRootCa(
  { namespace, configMap }: ObservedNamespace,
  rootCa: string,
): readonly Change[] {
  if (!isActiveNamespace(namespace)) return [];
  const data = { "ca.crt": rootCa };
  if (configMap === undefined) {
    const metadata = {
      name: NAME,
      namespace: namespace.metadata?.name,
      annotations: { [DESCRIPTION]: DESCRIPTION_TEXT },
    };
    const made = { apiVersion: "v1", kind: "ConfigMap", metadata, data };
    return [
      create(ConfigMap, made, { failure: (error) => (error.reason === "AlreadyExists" ? [] : undefined) }),
    ];
  }
  const described = configMap.metadata?.annotations?.[DESCRIPTION] === DESCRIPTION_TEXT;
  if (described && deepEqual(configMap.data, data)) return [];
  const annotations = { ...configMap.metadata?.annotations, [DESCRIPTION]: DESCRIPTION_TEXT };
  return [update(ConfigMap, { ...configMap, metadata: { ...configMap.metadata, annotations }, data })];
}
