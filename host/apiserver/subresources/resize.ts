import type { V1Pod } from "../../api/generated/types.ts";
import { resized, validatePodResize } from "../../api/pod-resize.ts";
import { invalidObject } from "../../apimachinery/field-error.ts";
import type { Target } from "../api.ts";
import type { AnyObject } from "../storage/view.ts";

/** PUT or PATCH of `pods/NAME/resize`: what the containers may use, and nothing else (api-policy 6.4). */
export function withResize({ kind, name }: Target): (next: AnyObject, old: AnyObject) => AnyObject {
  return (next, old) => {
    const pod = resized(old as V1Pod, next as V1Pod);
    const metadata = { ...pod.metadata, managedFields: next.metadata?.managedFields };
    const changed = { ...pod, metadata } as AnyObject;
    const errors = [...validatePodResize(pod, old as V1Pod), ...(kind.validate?.(changed) ?? [])];
    if (errors.length > 0) throw invalidObject(kind, name, errors);
    return changed;
  };
}
