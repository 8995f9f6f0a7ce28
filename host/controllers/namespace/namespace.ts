import { Namespace, Pod } from "../../api/core-kinds.ts";
import type { V1Namespace, V1Pod } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { KINDS } from "../../api/registry.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { type Change, type Failure, finalize, statusAfter, updateStatus } from "../change.ts";
import { CustomKinds } from "../custom-kinds.ts";
import { isTerminal } from "../pod-state.ts";
import { controller, type Look } from "../runtime.ts";
import { self, watch } from "../watches.ts";
import { deletionStatus } from "./conditions.ts";

/** What a namespace holds of one kind. */
export interface Content {
  readonly kind: Kind;
  readonly objects: readonly KubernetesObject[];
}

export interface ObservedNamespace {
  readonly namespace: V1Namespace;
  readonly pods: readonly V1Pod[];
  /** Everything else, kind by kind; read only once no pod is left. */
  readonly content: readonly Content[];
}

const FINALIZER = "kubernetes";
/** How long an object with finalizers of its own is given before it is looked at again (finalizerEstimateSeconds / 2 + 1). */
const FINALIZER_WAIT_MS = 8_500;

/**
 * Empties a namespace that is being deleted, then lets it go. It starts at once: the 5 seconds that Kubernetes waits are
 * for API servers that have not heard of the deletion, and here there is one.
 */
export const namespaceController = controller<ObservedNamespace>({
  name: "namespace-controller",
  watches: [
    self(Namespace),
    watch(Pod, ({ metadata }, _, why) => (why === "deleted" ? [metadata?.namespace ?? ""] : [])),
  ],
  workers: 10,
  maxDelayMs: 60_000,
  observe: async (key, look) => {
    const { informers, client } = look;
    if (informers.get(Namespace).lister.get(key)?.metadata?.deletionTimestamp === undefined) return undefined;
    const namespace = await client.get(Namespace, { name: key });
    if (namespace.metadata?.deletionTimestamp === undefined) return undefined;
    const pods = (await client.list(Pod, { namespace: key })).items;
    return { namespace, pods, content: pods.length > 0 ? [] : await readContent(look, key) };
  },
  reconcile: reconcileNamespace,
});

/** Kinds whose objects live in namespaces. A second version of a kind shows the same objects once more. */
const CONTENT_KINDS = KINDS.filter(
  (kind) =>
    kind.namespaced &&
    kind.stored === undefined &&
    kind.verbs.includes("list") &&
    kind.verbs.includes("delete") &&
    kind.plural !== Pod.plural,
);

async function readContent({ client, informers }: Look, namespace: string): Promise<Content[]> {
  const content: Content[] = [];
  const custom = CustomKinds.of(informers).stored.filter((kind) => kind.namespaced);
  for (const kind of [...CONTENT_KINDS, ...custom]) {
    const { items: objects } = await client.list(kind, { namespace });
    if (objects.length > 0) content.push({ kind, objects });
  }
  return content;
}

/** Pods first, then the rest, then the finalizer; each look sees what the last one left. Source: controllers.md 12. */
export function reconcileNamespace(observed: ObservedNamespace, nowMs: number): readonly Change[] {
  const { namespace, pods, content } = observed;
  const name = namespace.metadata?.name ?? "";
  const status = (remaining: readonly Content[]) =>
    statusAfter(Namespace, (failure) => withStatus(namespace, remaining, failure, nowMs));
  if (pods.length > 0) {
    const fresh = pods.some(isUntouched);
    const erase = { do: "delete all", kind: Pod as unknown as Kind, namespace: name } as const;
    // While pods remain the conditions speak as if all were well, and nothing else is touched.
    return [
      ...(fresh ? [erase] : []),
      status([]),
      { do: "again", afterMs: podWaitMs(namespace, pods, nowMs) },
    ];
  }
  const fresh = content.filter(({ objects }) => objects.some(isUntouched));
  if (fresh.length > 0) {
    const erased = fresh.map(({ kind }): Change => ({ do: "delete all", kind, namespace: name }));
    return [...erased, { do: "retry", why: "what is left is looked at again" }];
  }
  if (content.length > 0) return [status(content), { do: "again", afterMs: FINALIZER_WAIT_MS }];
  const emptied = withStatus(namespace, [], undefined, nowMs);
  if (emptied !== undefined) {
    return [updateStatus(Namespace, emptied), { do: "retry", why: "the finalizer goes next" }];
  }
  const finalizers = namespace.spec?.finalizers ?? [];
  if (!finalizers.includes(FINALIZER)) return [];
  const spec = { ...namespace.spec, finalizers: finalizers.filter((one) => one !== FINALIZER) };
  return [finalize(Namespace, { ...namespace, spec })];
}

function isUntouched(object: KubernetesObject): boolean {
  return object.metadata?.deletionTimestamp === undefined;
}

/** Half of the longest grace the pods were given, and a second; a second once that has passed. */
function podWaitMs(namespace: V1Namespace, pods: readonly V1Pod[], nowMs: number): number {
  const graces = pods
    .filter((pod) => !isTerminal(pod))
    .map((pod) => pod.spec?.terminationGracePeriodSeconds ?? 30);
  const graceMs = Math.max(0, ...graces) * 1000;
  const sinceMs = Date.parse(namespace.metadata?.deletionTimestamp ?? "");
  return sinceMs + graceMs < nowMs ? 1000 : graceMs / 2 + 1000;
}

/** The namespace with its conditions as they should be; undefined when they are so already. */
function withStatus(
  namespace: V1Namespace,
  remaining: readonly Content[],
  failure: Failure | undefined,
  nowMs: number,
): V1Namespace | undefined {
  const status = deletionStatus(namespace.status, remaining, failure?.error, nowMs);
  return deepEqual(status, namespace.status) ? undefined : { ...namespace, status };
}
