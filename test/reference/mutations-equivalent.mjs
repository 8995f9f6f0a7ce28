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
];
