import type { V1PolicyRule } from "../../api/generated/types.ts";
import type { Api, User } from "../api.ts";
import type { Attributes, Decision } from "./attributes.ts";
import { NodeAuthorizer, nodeOf } from "./node/node-authorizer.ts";
import { NodeGraph } from "./node/node-graph.ts";
import { missingRole, RbacAuthorizer } from "./rbac/rbac-authorizer.ts";
import { RoleIndex } from "./rbac/role-index.ts";

export const SUPERUSERS = "system:masters";

const ALLOWED: Decision = { allowed: true, reason: "" };

export interface UserRules {
  readonly rules: readonly V1PolicyRule[];
  /** Whether the user may do more than the rules say. */
  readonly incomplete: boolean;
  readonly errors: readonly string[];
}

/** Who may do what: system:masters everything, a node what its pods need, everybody what RBAC grants (api-policy 3.1). */
export class Authorizer {
  readonly rbac: RbacAuthorizer;
  readonly #index: RoleIndex;
  readonly #graph: NodeGraph;
  readonly #nodes: NodeAuthorizer;

  constructor(api: Pick<Api, "objects">) {
    this.#index = new RoleIndex(api);
    this.#graph = new NodeGraph(api);
    this.rbac = new RbacAuthorizer(this.#index);
    this.#nodes = new NodeAuthorizer(this.#graph);
  }

  /** At once where it can be, since every request comes by here. */
  authorize(attributes: Attributes): Decision | Promise<Decision> {
    const { user } = attributes;
    if (user.groups.includes(SUPERUSERS)) return ALLOWED;
    const node = nodeOf(user);
    return node === undefined ? this.rbac.authorize(attributes) : this.#authorizeNode(attributes, node);
  }

  async #authorizeNode(attributes: Attributes, node: string): Promise<Decision> {
    const byNode = await this.#nodes.authorize(attributes, node);
    if (byNode.allowed) return byNode;
    const byRole = await this.rbac.authorize(attributes);
    if (byRole.allowed) return byRole;
    const reasons = [byNode.reason, byRole.reason].filter((one) => one !== "");
    return { allowed: false, reason: reasons.join("\n") };
  }

  /** Everything a user may do in a namespace, as far as it is written down as rules. */
  async rulesFor(user: User, namespace: string | undefined): Promise<UserRules> {
    const { rules, missing } = await this.rbac.rulesFor(user, namespace);
    const errors = [...new Set(missing.map(missingRole))];
    const isNode = nodeOf(user) !== undefined;
    if (isNode) errors.unshift("node authorizer does not support user rule resolution");
    return { rules, incomplete: isNode || missing.length > 0, errors };
  }

  stop(): void {
    this.#index.stop();
    this.#graph.stop();
  }
}
