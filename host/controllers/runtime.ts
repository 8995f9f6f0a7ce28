import type { Clock, Timer } from "../apimachinery/clock.ts";
import { isReason } from "../apimachinery/errors.ts";
import type { Logger } from "../apimachinery/log.ts";
import type { ObjectKey } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Client } from "../client/client.ts";
import { createEventRecorder } from "../client/event-recorder.ts";
import type { SharedInformers } from "../client/informer.ts";
import { Workqueue } from "../client/workqueue.ts";
import { Applier } from "./apply.ts";
import type { Change } from "./change.ts";
import { Ledger } from "./ledger.ts";
import type { Watch } from "./watches.ts";
import { inWords } from "./words.ts";

/**
 * A controller: what it looks at, and one pure function from what is there to what should be done.
 *
 *   event ──► key ──► queue ──► own writes seen? ──► observe ──► reconcile ──► changes ──► applied in order
 *                       ▲             │ no                                                     │ failed
 *                       └─────────────┴───────────── growing delay ◄───────────────────────────┘
 */
export interface Controller<O> {
  /** As its events name it: `replicaset-controller`. */
  readonly name: string;
  readonly watches: readonly Watch[];
  /** Everything `reconcile` needs to know of the key; undefined when there is nothing to do. */
  observe(key: ObjectKey, look: Look): O | undefined | Promise<O | undefined>;
  reconcile(observed: O, nowMs: number): readonly Change[];
  /** Keys worked on at a time; 5 when absent. */
  readonly workers?: number;
  /** Failed passes of a key after which it is left until its next event; absent: never left. */
  readonly tries?: number;
  /** Bounds of the growing delay; 5 ms and 1000 s when absent. */
  readonly firstDelayMs?: number;
  readonly maxDelayMs?: number;
}

/** What a controller may read. */
export interface Look {
  readonly informers: SharedInformers;
  /** For what must be read live. */
  readonly client: Client;
}

export interface ControllerParts {
  readonly client: Client;
  readonly informers: SharedInformers;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface RunningController {
  stop(): void;
}

/** Identity: it lets TypeScript infer what is observed. */
export function controller<O>(definition: Controller<O>): Controller<O> {
  return definition;
}

const WORKERS = 5;

/** Runs a controller once its informers have synced; attach before `informers.start()` or after, as you like. */
export function startController<O>(definition: Controller<O>, parts: ControllerParts): RunningController {
  const { client, informers, clock } = parts;
  const { name, firstDelayMs, maxDelayMs, tries = Number.POSITIVE_INFINITY } = definition;
  const log = parts.log.child(name);
  const queue = new Workqueue({ clock, firstDelayMs, maxDelayMs });
  const random = parts.random.fork(name);
  const recorder = createEventRecorder({ client, clock, random, log, component: name });
  const ledger = new Ledger(informers);
  const applier = new Applier({ client, recorder, ledger, clock, log });
  const resting = new Set<Timer>();
  let stopped = false;

  const enqueue = (key: ObjectKey) => {
    // The bound lies far above the objects a server of this size holds; a key that is refused waits for its next event.
    if (!queue.add(key) && !stopped) log.error("work queue is full", { key });
  };
  for (const one of definition.watches) one.attach(informers, enqueue);

  const pass = async (key: ObjectKey): Promise<Outcome> => {
    if (!ledger.isSettled(key, clock.nowMs())) return { again: OWN_WRITES, wrote: false };
    const observed = await definition.observe(key, { informers, client });
    if (observed === undefined) return { wrote: false };
    const applied = await applier.apply(key, definition.reconcile(observed, clock.nowMs()));
    const { wrote } = applied;
    if (applied.againMs !== undefined) queue.addAfter(key, applied.againMs);
    if (applied.failure === undefined) return { again: applied.retry, wrote };
    const { error, change } = applied.failure;
    // Somebody else wrote first: looking again is the ordinary answer.
    const level = isReason(error, "Conflict") || isReason(error, "NotFound") ? "debug" : "warn";
    log[level]("change refused", { key, change: inWords(change), error: error.message });
    return { again: error.message, wrote };
  };

  /** Keeps a key in work for a while after its pass, so that what happens to it meanwhile is gathered into one look. */
  const rest = (key: ObjectKey, restMs: number) => {
    const timer = clock.setTimeout(() => {
      resting.delete(timer);
      queue.done(key);
    }, restMs);
    resting.add(timer);
  };

  const work = async () => {
    await informers.synced();
    for (let key = await queue.get(); key !== undefined; key = await queue.get()) {
      const startedMs = clock.nowMs();
      let wrote = false;
      try {
        const outcome = await pass(key);
        const { again } = outcome;
        wrote = outcome.wrote;
        if (again === undefined) queue.forget(key);
        else if (again !== OWN_WRITES && queue.failures(key) >= tries) {
          log.warn("left until its next event", { key, tries, why: again });
          queue.forget(key);
        } else queue.addRateLimited(key);
      } catch (error) {
        // Reading failed, or the controller has a mistake: neither may end the worker.
        log.error("pass failed", {
          key,
          error: error instanceof Error ? (error.stack ?? "") : String(error),
        });
        queue.addRateLimited(key);
      }
      if (wrote) rest(key, Math.min(MAX_REST_MS, Math.max(REST_MS, 2 * (clock.nowMs() - startedMs))));
      else queue.done(key);
    }
  };
  for (let i = 0; i < (definition.workers ?? WORKERS); i++) void work();

  return {
    stop: () => {
      stopped = true;
      queue.close();
      for (const timer of resting) timer.cancel();
      recorder.stop();
    },
  };
}

interface Outcome {
  /** Why the key must be looked at again with a growing delay; absent: it need not. */
  readonly again?: string;
  readonly wrote: boolean;
}

/**
 * After a pass that wrote, a key rests for 20 ms, or for twice as long as the pass took, at most a second. A thousand
 * pods that get ready one by one then cost a Service some dozens of looks at all of them, not a thousand.
 */
const REST_MS = 20;
const MAX_REST_MS = 1000;

const OWN_WRITES = "own writes are not seen yet";
