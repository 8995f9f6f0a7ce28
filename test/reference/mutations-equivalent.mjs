// @ts-check
/**
 * Changes that no test can notice, because the core then answers the same, each with the reason. `line` is a part of the
 * changed line.
 *
 * @type {readonly { file: string, line: string, change: string, to?: string, why: string }[]}
 */
export const EQUIVALENT = [
  {
    file: "least-allocated.ts",
    line: "if (requested > allocatable) return 0;",
    change: "boundary",
    why: "nothing free is a score of 0 either way",
  },
  {
    file: "filters/pod-topology-spread.ts",
    line: "if (kindOf(term) != TermKind.hardSpread) break;",
    change: "flow",
    why: "hard constraints are listed first, so no other follows",
  },
  {
    file: "scores/pod-topology-spread.ts",
    line: "for (let i = first; i < end; i++) {",
    change: "boundary",
    why: "the sums of the term after the last are made anew before they are read",
  },
  {
    file: "scores/pod-topology-spread.ts",
    line: "return score - whole >= 0.5",
    change: "boundary",
    why: "no sum of logarithms is a half exactly, and whole numbers have no half",
  },
  {
    file: "scores/pod-topology-spread.ts",
    line: "const IGNORED: f64 = -1.0;",
    change: "constant",
    why: "any negative number will do",
  },
  {
    file: "scores/pod-topology-spread.ts",
    line: "ignored ? IGNORED : 0.0",
    change: "constant",
    why: "the raw score is written over before it is read",
  },
  {
    file: "filters/inter-pod-affinity.ts",
    line: "for (let i: u32 = 0; i < filters; i++) {",
    change: "boundary",
    why: "the term after the filters' is a preference, of another kind",
  },
  {
    file: "first-refusal.ts",
    line: "Filter.absent",
    change: "order",
    why: "nobody reads what is said of a slot without a node",
  },
  {
    file: "refusal-in-order.ts",
    line: "Filter.absent",
    change: "order",
    why: "nobody reads what is said of a slot without a node",
  },
  {
    file: "refusal-in-order.ts",
    line: "for (let i: u32 = 0; i < count; i++, row",
    change: "boundary",
    why: "after the profile's filters the row says none",
  },
  {
    file: "image-locality.ts",
    line: "if (bytes < MIN_BYTES) return 0;",
    change: "boundary",
    why: "the score of exactly so many bytes is 0 as well",
  },
  {
    file: "image-locality.ts",
    line: "for (let i: u32 = 0; i < count; i++, image",
    change: "boundary",
    why: "prepareImages: the share after the last is not read. (The loop that reads is left out with it; seeds notice that one.)",
  },
  {
    file: "indexes/bucket.ts",
    line: "return 1 + score;",
    change: "constant",
    why: "all buckets but that of refused nodes are one higher, in the same order",
  },
  {
    file: "indexes/catch-up.ts",
    line: "let page: usize = 0;",
    change: "constant",
    why: "it is set with the first group, and not read before",
  },
  {
    file: "indexes/choose.ts",
    line: "let best = -1;",
    change: "constant",
    why: "every total is 0 or more",
  },
  {
    file: "preemption/dry-run.ts",
    line: "if (nominated > 0) {",
    change: "boundary",
    why: "without nominated pods the node is asked the same thing twice",
  },
];
