import type { V1Pod } from "../../api/generated/types.ts";
import { forbiddenField, invalidObject } from "../../apimachinery/field-error.ts";
import type { Target } from "../api.ts";
import type { AnyObject } from "../storage/view.ts";

/** `kubectl debug`: containers may be added to a living pod here and nowhere else, and never taken away (api-wire 18). */
export function withEphemeralContainers({
  kind,
  name,
}: Target): (next: AnyObject, old: AnyObject) => AnyObject {
  return (next, old) => {
    const { spec: before } = old as V1Pod;
    const { spec: wanted } = next as V1Pod;
    const ephemeralContainers = wanted?.ephemeralContainers ?? [];
    const kept = new Set(ephemeralContainers.map((one) => one.name));
    const errors = (before?.ephemeralContainers ?? [])
      .filter((one) => !kept.has(one.name))
      .map((one) => {
        const why = `existing ephemeral containers "${one.name}" may not be removed\n`;
        return forbiddenField("spec.ephemeralContainers", why);
      });
    const metadata = { ...old.metadata, managedFields: next.metadata?.managedFields };
    const changed: AnyObject = { ...old, metadata, spec: { ...before, ephemeralContainers } };
    errors.push(...(kind.validate?.(changed) ?? []));
    if (errors.length > 0) throw invalidObject(kind, name, errors);
    return changed;
  };
}
