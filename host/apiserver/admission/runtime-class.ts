import { Pod } from "../../api/core-kinds.ts";
import type { V1Pod, V1RuntimeClass } from "../../api/generated/types.ts";
import { RuntimeClass } from "../../api/workload-kinds.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import { forbidden } from "../../apimachinery/errors.ts";
import type { Api } from "../api.ts";
import type { Admission, Attributes } from "./chain.ts";
import { isOf, oneOf } from "./look-up.ts";

/** A pod gets the overhead and the placement of its RuntimeClass. Source: api-policy 4.5. */
export const runtimeClass: Admission = (api, attributes) => {
  const { verb, object } = attributes;
  if (verb !== "create" || !isOf(attributes, Pod)) return;
  return (object as V1Pod).spec?.runtimeClassName ? applyClass(api, attributes) : undefined;
};

async function applyClass(api: Api, attributes: Attributes): Promise<void> {
  const { kind, name, object } = attributes;
  const { spec } = object as V1Pod;
  const found = await classOf(api, attributes);
  if (found === undefined || spec === undefined) return;
  const fixed = found.overhead?.podFixed;
  if (fixed !== undefined) {
    if (spec.overhead !== undefined && !deepEqual(spec.overhead, fixed)) {
      throw forbidden(
        kind,
        name,
        "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
      );
    }
    spec.overhead = { ...fixed };
  }
  const { nodeSelector = {}, tolerations = [] } = found.scheduling ?? {};
  for (const [key, wanted] of Object.entries(nodeSelector)) {
    const said = spec.nodeSelector?.[key];
    if (said === undefined || said === wanted) continue;
    const why = `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${wanted}; pod.spec.nodeSelector[${key}] = ${said}`;
    throw forbidden(kind, name, why);
  }
  if (Object.keys(nodeSelector).length > 0) spec.nodeSelector = { ...spec.nodeSelector, ...nodeSelector };
  const missing = tolerations.filter((one) => !spec.tolerations?.some((two) => deepEqual(one, two)));
  if (missing.length > 0) spec.tolerations = [...(spec.tolerations ?? []), ...missing];
}

/** Overhead comes from a RuntimeClass and from nowhere else. */
export const runtimeOverhead: Admission = (api, attributes) => {
  const { verb, object } = attributes;
  if (verb !== "create" || !isOf(attributes, Pod)) return;
  return (object as V1Pod).spec?.overhead === undefined ? undefined : requireOverhead(api, attributes);
};

async function requireOverhead(api: Api, attributes: Attributes): Promise<void> {
  const { kind, name } = attributes;
  const fixed = (await classOf(api, attributes))?.overhead?.podFixed;
  if (fixed === undefined) {
    const why = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead";
    throw forbidden(kind, name, why);
  }
}

async function classOf(api: Api, { kind, name, object }: Attributes): Promise<V1RuntimeClass | undefined> {
  const className = (object as V1Pod).spec?.runtimeClassName;
  if (!className) return undefined;
  const found = await oneOf(api, RuntimeClass, className);
  if (found === undefined) throw forbidden(kind, name, `pod rejected: RuntimeClass "${className}" not found`);
  return found;
}
