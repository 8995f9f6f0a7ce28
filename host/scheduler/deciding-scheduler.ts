import type { V1Pod } from "../api/generated/types.ts";
import type { Decision, Scheduler } from "./library.ts";
import type { StepwiseScheduler } from "./stepwise-decisions.ts";

/** A placement as `schedule` answers it. */
export type Placement = Extract<Decision, { node: string }>;

/** A pod that no node takes, with what a queue has to know besides the text. */
export type Refusal = Extract<Decision, { node: null }> & {
  /** The plugins that rejected it, by name; none: something is wrong, as the message says. */
  readonly plugins: readonly string[];
  /** Preemption was asked, whatever it found. */
  readonly preemptionAsked?: boolean;
  /** The plugin that does not want the pod to be looked at yet; the message says what it waits for. */
  readonly heldBy?: string;
  /** The node that the pod is nominated to from now on; null: to none. Absent: as before. */
  readonly nominated?: string | null;
  /** Pods of lower priority that lose their nomination to that node, by `namespace/name`. */
  readonly outbid?: readonly string[];
};

export type FullDecision = Placement | Refusal;

/** The scheduler as a component of a cluster uses it. */
export interface DecidingScheduler extends Scheduler {
  /** As `schedule`, and says more of refusals. */
  decide(pods: readonly V1Pod[]): Promise<FullDecision[]>;
  /** The room on a node is kept for a waiting pod, or (null) is no longer. `decide` does so for pods that preempt. */
  nominate(pod: V1Pod, node: string | null): void;
  /** The same decision in steps, where others have a say. */
  readonly stepwise: StepwiseScheduler;
  /** Whether a placed pod has the room that it was given: another scheduler may have filled its node meanwhile. */
  stillFits(pod: V1Pod): boolean;
  /** The status of a bound pod has changed in a way that matters to preemption alone. */
  noteStatus(pod: V1Pod): void;
}

/** What a decision says to those who asked for no more. */
export function inShort(decision: FullDecision): Decision {
  if (decision.node !== null) return decision;
  const { pod, node, message, preemption } = decision;
  return {
    pod,
    node,
    message,
    get nodes() {
      return decision.nodes;
    },
    ...(preemption === undefined ? {} : { preemption }),
  };
}
