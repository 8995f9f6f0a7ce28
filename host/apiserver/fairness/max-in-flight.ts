import { SUPERUSERS } from "../authorization/authorizer.ts";
import {
  type Arrival,
  DEFAULT_LIMITS,
  type Gate,
  isLongRunning,
  isMutating,
  type Limits,
  OPEN,
  type Passage,
} from "./gate.ts";

/**
 * Two plain numbers instead of fairness (--enable-priority-and-fairness=false): one more is refused. Superusers and
 * requests that stay do not count; 0 is no limit. Source: k8s.io/apiserver WithMaxInFlightLimit (api-policy 9.1).
 */
export class MaxInFlight implements Gate {
  readonly #most: Required<Limits>;
  readonly #now = { reading: 0, mutating: 0 };

  constructor(limits: Limits) {
    this.#most = { ...DEFAULT_LIMITS, ...limits };
  }

  enter({ user, info }: Arrival): Passage {
    if (isLongRunning(info) || user.groups.includes(SUPERUSERS)) return OPEN;
    const which = isMutating(info) ? "mutating" : "reading";
    const most =
      which === "mutating" ? this.#most.maxMutatingRequestsInFlight : this.#most.maxRequestsInFlight;
    if (most > 0 && this.#now[which] >= most) return { ...OPEN, retryAfterSeconds: 1 };
    this.#now[which]++;
    let left = false;
    return {
      headers: {},
      leave: () => {
        if (!left) this.#now[which]--;
        left = true;
      },
    };
  }
}
