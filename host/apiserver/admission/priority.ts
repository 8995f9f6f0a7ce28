import type { V1Pod, V1PriorityClass } from "../../api/generated/types.ts";
import { Pod, PriorityClass } from "../../api/registry.ts";
import { forbidden } from "../../apimachinery/errors.ts";
import type { Api } from "../api.ts";
import type { Admission, Attributes } from "./chain.ts";
import { allOf, isOf, oneOf } from "./look-up.ts";

/** Resolves a pod's class to its number (Priority plugin; texts: api-policy 4.5). */
export const priority: Admission = (api, attributes) => {
  const { verb, object } = attributes;
  if (verb !== "create" || !isOf(attributes, Pod)) return;
  const spec = (object as V1Pod | undefined)?.spec;
  return spec === undefined ? undefined : prioritize(api, attributes, spec);
};

async function prioritize(
  api: Api,
  { kind, name }: Attributes,
  spec: NonNullable<V1Pod["spec"]>,
): Promise<void> {
  const found = await findClass(api, spec.priorityClassName);
  if (found === undefined && spec.priorityClassName) {
    throw forbidden(kind, name, `no PriorityClass with name ${spec.priorityClassName} was found`);
  }
  const value = found?.value ?? 0;
  const policy = found?.preemptionPolicy ?? "PreemptLowerPriority";
  if (found?.metadata?.name !== undefined) spec.priorityClassName = found.metadata.name;
  const computed = `must not be provided in pod spec; priority admission controller computed`;
  if (spec.priority !== undefined && spec.priority !== value) {
    const why = `the integer value of priority (${spec.priority}) ${computed} ${value} from the given PriorityClass name`;
    throw forbidden(kind, name, why);
  }
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
    const why = `the string value of PreemptionPolicy (${spec.preemptionPolicy}) ${computed} ${policy} from the given PriorityClass name`;
    throw forbidden(kind, name, why);
  }
  spec.priority = value;
  spec.preemptionPolicy = policy;
}

/** The named class; without a name the global default of the lowest value, if any. */
async function findClass(api: Api, name: string | undefined): Promise<V1PriorityClass | undefined> {
  if (name) return oneOf(api, PriorityClass, name);
  return (await allOf(api, PriorityClass))
    .filter((one) => one.globalDefault === true)
    .sort((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
}
