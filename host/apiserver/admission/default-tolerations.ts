import type { V1Pod } from "../../api/generated/types.ts";
import { Pod } from "../../api/registry.ts";
import type { Admission } from "./chain.ts";
import { isOf } from "./look-up.ts";

const KEYS = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
const SECONDS = 300;

/** A pod outlives five minutes of its node's silence unless it says otherwise (DefaultTolerationSeconds). */
export const defaultTolerations: Admission = (_api, attributes) => {
  if (attributes.verb === "delete" || !isOf(attributes, Pod)) return;
  const spec = (attributes.object as V1Pod | undefined)?.spec;
  if (spec === undefined) return;
  const present = spec.tolerations ?? [];
  const missing = KEYS.filter(
    (key) =>
      !present.some((one) => (!one.key || one.key === key) && (!one.effect || one.effect === "NoExecute")),
  );
  if (missing.length === 0) return;
  spec.tolerations = [
    ...present,
    ...missing.map((key) => ({
      key,
      operator: "Exists",
      effect: "NoExecute",
      tolerationSeconds: SECONDS,
    })),
  ];
};
