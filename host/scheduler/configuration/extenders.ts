import { type FieldError, forbiddenField, invalid } from "../../apimachinery/field-error.ts";
import { isQualifiedName } from "../../apimachinery/names.ts";
import { isExtendedResource } from "../resource-names.ts";
import type { Extender } from "./kube-scheduler-configuration.ts";

/** Checks extenders, and refuses them: a decision made without one that is configured would be a wrong one. */
export function checkExtenders(extenders: readonly Extender[], field: string, errors: FieldError[]): void {
  const managed = new Set<string>();
  extenders.forEach((extender, i) => {
    const at = `${field}[${i}]`;
    const { prioritizeVerb = "", weight = 0, managedResources = [] } = extender;
    errors.push(forbiddenField(at, "extenders are not built yet"));
    if (prioritizeVerb !== "" && weight <= 0)
      errors.push(invalid(`${at}.weight`, weight, "must have a positive weight applied to it"));
    managedResources.forEach(({ name }, j) => {
      const where = `${at}.managedResources[${j}].name`;
      const messages = isQualifiedName(name);
      for (const message of messages) errors.push(invalid(where, name, message));
      if (messages.length === 0 && !isExtendedResource(name))
        errors.push(invalid(where, name, "is an invalid extended resource name"));
      if (managed.has(name)) errors.push(invalid(where, name, "duplicate extender managed resource name"));
      managed.add(name);
    });
  });
  const binders = extenders.filter(({ bindVerb = "" }) => bindVerb !== "").length;
  if (binders > 1)
    errors.push(
      invalid(field, `found ${binders} extenders implementing bind`, "only one extender can implement bind"),
    );
}
