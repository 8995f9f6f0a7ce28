import { deepCopy } from "../apimachinery/copy.ts";
import type { FieldError } from "../apimachinery/field-error.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Kind } from "./kind.ts";

/** Fields to overwrite by path, `spec.containers.0.name`; undefined: leave out. */
export type Fields = Readonly<Record<string, unknown>>;

export const inWords = (errors: readonly FieldError[]) =>
  errors.map(({ field, message }) => `${field}: ${message}`);

export function overwrite(object: KubernetesObject, fields: Fields): KubernetesObject {
  const copy = deepCopy(object);
  for (const [path, value] of Object.entries(fields)) {
    const steps = path.split(".");
    const last = steps.pop()!;
    let at = copy as unknown as Record<string, unknown>;
    for (const step of steps) {
      at[step] ??= {};
      at = at[step] as Record<string, unknown>;
    }
    if (value === undefined) delete at[last];
    else at[last] = value;
  }
  return copy;
}

/** For tests: what a create says of an object: defaults, then rules. */
export function created(kind: Kind, object: KubernetesObject): string[] {
  kind.defaults?.(object);
  kind.prepareCreate?.(object);
  return inWords(kind.validate?.(object) ?? []);
}

/** For tests: the same with what only a create is asked. */
export function createErrors(kind: Kind, object: KubernetesObject): string[] {
  return [...created(kind, object), ...inWords(kind.validateCreate?.(object) ?? [])];
}

/** For tests: what an update of a good object says. */
export function updated(kind: Kind, object: KubernetesObject, fields: Fields): string[] {
  const old = deepCopy(object);
  kind.defaults?.(old);
  kind.prepareCreate?.(old);
  const next = overwrite(old, fields);
  kind.defaults?.(next);
  kind.prepareUpdate?.(next, old);
  return inWords([...(kind.validate?.(next) ?? []), ...(kind.validateUpdate?.(next, old) ?? [])]);
}
