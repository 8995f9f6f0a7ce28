import type {
  DryRun,
  DryRunOutcome,
  Evaluation,
  Nominations,
  PlacedBatch,
} from "../../host/wasm/scheduler-facts.ts";
import type { CoreCall, SchedulerLink } from "../../host/wasm/scheduler-link.ts";
import { JsScan } from "../peers/js-scan.ts";

/** What the decisions on encoded facts took, by the core and by the peer. */
export interface Timing {
  readonly coreMs: number;
  /** The processor's time. */
  readonly coreCpuMs: number;
  readonly corePods: number;
  readonly peerMs: number;
  readonly peerPods: number;
  /** What checking took altogether, and the decisions that the core's own scan made again. */
  readonly checkMs: number;
  readonly checkCpuMs: number;
  readonly checkedPods: number;
}

const NOTHING: Timing = {
  coreMs: 0,
  coreCpuMs: 0,
  corePods: 0,
  peerMs: 0,
  peerPods: 0,
  checkMs: 0,
  checkCpuMs: 0,
  checkedPods: 0,
};

/**
 * A core that is first checked and then timed. While it is checked every decision of an index is made again by its own scan,
 * and a peer that was told the same facts decides too, is timed, and then follows the core's choice.
 */
export class CheckedLink implements SchedulerLink {
  readonly #core: SchedulerLink;
  readonly #peer = new JsScan();
  readonly #mustAgree: boolean;
  #checkedPodsLeft = 0;
  #peerPodsLeft = 0;
  #following = true;
  #timing = { ...NOTHING };
  /** Pods a second, of each batch that was timed. */
  readonly #rates: number[] = [];

  /** @param mustAgree  the peer knows every plugin that decides: another choice of the core's is an error */
  constructor(core: SchedulerLink, mustAgree: boolean) {
    this.#core = core;
    this.#mustAgree = mustAgree;
  }

  get timing(): Timing {
    return this.#timing;
  }

  /** Pods a second in the median batch: what others do on the machine falls on some batches, not on most. */
  get medianRate(): number {
    return [...this.#rates].sort((a, b) => a - b)[this.#rates.length >> 1] ?? 0;
  }

  /** Has the next pods checked, the first of them by the peer too; after those the clock runs. */
  start(checkedPods: number, peerPods: number): void {
    this.#timing = { ...NOTHING };
    this.#rates.length = 0;
    this.#checkedPodsLeft = checkedPods;
    this.#peerPodsLeft = peerPods;
    this.#core.post(["setIndexMode", checkedPods > 0 ? "checked" : "on"]);
  }

  post(call: CoreCall): void {
    if (this.#following) this.#peer.post(call);
    this.#core.post(call);
  }

  async schedule(classes: readonly number[]): Promise<PlacedBatch> {
    const isChecked = this.#checkedPodsLeft > 0;
    const start = performance.now();
    const startCpu = process.cpuUsage();
    const batch = await this.#core.schedule(classes);
    const coreMs = performance.now() - start;
    const coreCpuMs = cpuMsSince(startCpu);
    if (this.#following) this.#letPeerDecide(classes, batch.slots);
    if (isChecked) {
      this.#timing.checkedPods += classes.length;
      this.#checkedPodsLeft -= classes.length;
      if (this.#checkedPodsLeft <= 0) this.#core.post(["setIndexMode", "on"]);
      this.#timing.checkMs += performance.now() - start;
      this.#timing.checkCpuMs += cpuMsSince(startCpu);
    } else {
      this.#timing.coreMs += coreMs;
      this.#timing.coreCpuMs += coreCpuMs;
      this.#timing.corePods += classes.length;
      this.#rates.push((classes.length / coreMs) * 1_000);
    }
    return batch;
  }

  evaluate(id: number): Promise<Evaluation> {
    return this.#core.evaluate(id);
  }

  scheduleNominated(classes: readonly number[], nominations: Nominations): Promise<PlacedBatch> {
    return this.#core.scheduleNominated(classes, nominations);
  }

  evaluateNominated(id: number, nominations: Nominations): Promise<Evaluation> {
    return this.#core.evaluateNominated(id, nominations);
  }

  dryRun(id: number, question: DryRun): Promise<DryRunOutcome[]> {
    return this.#core.dryRun(id, question);
  }

  close(): Promise<void> {
    return this.#core.close();
  }

  #letPeerDecide(classes: readonly number[], slots: Int32Array): void {
    const start = performance.now();
    const asked = Math.min(classes.length, this.#peerPodsLeft);
    for (const [i, id] of classes.entries()) {
      const slot = slots[i]!;
      if (i < asked) this.#check(id, this.#peer.scan(id), slot);
      if (slot >= 0) this.#peer.assume(id, slot);
    }
    if (asked === 0) return;
    this.#timing.peerMs += performance.now() - start;
    this.#timing.peerPods += asked;
    this.#peerPodsLeft -= asked;
    if (this.#peerPodsLeft === 0) this.#following = false;
  }

  #check(id: number, peerSlot: number, coreSlot: number): void {
    if (this.#mustAgree && peerSlot !== coreSlot)
      throw new Error(`class ${id}: the core chose slot ${coreSlot}, the scan in JavaScript ${peerSlot}`);
  }
}

/** The time of all threads: of a collector or a compiler, too. */
export function cpuMsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000;
}
