import type { Evaluation, PlacedBatch, Refusals, Trial } from "../../host/wasm/scheduler-facts.ts";
import type { CoreCall, SchedulerLink } from "../../host/wasm/scheduler-link.ts";
import { JsScan } from "../peers/js-scan.ts";

/** What the decisions on encoded facts took, by the core and by the peer. */
export interface Timing {
  readonly coreMs: number;
  readonly corePods: number;
  readonly peerMs: number;
  readonly peerPods: number;
}

/**
 * A core with the peer beside it: both are told the same facts. The core's time on each batch of classes is added up. While
 * the peer runs it decides the same pods from the same state, is timed, and then follows the core's choice.
 */
export class CheckedLink implements SchedulerLink {
  readonly #core: SchedulerLink;
  readonly #peer = new JsScan();
  readonly #mustAgree: boolean;
  #peerPodsLeft = 0;
  #following = true;
  #timing = { coreMs: 0, corePods: 0, peerMs: 0, peerPods: 0 };

  /** @param mustAgree  the peer knows every plugin that decides: another choice of the core's is an error */
  constructor(core: SchedulerLink, mustAgree: boolean) {
    this.#core = core;
    this.#mustAgree = mustAgree;
  }

  get timing(): Timing {
    return this.#timing;
  }

  /** Starts the clock, and lets the peer decide the next pods too. */
  start(peerPods: number): void {
    this.#timing = { coreMs: 0, corePods: 0, peerMs: 0, peerPods: 0 };
    this.#peerPodsLeft = peerPods;
  }

  post(call: CoreCall): void {
    if (this.#following) this.#peer.post(call);
    this.#core.post(call);
  }

  async schedule(classes: readonly number[]): Promise<PlacedBatch> {
    const start = performance.now();
    const batch = await this.#core.schedule(classes);
    this.#timing.coreMs += performance.now() - start;
    this.#timing.corePods += classes.length;
    if (this.#following) this.#letPeerDecide(classes, batch.slots);
    return batch;
  }

  evaluate(id: number): Promise<Evaluation> {
    return this.#core.evaluate(id);
  }

  tryWithout(id: number, trials: readonly Trial[]): Promise<Refusals> {
    return this.#core.tryWithout(id, trials);
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
