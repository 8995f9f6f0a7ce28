import { Node, Pod } from "../../api/core-kinds.ts";
import type { V1Node, V1Pod } from "../../api/generated/types.ts";
import { podAmounts } from "../../api/pod-spec/amounts.ts";
import { forbidden } from "../../apimachinery/errors.ts";
import {
  compareQuantity,
  milliValue,
  parseQuantity,
  type Quantity,
  value,
} from "../../apimachinery/quantity.ts";
import type { Api } from "../api.ts";
import type { Admission, Attributes } from "./chain.ts";
import { oneOf } from "./look-up.ts";

/** Whether a write changes what the containers of a pod may use. */
export function isResize({ kind, subresource, verb }: Attributes): boolean {
  return (
    verb === "update" && subresource === "resize" && kind.group === Pod.group && kind.plural === Pod.plural
  );
}

/** A pod does not grow beyond what its node has at all; whether there is room now is its kubelet's to say (PodResizeValidator). */
export const podResize: Admission = (api, attributes) =>
  isResize(attributes) ? requireCapacity(api, attributes) : undefined;

async function requireCapacity(api: Api, attributes: Attributes): Promise<void> {
  const pod = attributes.object as V1Pod;
  const nodeName = pod.spec?.nodeName;
  if (!nodeName) return;
  const node = await oneOf(api, Node, nodeName);
  if (node === undefined)
    throw refusal(attributes, "NodeCapacity", `node ${JSON.stringify(nodeName)} not found`);
  const system = node.status?.nodeInfo?.operatingSystem || "linux";
  if (system !== "linux") {
    const why = `resize is not supported on ${JSON.stringify(system)} node ${JSON.stringify(nodeName)}`;
    throw refusal(attributes, "UnsupportedPlatform", why);
  }
  const missing = shortages(pod, node);
  if (missing.length === 0) return;
  const why = `node didn't have enough allocatable resources: ${missing.join("; ")}`;
  throw refusal(attributes, "NodeCapacity", why);
}

function shortages(pod: V1Pod, { status }: V1Node): string[] {
  const requests = podAmounts(pod, "requests");
  return (["cpu", "memory"] as const).flatMap((name) => {
    const requested = requests.get(name);
    const allocatable = parseQuantity(status?.allocatable?.[name] ?? "0");
    if (requested === undefined || compareQuantity(requested, allocatable) <= 0) return [];
    return [`${name}, requested: ${shown(name, requested)}, allocatable: ${shown(name, allocatable)}`];
  });
}

/** CPU in thousandths of a core, memory in bytes. */
function shown(name: string, quantity: Quantity): string {
  return String(name === "cpu" ? milliValue(quantity) : value(quantity));
}

function refusal({ kind, name }: Attributes, reason: string, why: string): Error {
  const error = forbidden(kind, name, why);
  error.status.details!.causes = [{ reason, message: why }];
  return error;
}
