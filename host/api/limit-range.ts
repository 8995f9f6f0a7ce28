import type { V1LimitRange } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";

/** Source: api-policy 5.5, 6.5. */
export const limitRangeRules: KindRules<V1LimitRange> = {
  defaults({ spec }) {
    for (const item of spec?.limits ?? []) {
      if (item.type !== "Container") continue;
      const limits = { ...item.max, ...item.default };
      const requests = { ...item.min, ...limits, ...item.defaultRequest };
      if (Object.keys(limits).length > 0) item.default = limits;
      if (Object.keys(requests).length > 0) item.defaultRequest = requests;
    }
  },
};
