import type { RestoreOptions } from "../cluster/restore-backup.ts";
import { type ProgressBar, progressBar } from "./output/progress.ts";

/** A backup to restore, with a bar for each of the two steps. */
export function restoring(file: string): RestoreOptions {
  const bars = new Map<string, ProgressBar>();
  return {
    file,
    onProgress: (what, done, total) => {
      let bar = bars.get(what);
      if (bar === undefined) {
        for (const before of bars.values()) before.clear();
        bar = progressBar(process.stderr, what);
        bars.set(what, bar);
      }
      bar.show(done, total);
      if (done >= total) bar.clear();
    },
  };
}
