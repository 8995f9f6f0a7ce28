import type { RbacV1Subject, V1PolicyRule } from "../../../api/generated/types.ts";
import type { User } from "../../api.ts";
import { type Attributes, type Decision, NO_OPINION } from "../attributes.ts";
import { type Grant, isSubject, type RoleIndex } from "./role-index.ts";
import { ruleAllows } from "./rule-match.ts";

/** Allowed answers kept for one user; when full, all of the user's are forgotten. */
const MAX_REMEMBERED = 1024;

interface Remembered {
  readonly generation: number;
  readonly decisions: Map<string, Decision>;
}

/**
 * Role-based access control: the first rule of the first binding that matches allows, nothing ever forbids. Source:
 * api-policy 3.2.
 *
 * What was allowed whatever the object's name is remembered by the user, until any role or binding changes.
 */
export class RbacAuthorizer {
  readonly #index: RoleIndex;
  /** By the user as authentication made it, so that it is forgotten with the connection or the token. */
  readonly #remembered = new WeakMap<User, Remembered>();

  constructor(index: RoleIndex) {
    this.#index = index;
  }

  authorize(attributes: Attributes): Decision | Promise<Decision> {
    if (this.#index.isFilled) return this.#recall(attributes);
    return this.#index.filled().then(() => this.#decide(attributes).decision);
  }

  /** Every rule the user has in a namespace, bindings of the cluster first; and which roles are missing. */
  async rulesFor(
    user: User,
    namespace: string | undefined,
  ): Promise<{ rules: V1PolicyRule[]; missing: Grant[] }> {
    await this.#index.filled();
    const rules: V1PolicyRule[] = [];
    const missing: Grant[] = [];
    for (const grant of this.#index.grantsOf(user, namespace)) {
      const its = this.#index.rulesOf(grant.namespace, grant.roleRef);
      if (its === undefined) missing.push(grant);
      else rules.push(...its);
    }
    return { rules, missing };
  }

  /** The rules of a role; undefined: there is none. */
  async rulesOfRole(
    namespace: string,
    roleRef: Grant["roleRef"],
  ): Promise<readonly V1PolicyRule[] | undefined> {
    await this.#index.filled();
    return this.#index.rulesOf(namespace, roleRef);
  }

  #recall(attributes: Attributes): Decision {
    const { user } = attributes;
    const { generation } = this.#index;
    let remembered = this.#remembered.get(user);
    if (remembered?.generation !== generation) {
      remembered = { generation, decisions: new Map() };
      this.#remembered.set(user, remembered);
    }
    const { decisions } = remembered;
    const key = keyOf(attributes);
    const known = decisions.get(key);
    if (known !== undefined) return known;
    const { decision, named } = this.#decide(attributes);
    if (decision.allowed && !named) {
      if (decisions.size >= MAX_REMEMBERED) decisions.clear();
      decisions.set(key, decision);
    }
    return decision;
  }

  /** `named`: the rule that allowed it names objects, so the answer holds for this one alone. */
  #decide(attributes: Attributes): { decision: Decision; named: boolean } {
    const { user, resource } = attributes;
    const missing = new Set<string>();
    for (const grant of this.#index.grantsOf(user, resource?.namespace)) {
      const rules = this.#index.rulesOf(grant.namespace, grant.roleRef);
      if (rules === undefined) {
        missing.add(missingRole(grant));
        continue;
      }
      const rule = rules.find((one) => ruleAllows(one, attributes));
      if (rule === undefined) continue;
      const reason = `RBAC: allowed by ${inWords(grant, user)}`;
      return { decision: { allowed: true, reason }, named: Boolean(rule.resourceNames?.length) };
    }
    if (missing.size === 0) return { decision: NO_OPINION, named: false };
    const texts = [...missing];
    const why = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
    return { decision: { allowed: false, reason: `RBAC: ${why}` }, named: false };
  }
}

/** Half of a pair: no decoded URL contains it, so parts of a request cannot pose as others. */
const SEPARATOR = "\ud800";

function keyOf({ verb, resource, path = "" }: Attributes): string {
  if (resource === undefined) return verb + SEPARATOR + path;
  const { group, plural, subresource = "", namespace = "" } = resource;
  return [verb, group, plural, subresource, namespace].join(SEPARATOR);
}

/** `clusterrole.rbac.authorization.k8s.io "ghost" not found` */
export function missingRole({ roleRef }: Pick<Grant, "roleRef">): string {
  return `${roleRef.kind.toLowerCase()}.rbac.authorization.k8s.io "${roleRef.name}" not found`;
}

function inWords(grant: Grant, user: User): string {
  const { kind, name, namespace, roleRef, subjects } = grant;
  const full = namespace === "" ? name : `${name}/${namespace}`;
  const subject = subjects.find((one) => isSubject(user, one, namespace));
  const to = subject === undefined ? "" : subjectInWords(subject, namespace);
  return `${kind} "${full}" of ${roleRef.kind} "${roleRef.name}" to ${to}`;
}

function subjectInWords({ kind, name, namespace }: RbacV1Subject, bindingNamespace: string): string {
  return kind === "ServiceAccount"
    ? `${kind} "${name}/${namespace || bindingNamespace}"`
    : `${kind} "${name}"`;
}
