import { Namespace } from "../../api/registry.ts";
import { ApiError, forbidden, notFound, qualifiedResource } from "../../apimachinery/errors.ts";
import type { Admission } from "./chain.ts";
import { isOf, oneOf } from "./look-up.ts";

const PROTECTED = new Set(["default", "kube-system", "kube-public"]);

/** Nothing is created where no namespace is, or where one is going. Source: api-policy 4.1. */
export const namespaceLifecycle: Admission = async (api, attributes) => {
  const { verb, kind, namespace, name } = attributes;
  if (isOf({ kind }, Namespace)) {
    if (verb === "delete" && PROTECTED.has(name)) {
      throw forbidden(kind, name, "this namespace may not be deleted");
    }
    return;
  }
  if (!kind.namespaced || namespace === undefined || verb === "delete") return;
  const found = await oneOf(api, Namespace, namespace);
  if (found === undefined) throw notFound(Namespace, namespace);
  if (verb !== "create") return;
  if (found.status?.phase !== "Terminating" && found.metadata?.deletionTimestamp === undefined) return;
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
