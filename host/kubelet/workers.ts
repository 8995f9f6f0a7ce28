import { isReason } from "../apimachinery/errors.ts";
import type { Logger } from "../apimachinery/log.ts";
import type { Workqueue } from "../client/workqueue.ts";

/**
 * Works through a queue with a bounded number of keys in work at once, until the queue is closed. A key that fails is
 * tried again after the queue's delay; a conflict only means that the cache was behind.
 *
 * @returns resolves when every worker has ended
 */
export async function runWorkers(
  queue: Workqueue,
  count: number,
  log: Logger,
  sync: (key: string) => Promise<void>,
): Promise<void> {
  const work = async () => {
    for (let key = await queue.get(); key !== undefined; key = await queue.get()) {
      try {
        await sync(key);
        queue.forget(key);
      } catch (error) {
        if (!isReason(error, "Conflict")) log.warn("will be tried again", { key, error: String(error) });
        queue.addRateLimited(key);
      }
      queue.done(key);
    }
  };
  await Promise.all(Array.from({ length: count }, work));
}
