import type {
  RbacV1Subject,
  V1ClusterRole,
  V1ClusterRoleBinding,
  V1PolicyRule,
  V1Role,
  V1RoleBinding,
} from "../../../api/generated/types.ts";
import type { Kind } from "../../../api/kind.ts";
import { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from "../../../api/registry.ts";
import { StoreUnavailableError } from "../../../store/store.ts";
import type { Api, User } from "../../api.ts";
import { type FollowSink, follow } from "../follow.ts";

/** A binding, and under whom it is filed. */
export interface Grant {
  readonly kind: "ClusterRoleBinding" | "RoleBinding";
  readonly name: string;
  /** "" for a ClusterRoleBinding. */
  readonly namespace: string;
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects: readonly RbacV1Subject[];
}

const USER = "User ";
const GROUP = "Group ";

/**
 * Roles and bindings as RBAC asks for them:
 *
 *   clusterRoles    name            -> rules
 *   roles           namespace/name  -> rules
 *   grants          namespace       -> "User alice" | "Group devs" -> bindings     namespace "": ClusterRoleBindings
 *
 * A service account is filed as the user it is. It holds as many as the server stores, and is filled when first asked:
 * a cluster that only knows administrators never pays for it.
 */
export class RoleIndex {
  readonly #api: Pick<Api, "objects">;
  readonly #rules = new Map<string, readonly V1PolicyRule[]>();
  readonly #grants = new Map<string, Map<string, Grant[]>>();
  #filling: Promise<void> | undefined;
  #filled = false;
  #cancels: (() => void)[] = [];
  #generation = 0;

  constructor(api: Pick<Api, "objects">) {
    this.#api = api;
  }

  /** Changes with every role and binding: what was decided under another number has to be decided again. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether it can be asked at once. */
  get isFilled(): boolean {
    return this.#filled;
  }

  /** Resolves when it can be asked. */
  filled(): Promise<void> {
    this.#filling ??= this.#fill();
    return this.#filling;
  }

  stop(): void {
    for (const cancel of this.#cancels) cancel();
    this.#forget();
  }

  /** Undefined: there is no such role. */
  rulesOf(namespace: string, roleRef: Grant["roleRef"]): readonly V1PolicyRule[] | undefined {
    return this.#rules.get(roleRef.kind === "Role" ? `${namespace}/${roleRef.name}` : roleRef.name);
  }

  /** The bindings that name the user or a group of it: of the whole cluster, then of the namespace. */
  *grantsOf(user: User, namespace: string | undefined): Generator<Grant> {
    for (const scope of namespace ? ["", namespace] : [""]) {
      const filed = this.#grants.get(scope);
      if (filed === undefined) continue;
      const lists = [filed.get(USER + user.name), ...user.groups.map((group) => filed.get(GROUP + group))];
      const found = lists.filter((list) => list !== undefined);
      if (found.length === 1) yield* found[0]!;
      else yield* new Set(found.flat());
    }
  }

  async #fill(): Promise<void> {
    let isOver = false;
    const sink = (put: FollowSink["put"], remove: FollowSink["remove"]): FollowSink => ({
      put: (object, previous) => {
        this.#generation++;
        if (previous !== undefined) remove(previous);
        put(object, previous);
      },
      remove: (previous) => {
        this.#generation++;
        remove(previous);
      },
      ended: () => {
        isOver = true;
        this.#forget();
      },
    });
    const roles = sink(
      (object) => {
        const { rules = [] } = object as V1Role | V1ClusterRole;
        this.#rules.set(roleKey(object.metadata), rules);
      },
      (object) => this.#rules.delete(roleKey(object.metadata)),
    );
    const bindings = sink(
      (object) => this.#file(grantOf(object as unknown as V1RoleBinding)),
      (object) => this.#unfile(grantOf(object as unknown as V1RoleBinding)),
    );
    const api = this.#api;
    try {
      this.#cancels = await Promise.all([
        follow(api, ClusterRole as unknown as Kind, roles),
        follow(api, Role as unknown as Kind, roles),
        follow(api, ClusterRoleBinding as unknown as Kind, bindings),
        follow(api, RoleBinding as unknown as Kind, bindings),
      ]);
      // A half that ended while the others were read leaves nothing to answer from.
      if (isOver) throw new StoreUnavailableError("the store ended the watch of roles and bindings");
      this.#filled = true;
    } catch (error) {
      this.#forget();
      throw error;
    }
  }

  /** The next question fills it anew. */
  #forget(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels = [];
    this.#generation++;
    this.#filled = false;
    this.#filling = undefined;
    this.#rules.clear();
    this.#grants.clear();
  }

  #file(grant: Grant): void {
    let filed = this.#grants.get(grant.namespace);
    if (filed === undefined) {
      filed = new Map();
      this.#grants.set(grant.namespace, filed);
    }
    for (const key of subjectKeys(grant)) {
      const others = (filed.get(key) ?? []).filter(({ name }) => name !== grant.name);
      // By name, so that the reason given is the same each time.
      filed.set(
        key,
        [...others, grant].sort((a, b) => (a.name < b.name ? -1 : 1)),
      );
    }
  }

  #unfile(grant: Grant): void {
    const filed = this.#grants.get(grant.namespace);
    if (filed === undefined) return;
    for (const key of subjectKeys(grant)) {
      const others = (filed.get(key) ?? []).filter(({ name }) => name !== grant.name);
      if (others.length > 0) filed.set(key, others);
      else filed.delete(key);
    }
    if (filed.size === 0) this.#grants.delete(grant.namespace);
  }
}

function roleKey(metadata: { name?: string; namespace?: string } = {}): string {
  const { name = "", namespace } = metadata;
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function grantOf({ metadata, roleRef, subjects = [] }: V1RoleBinding | V1ClusterRoleBinding): Grant {
  const { name = "", namespace } = metadata ?? {};
  return {
    kind: namespace === undefined ? "ClusterRoleBinding" : "RoleBinding",
    name,
    namespace: namespace ?? "",
    roleRef,
    subjects,
  };
}

function subjectKeys(grant: Grant): Set<string> {
  return new Set(grant.subjects.map((subject) => subjectKey(subject, grant.namespace)));
}

/** How `grantsOf` finds a subject; in a RoleBinding an account without a namespace is one of the binding's. */
export function subjectKey({ kind, name, namespace }: RbacV1Subject, bindingNamespace: string): string {
  if (kind === "ServiceAccount")
    return `${USER}system:serviceaccount:${namespace || bindingNamespace}:${name}`;
  return (kind === "Group" ? GROUP : USER) + name;
}

export function isSubject(user: User, subject: RbacV1Subject, bindingNamespace: string): boolean {
  const key = subjectKey(subject, bindingNamespace);
  return key === USER + user.name || user.groups.some((group) => key === GROUP + group);
}
