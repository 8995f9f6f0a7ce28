import { type CoreOptions, SchedulerCore } from "./scheduler-core.ts";
import type { DryRun, DryRunOutcome, Evaluation, Nominations, PlacedBatch } from "./scheduler-facts.ts";

/** The methods that change a core and answer nothing. */
type Change =
  | "grow"
  | "putNode"
  | "removeNode"
  | "putProfile"
  | "putImage"
  | "putClass"
  | "putVerdicts"
  | "changeUsage"
  | "putTopologyKey"
  | "putTerms"
  | "putClassTracks"
  | "addToTrack"
  | "clearTrack"
  | "putVolume"
  | "putDriver"
  | "putRule"
  | "putSetRules"
  | "putClassVolumes"
  | "putBinding"
  | "changeUse"
  | "putNodeDevices"
  | "putDevicePools"
  | "setIndexMode";

/** One call of such a method, as a value that crosses to a worker: `["removeNode", 3]`. */
export type CoreCall = { [Name in Change]: [Name, ...Parameters<SchedulerCore[Name]>] }[Change];

/**
 * A core somewhere: on the caller's thread or in a worker. Changes take effect in the order they are posted, and before
 * any question asked after them.
 */
export interface SchedulerLink {
  post(call: CoreCall): void;
  schedule(classes: readonly number[]): Promise<PlacedBatch>;
  evaluate(id: number): Promise<Evaluation>;
  /** Pods of these classes, or all nodes' answers, where pods are nominated to nodes. */
  scheduleNominated(classes: readonly number[], nominations: Nominations): Promise<PlacedBatch>;
  evaluateNominated(id: number, nominations: Nominations): Promise<Evaluation>;
  /** What preemption would do on these nodes: an answer for each, until there are enough candidates. */
  dryRun(id: number, question: DryRun): Promise<DryRunOutcome[]>;
  close(): Promise<void>;
}

export function applyCall(core: SchedulerCore, call: CoreCall): void {
  switch (call[0]) {
    case "grow":
      core.grow(call[1]);
      return;
    case "putNode":
      core.putNode(call[1], call[2]);
      return;
    case "removeNode":
      core.removeNode(call[1]);
      return;
    case "putProfile":
      core.putProfile(call[1], call[2]);
      return;
    case "putImage":
      core.putImage(call[1], call[2], call[3]);
      return;
    case "putClass":
      core.putClass(call[1], call[2]);
      return;
    case "putVerdicts":
      core.putVerdicts(call[1], call[2]);
      return;
    case "changeUsage":
      core.changeUsage(call[1], call[2], call[3]);
      return;
    case "putTopologyKey":
      core.putTopologyKey(call[1], call[2], call[3]);
      return;
    case "putTerms":
      core.putTerms(call[1], call[2]);
      return;
    case "putClassTracks":
      core.putClassTracks(call[1], call[2]);
      return;
    case "addToTrack":
      core.addToTrack(call[1], call[2]);
      return;
    case "clearTrack":
      core.clearTrack(call[1]);
      return;
    case "putVolume":
      core.putVolume(call[1], call[2]);
      return;
    case "putDriver":
      core.putDriver(call[1], call[2], call[3]);
      return;
    case "putRule":
      core.putRule(call[1], call[2]);
      return;
    case "putSetRules":
      core.putSetRules(call[1], call[2], call[3]);
      return;
    case "putClassVolumes":
      core.putClassVolumes(call[1], call[2]);
      return;
    case "putBinding":
      core.putBinding(call[1]);
      return;
    case "changeUse":
      core.changeUse(call[1], call[2], call[3], call[4]);
      return;
    case "putNodeDevices":
      core.putNodeDevices(call[1], call[2]);
      return;
    case "putDevicePools":
      core.putDevicePools(call[1]);
      return;
    case "setIndexMode":
      core.setIndexMode(call[1]);
      return;
    default: {
      const never: never = call;
      throw new Error(`not a call of the scheduler core: ${String(never)}`);
    }
  }
}

/** The core on the caller's thread: changes and answers happen at once, so virtual time sees no thread. */
export function linkOnCallersThread(options: CoreOptions): SchedulerLink {
  return linkTo(new SchedulerCore(options));
}

export function linkTo(core: SchedulerCore): SchedulerLink {
  return {
    post: (call) => applyCall(core, call),
    schedule: async (classes) => core.schedule(classes),
    evaluate: async (id) => core.evaluate(id),
    scheduleNominated: async (...question) => core.preemption.scheduleNominated(...question),
    evaluateNominated: async (id, nominations) => core.preemption.evaluateNominated(id, nominations),
    dryRun: async (id, question) => core.preemption.dryRun(id, question),
    close: async () => {},
  };
}
