import { findKindByName } from "../../api/registry.ts";
import { ApiError, forbidden, notFound, qualifiedResource } from "../../apimachinery/errors.ts";
import type { Admission } from "./chain.ts";

const PROTECTED = new Set(["default", "kube-system", "kube-public"]);

/** Nothing is created where no namespace is, or where one is going. Source: api-policy 4.1. */
export const namespaceLifecycle: Admission = async (api, attributes) => {
  const { verb, kind, namespace, name } = attributes;
  if (kind.group === "" && kind.plural === "namespaces") {
    if (verb === "delete" && PROTECTED.has(name)) {
      throw forbidden(kind, name, "this namespace may not be deleted");
    }
    return;
  }
  if (!kind.namespaced || namespace === undefined || verb === "delete") return;
  const namespaceKind = findKindByName("v1", "Namespace")!;
  const found = await api.objects.find(namespaceKind, { name: namespace });
  if (found === undefined) throw notFound(namespaceKind, namespace);
  if (verb !== "create") return;
  const phase = (found.object["status"] as { phase?: string } | undefined)?.phase;
  if (phase !== "Terminating" && found.object.metadata?.deletionTimestamp === undefined) return;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  throw new ApiError("Forbidden", `${qualifiedResource(kind)} "${name}" is forbidden: ${why}`, {
    name,
    ...(kind.group === "" ? {} : { group: kind.group }),
    kind: kind.plural,
    causes: [
      {
        reason: "NamespaceTerminating",
        message: `namespace ${namespace} is being terminated`,
        field: "metadata.namespace",
      },
    ],
  });
};
