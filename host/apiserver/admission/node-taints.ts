import { Node } from "../../api/core-kinds.ts";
import type { V1Node } from "../../api/generated/types.ts";
import { NOT_READY } from "../../api/taints.ts";
import type { Admission } from "./chain.ts";
import { isOf } from "./look-up.ts";

const TAINT = { key: NOT_READY, effect: "NoSchedule" };

/**
 * A new node takes no pods until the node lifecycle controller has seen it ready and removes this taint: otherwise pods
 * could come to it between the two (TaintNodesByCondition).
 */
export const notReadyTaint: Admission = (api, attributes) => {
  if (api.untaintedNodes || attributes.verb !== "create" || !isOf(attributes, Node)) return;
  const node = attributes.object as V1Node;
  const taints = node.spec?.taints ?? [];
  if (taints.some(({ key, effect }) => key === TAINT.key && effect === TAINT.effect)) return;
  node.spec = { ...node.spec, taints: [...taints, TAINT] };
};
