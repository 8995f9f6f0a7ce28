import { SystemClock, sleep } from "../apimachinery/clock.ts";
import { markStopped, type RunningState } from "./cluster-state.ts";
import { Failure } from "./failure.ts";
import { isAlive } from "./process-identity.ts";

/** A cluster gives itself 15 s to stop (foreground.ts); this waits a little longer. */
const WAIT_MS = 20_000;
const LOOK_EVERY_MS = 20;

/** Asks a running cluster to stop, and waits until its process is gone. */
export async function stopRunning(dataDir: string, state: RunningState): Promise<void> {
  const { pid } = state.process;
  process.kill(pid, "SIGTERM");
  const clock = new SystemClock();
  for (let waitedMs = 0; isAlive(state.process); waitedMs += LOOK_EVERY_MS) {
    if (waitedMs >= WAIT_MS)
      throw new Failure(
        `the cluster (pid ${pid}) did not stop within ${WAIT_MS / 1000} s; end it with: kill -9 ${pid}`,
      );
    await sleep(clock, LOOK_EVERY_MS);
  }
  markStopped(dataDir);
}
