import type { History } from "./history.ts";
import { compareKeys } from "./key-order.ts";
import { hasPrefix, rank, slice } from "./key-tree.ts";
import type { Range, RangeOptions } from "./store.ts";

/** A range of what is published, as `Store.range` promises it. */
export function readRange(history: History, prefix: string, options: RangeOptions): Range {
  const { after, limit = Number.POSITIVE_INFINITY } = options;
  const tree = history.treeAt(options.revision);
  const revision = options.revision ?? history.newestRevision;
  if (!hasPrefix(tree, prefix)) return { entries: [], revision, remaining: 0 };
  let from = rank(tree, (key) => compareKeys(key, prefix) < 0);
  if (after !== undefined)
    from = Math.max(
      from,
      rank(tree, (key) => compareKeys(key, after) <= 0),
    );
  const end = Math.max(
    from,
    rank(tree, (key) => key.startsWith(prefix) || compareKeys(key, prefix) < 0),
  );
  const to = Math.min(end, from + limit);
  return {
    entries: slice(tree, from, to),
    revision,
    remaining: end - to,
  };
}
