import type { Entry, Store, WatchEvent, WatchHandle } from "../../store/store.ts";

export interface PrefixSink {
  /** All that is there: at first, and again whenever the store had ended the watch (what was told before is replaced). */
  replace(entries: readonly Entry[]): void;
  change(events: readonly WatchEvent[]): void;
  /** What is there could not be read again; nothing more is told. */
  failed(error: unknown): void;
}

/**
 * Tells what stands below a prefix, and each change from then on, for as long as the store is open.
 *
 * @returns when all that is there has been told; what it resolves to ends it
 */
export async function followPrefix(
  store: Store,
  prefix: string,
  sink: PrefixSink,
): Promise<{ stop(): void }> {
  let watch: WatchHandle | undefined;
  let isStopped = false;
  const follow = async () => {
    const { entries, revision } = await store.range(prefix);
    if (isStopped) return;
    sink.replace(entries);
    watch = store.watch(prefix, revision, {
      onEvents: (events) => sink.change(events),
      onEnd: (reason) => {
        if (isStopped || reason.name === "StoreUnavailableError") return;
        follow().catch((error: unknown) => sink.failed(error));
      },
    });
  };
  await follow();
  return {
    stop: () => {
      isStopped = true;
      watch?.cancel();
    },
  };
}
