import type { RbacV1Subject, V1PolicyRule } from "../../../api/generated/types.ts";
import type { Kind } from "../../../api/kind.ts";
import { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from "../../../api/registry.ts";
import { formatTime } from "../../../apimachinery/clock.ts";
import { deepEqual } from "../../../apimachinery/copy.ts";
import { isReason } from "../../../apimachinery/errors.ts";
import { type KubernetesObject, objectKey } from "../../../apimachinery/object.ts";
import { randomUuid } from "../../../apimachinery/random.ts";
import type { Api, WriteContext } from "../../api.ts";
import { storagePrefix } from "../../storage/keys.ts";
import type { AnyObject } from "../../storage/view.ts";
import { remove } from "../../verbs/delete.ts";
import { update } from "../../verbs/update.ts";
import { uncovered } from "../rbac/covers.ts";
import { AUTOUPDATE, bootstrapPolicy } from "./bootstrap-policy.ts";

/** Of all four kinds, what is looked at here. */
interface RbacObject extends KubernetesObject {
  readonly rules?: V1PolicyRule[];
  readonly aggregationRule?: object;
  readonly roleRef?: object;
  readonly subjects?: RbacV1Subject[];
}

/**
 * Makes the bootstrap roles and bindings that are missing, and adds to those that are there what they lack; what
 * somebody has added stays. Annotation `rbac.authorization.kubernetes.io/autoupdate: "false"` keeps one as it is.
 * Source: kubectl auth reconcile, which the server runs at start (api-policy 3.2).
 */
export async function reconcileBootstrapPolicy(api: Api, context: WriteContext): Promise<void> {
  const policy = bootstrapPolicy(api.featureGates);
  await reconcileKind(api, ClusterRole as unknown as Kind, policy.clusterRoles, context);
  await reconcileKind(api, ClusterRoleBinding as unknown as Kind, policy.clusterRoleBindings, context);
  await reconcileKind(api, Role as unknown as Kind, policy.roles, context);
  await reconcileKind(api, RoleBinding as unknown as Kind, policy.roleBindings, context);
}

async function reconcileKind(
  api: Api,
  kind: Kind,
  wanted: readonly RbacObject[],
  context: WriteContext,
): Promise<void> {
  const { entries } = await api.objects.store.range(storagePrefix(kind));
  const present = new Map<string, RbacObject>();
  for (const entry of entries) {
    const { object } = api.objects.views.of(entry);
    present.set(objectKey(object), object);
  }
  // All at once: the store commits them together.
  await Promise.all(
    wanted.map((one) => reconcileObject(api, kind, one, present.get(objectKey(one)), context)),
  );
}

async function reconcileObject(
  api: Api,
  kind: Kind,
  wanted: RbacObject,
  found: RbacObject | undefined,
  context: WriteContext,
): Promise<void> {
  const { name = "", namespace } = wanted.metadata ?? {};
  const target = { kind, name, namespace };
  const make = () => plant(api, kind, wanted);
  try {
    if (found === undefined) {
      await make();
      return;
    }
    if (found.metadata?.annotations?.[AUTOUPDATE] === "false") return;
    // What a binding refers to cannot be changed.
    if (wanted.roleRef !== undefined && !deepEqual(found.roleRef, wanted.roleRef)) {
      await remove(api, target, {}, context);
      await make();
      return;
    }
    const completed = complete(found, wanted);
    if (deepEqual(completed, found)) return;
    await update(api, target, { value: completed, strictErrors: [] }, context);
  } catch (error) {
    // Another API server of the same store does the same work at the same time.
    if (!isReason(error, "Conflict") && !isReason(error, "NotFound")) throw error;
  }
}

/**
 * Stores an object as the verb `create` would. These are well-formed (a test creates them by the verb), and 130 of them
 * would cost every new cluster 40 ms of decoding and validation.
 */
async function plant(api: Api, kind: Kind, { metadata, ...rest }: RbacObject): Promise<void> {
  const { name = "", namespace, ...marks } = metadata ?? {};
  await api.objects.create(
    kind,
    { name, namespace },
    {
      metadata: {
        name,
        ...(namespace === undefined ? {} : { namespace }),
        uid: randomUuid(api.random),
        creationTimestamp: formatTime(api.clock.nowMs()),
        ...marks,
      },
      ...rest,
    },
  );
}

function complete(found: RbacObject, wanted: RbacObject): RbacObject {
  const metadata = {
    ...found.metadata,
    labels: { ...wanted.metadata?.labels, ...found.metadata?.labels },
    annotations: { ...wanted.metadata?.annotations, ...found.metadata?.annotations },
  };
  const completed: AnyObject = { ...found, metadata };
  if (wanted.aggregationRule !== undefined) {
    // The rules of a role that aggregates others are the controller's.
    completed["aggregationRule"] ??= wanted.aggregationRule;
  } else if (wanted.rules !== undefined) {
    const missing = deepEqual(found.rules, wanted.rules) ? [] : uncovered(found.rules ?? [], wanted.rules);
    if (missing.length > 0) completed["rules"] = [...(found.rules ?? []), ...missing];
  }
  const absent = (wanted.subjects ?? []).filter(
    (subject) => !(found.subjects ?? []).some((one) => sameSubject(one, subject)),
  );
  if (absent.length > 0) completed["subjects"] = [...(found.subjects ?? []), ...absent];
  return completed;
}

/** An absent apiGroup means the kind's usual one. */
function sameSubject(a: RbacV1Subject, b: RbacV1Subject): boolean {
  return a.kind === b.kind && a.name === b.name && (a.namespace ?? "") === (b.namespace ?? "");
}
