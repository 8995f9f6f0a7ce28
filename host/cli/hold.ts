import type { Clock, Timer } from "../apimachinery/clock.ts";
import { Failure } from "./failure.ts";

/** How long a clean stop may take before it is given up. */
const STOP_LIMIT_MS = 15_000;

/** The first SIGINT, SIGTERM or SIGHUP. A second one ends the process at once. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((asked) => {
    let count = 0;
    const onSignal = (signal: NodeJS.Signals) => {
      count += 1;
      if (count > 1) process.exit(130);
      asked(signal);
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  });
}

/**
 * Starts something. A signal that comes meanwhile gives the start up after the step that is being done; when that step
 * does not end in time, the process does.
 *
 * @returns undefined when it was given up
 */
export async function startUnlessAsked<T>(
  clock: Clock,
  asked: Promise<NodeJS.Signals>,
  start: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const given = new AbortController();
  let limit: Timer | undefined;
  let isOver = false;
  void asked.then((signal) => {
    if (isOver) return;
    given.abort(new Failure(`${signal} while it was starting`));
    limit = clock.setTimeout(() => process.exit(130), STOP_LIMIT_MS);
  });
  try {
    return await start(given.signal);
  } catch (error) {
    if (error === given.signal.reason) return undefined;
    throw error;
  } finally {
    isOver = true;
    limit?.cancel();
  }
}

/** Stops something; a failure when that takes too long. */
export async function stopInTime(clock: Clock, running: { stop(): Promise<void> }): Promise<void> {
  await new Promise<void>((done, failed) => {
    const limit = clock.setTimeout(
      () => failed(new Failure(`did not stop within ${STOP_LIMIT_MS / 1000} s`)),
      STOP_LIMIT_MS,
    );
    running
      .stop()
      .then(done, failed)
      .finally(() => limit.cancel());
  });
}
