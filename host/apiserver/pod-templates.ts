import type { V1PodTemplateSpec } from "../api/generated/types.ts";
import type { Kind } from "../api/kind.ts";
import type { AnyObject } from "./storage/view.ts";

/** Where a workload keeps its pods' template. */
const TEMPLATES: Readonly<Record<string, (object: AnyObject) => V1PodTemplateSpec | undefined>> = {
  deployments: ofSpec,
  replicasets: ofSpec,
  replicationcontrollers: ofSpec,
  statefulsets: ofSpec,
  daemonsets: ofSpec,
  jobs: ofSpec,
  cronjobs: (object) =>
    (object["spec"] as { jobTemplate?: AnyObject } | undefined)?.jobTemplate &&
    ofSpec((object["spec"] as { jobTemplate: AnyObject }).jobTemplate),
  podtemplates: (object) => object["template"] as V1PodTemplateSpec | undefined,
};

function ofSpec(object: AnyObject): V1PodTemplateSpec | undefined {
  return (object["spec"] as { template?: V1PodTemplateSpec } | undefined)?.template;
}

/** The template of the pods that an object is there to make; undefined for kinds that make none. */
export function templateOf({ plural }: Kind, object: AnyObject): V1PodTemplateSpec | undefined {
  return TEMPLATES[plural]?.(object);
}
