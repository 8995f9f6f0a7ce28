import { PodGroup, Workload } from "../../api/alpha-kinds.ts";
import type { V1alpha2PodGroup } from "../../api/generated/types.ts";
import { forbidden } from "../../apimachinery/errors.ts";
import type { Api } from "../api.ts";
import type { Admission, Attributes } from "./chain.ts";
import { isOf, oneOf } from "./look-up.ts";

const FINALIZER = "scheduling.k8s.io/podgroup-protection";

/** A group outlives its deletion until the protection controller sees that none of its pods is left (PodGroupProtection). */
export const podGroupProtection: Admission = (_api, attributes) => {
  const { verb, object } = attributes;
  if (verb !== "create" || object === undefined || !isOf(attributes, PodGroup)) return;
  const present = object.metadata?.finalizers ?? [];
  if (!present.includes(FINALIZER))
    object.metadata = { ...object.metadata, finalizers: [...present, FINALIZER] };
};

/** The pattern that a group says it is made of has to be there (PodGroupWorkloadExists). */
export const podGroupWorkload: Admission = (api, attributes) =>
  attributes.verb === "create" && isOf(attributes, PodGroup) ? requireWorkload(api, attributes) : undefined;

async function requireWorkload(api: Api, attributes: Attributes): Promise<void> {
  const { kind, name, namespace, object } = attributes;
  const reference = (object as unknown as V1alpha2PodGroup).spec?.podGroupTemplateRef?.workload;
  if (reference === undefined) return;
  const { workloadName, podGroupTemplateName } = reference;
  const refuse = (why: string) => forbidden(kind, name, `PodGroup rejected: ${why}`);
  const workload = await oneOf(api, Workload, workloadName, namespace);
  if (workload === undefined) throw refuse(`Workload "${workloadName}" not found`);
  if (workload.metadata?.deletionTimestamp !== undefined)
    throw refuse(`Workload "${workloadName}" is being deleted`);
  if (!workload.spec.podGroupTemplates.some((template) => template.name === podGroupTemplateName))
    throw refuse(`PodGroupTemplate "${podGroupTemplateName}" not found in Workload "${workloadName}"`);
}
