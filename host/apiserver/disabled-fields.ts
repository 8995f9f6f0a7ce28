import { Pod } from "../api/core-kinds.ts";
import type { V1Pod, V1PodSpec } from "../api/generated/types.ts";
import type { Kind } from "../api/kind.ts";
import type { FeatureGates } from "../apimachinery/feature-gates.ts";
import { templateOf } from "./pod-templates.ts";
import type { AnyObject } from "./storage/view.ts";

/**
 * Takes fields off a new or changed object whose feature is off, in place, unless they have been there before. Source: the
 * dropDisabledFields of kube-apiserver's strategies.
 */
export function dropDisabledFields(
  { GenericWorkload }: FeatureGates,
  kind: Kind,
  object: AnyObject,
  old?: AnyObject,
): void {
  if (GenericWorkload) return;
  const spec = podSpecOf(kind, object);
  if (spec?.schedulingGroup === undefined) return;
  const before = old && podSpecOf(kind, old);
  if (before?.schedulingGroup === undefined) delete spec.schedulingGroup;
}

function podSpecOf(kind: Kind, object: AnyObject): V1PodSpec | undefined {
  const isPod = kind.plural === Pod.plural && kind.group === Pod.group;
  return isPod ? (object as V1Pod).spec : templateOf(kind, object)?.spec;
}
