import type { V1PolicyRule } from "../../../api/generated/types.ts";
import type { User } from "../../api.ts";
import { type Attributes, type Decision, NO_OPINION, type ResourceAttributes } from "../attributes.ts";
import { CLUSTER_ROLES } from "../bootstrap/cluster-roles.ts";
import { parseRules } from "../bootstrap/policy-text.ts";
import { ruleAllows } from "../rbac/rule-match.ts";
import type { NodeGraph } from "./node-graph.ts";

const PREFIX = "system:node:";
const ALLOWED: Decision = { allowed: true, reason: "" };

/** The node a user is the kubelet of; undefined: it is none. */
export function nodeOf(user: User): string | undefined {
  if (!user.name.startsWith(PREFIX) || !user.groups.includes("system:nodes")) return undefined;
  return user.name.slice(PREFIX.length);
}

/** What a node may read is what its pods need; the rest is role `system:node`. Source and reasons: api-policy 3.6. */
export class NodeAuthorizer {
  readonly #graph: NodeGraph;
  #rules: readonly V1PolicyRule[] | undefined;

  constructor(graph: NodeGraph) {
    this.#graph = graph;
  }

  async authorize(attributes: Attributes, node: string): Promise<Decision> {
    const { resource, verb } = attributes;
    if (resource === undefined) return this.#byRole(attributes);
    switch (`${resource.plural}.${resource.group}`) {
      case "secrets.":
      case "configmaps.":
        return this.#readSecret(node, verb, resource);
      case "persistentvolumeclaims.":
        if (resource.subresource === "status") {
          if (verb === "update" || verb === "patch") return this.#related(node, verb, resource, [verb]);
          return refused("can only get/update/patch this type");
        }
        return this.#related(node, verb, resource, ["get"]);
      case "persistentvolumes.":
      case "volumeattachments.storage.k8s.io":
      case "resourceclaims.resource.k8s.io":
        return this.#related(node, verb, resource, ["get"]);
      case "serviceaccounts.":
        return this.#account(node, verb, resource);
      case "leases.coordination.k8s.io":
        return lease(node, verb, resource);
      case "csinodes.storage.k8s.io":
        return csiNode(node, verb, resource);
      case "resourceslices.resource.k8s.io":
        return slice(node, verb, resource);
      case "nodes.":
        return itself(node, verb, resource) ?? this.#byRole(attributes);
      case "pods.":
        return this.#pod(node, attributes, resource);
      default:
        return this.#byRole(attributes);
    }
  }

  #byRole(attributes: Attributes): Decision {
    this.#rules ??= parseRules(CLUSTER_ROLES.find(({ name }) => name === "system:node")?.rules ?? "");
    return this.#rules.some((rule) => ruleAllows(rule, attributes)) ? ALLOWED : NO_OPINION;
  }

  async #related(
    node: string,
    verb: string,
    { plural, namespace = "", name = "", subresource }: ResourceAttributes,
    verbs: readonly string[],
  ): Promise<Decision> {
    if (!verbs.includes(verb)) return refused("can only get individual resources of this type");
    if (subresource && subresource !== "status") return refused("cannot get subresource");
    if (name === "") return refused("No Object name found");
    return this.#reached(node, plural, namespace, name);
  }

  async #reached(node: string, plural: string, namespace: string, name: string): Promise<Decision> {
    await this.#graph.filled();
    if (this.#graph.reaches(node, plural, namespace, name)) return ALLOWED;
    return refused(`no relationship found between node '${node}' and this object`);
  }

  async #readSecret(node: string, verb: string, resource: ResourceAttributes): Promise<Decision> {
    if (!["get", "list", "watch"].includes(verb)) return refused("can only read resources of this type");
    return this.#related(node, "get", resource, ["get"]);
  }

  async #account(node: string, verb: string, resource: ResourceAttributes): Promise<Decision> {
    const { subresource, name = "", namespace = "" } = resource;
    if (!subresource) return this.#related(node, verb, resource, ["get"]);
    if (subresource !== "token" || verb !== "create" || name === "")
      return refused("can only create tokens for individual service accounts");
    return this.#reached(node, "serviceaccounts", namespace, name);
  }

  async #pod(node: string, attributes: Attributes, resource: ResourceAttributes): Promise<Decision> {
    const { verb } = attributes;
    const { name = "", namespace = "", subresource, fields } = resource;
    if (subresource) return this.#byRole(attributes);
    if (verb === "get") return this.#reached(node, "pods", namespace, name);
    if (verb === "list" || verb === "watch") {
      if (fields?.["spec.nodeName"] === node) return ALLOWED;
      if (name !== "") return this.#reached(node, "pods", namespace, name);
      return refused("can only list/watch pods with spec.nodeName field selector");
    }
    return this.#byRole(attributes);
  }
}

function refused(reason: string): Decision {
  return { allowed: false, reason };
}

const LEASE_NAMESPACE = "kube-node-lease";

function lease(node: string, verb: string, { namespace, name, subresource }: ResourceAttributes): Decision {
  if (subresource || !["get", "create", "update", "patch", "delete"].includes(verb))
    return refused("can only get, create, update, patch, or delete a node lease");
  if (namespace !== LEASE_NAMESPACE)
    return refused(`can only access leases in the "${LEASE_NAMESPACE}" system namespace`);
  // A create does not name its object: NodeRestriction looks at that.
  if (verb !== "create" && name !== node)
    return refused("can only access node lease with the same name as the requesting node");
  return ALLOWED;
}

function csiNode(node: string, verb: string, { name, subresource }: ResourceAttributes): Decision {
  if (subresource || !["get", "create", "update", "patch", "delete"].includes(verb))
    return refused("can only get, create, update, patch, or delete a CSINode");
  if (verb !== "create" && name !== node)
    return refused("can only access CSINode with the same name as the requesting node");
  return ALLOWED;
}

function slice(node: string, verb: string, { fields, subresource }: ResourceAttributes): Decision {
  if (subresource) return refused("cannot access subresource of ResourceSlices");
  if (["create", "get", "update", "patch", "delete"].includes(verb)) return ALLOWED;
  if (["list", "watch", "deletecollection"].includes(verb) && fields?.["spec.nodeName"] === node)
    return ALLOWED;
  return refused("can only list/watch/deletecollection resourceslices with nodeName field selector");
}

/** Its own Node object; undefined: writing is the role's matter. */
function itself(node: string, verb: string, { name, subresource }: ResourceAttributes): Decision | undefined {
  if (subresource || !["get", "list", "watch"].includes(verb)) return undefined;
  if (name === node) return ALLOWED;
  if (name) return refused(`node '${node}' cannot read '${name}', only its own Node object`);
  return refused(`node '${node}' cannot read all nodes, only its own Node object`);
}
