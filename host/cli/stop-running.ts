import { SystemClock, sleep } from "../apimachinery/clock.ts";
import type { Running } from "./cluster-state.ts";
import { Failure } from "./failure.ts";

/** A cluster gives itself 15 s to stop (foreground.ts); this waits a little longer. */
const WAIT_MS = 20_000;
const LOOK_EVERY_MS = 20;

/** Asks a running cluster to stop, and waits until its process is gone. */
export async function stopRunning({ holder }: Running): Promise<void> {
  process.kill(holder.pid, "SIGTERM");
  const clock = new SystemClock();
  for (let waitedMs = 0; holder.isRunning(); waitedMs += LOOK_EVERY_MS) {
    if (waitedMs >= WAIT_MS)
      throw new Failure(
        `the cluster (pid ${holder.pid}) did not stop within ${WAIT_MS / 1000} s; end it with: kill -9 ${holder.pid}`,
      );
    await sleep(clock, LOOK_EVERY_MS);
  }
}
