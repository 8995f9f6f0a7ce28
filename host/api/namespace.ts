import { isDns1123Label } from "../apimachinery/names.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import type { V1Namespace } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { validateFinalizers } from "./metadata.ts";

/** Source: api-policy 5.5, 6.5; api-wire 13, 20. */
export const namespaceRules: KindRules<V1Namespace> = {
  nameErrors: isDns1123Label,
  // The label lets selectors name a namespace; it is put back with every write.
  defaults(namespace) {
    namespace.metadata ??= {};
    const metadata = namespace.metadata;
    if (metadata.name) metadata.labels = { ...metadata.labels, "kubernetes.io/metadata.name": metadata.name };
  },
  // The finalizer is what makes deletion wait until the namespace is empty.
  prepareCreate(namespace) {
    const finalizers = namespace.spec?.finalizers ?? [];
    namespace.spec = {
      ...namespace.spec,
      finalizers: finalizers.includes("kubernetes") ? finalizers : [...finalizers, "kubernetes"],
    };
    namespace.status = { phase: "Active" };
  },
  // Only the `/finalize` endpoint changes them.
  prepareUpdate(namespace, old) {
    if (old.spec === undefined) delete namespace.spec;
    else namespace.spec = { ...namespace.spec, finalizers: old.spec.finalizers };
  },
  validate: ({ spec }) => validateFinalizers("spec.finalizers", spec?.finalizers ?? []),
  columns: [nameColumn, column("Status", ({ status }) => status?.phase ?? ""), ageColumn],
  selectableFieldNames: ["status.phase"],
  selectableFields: ({ status }) => ({ "status.phase": status?.phase ?? "" }),
};
