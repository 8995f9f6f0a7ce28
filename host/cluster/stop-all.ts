import type { Logger } from "../apimachinery/log.ts";

export interface Stoppable {
  readonly name: string;
  stop(): Promise<void>;
}

/** Last started, first stopped. One that fails is logged, and the others are stopped all the same. */
export async function stopAll(started: Stoppable[], log: Logger): Promise<void> {
  for (let part = started.pop(); part !== undefined; part = started.pop()) {
    try {
      await part.stop();
    } catch (error) {
      log.error("did not stop cleanly", { part: part.name, error: String(error) });
    }
  }
}
