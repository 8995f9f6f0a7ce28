import { describe, expect, test } from "vitest";
import { compareSeed, describeFailure } from "./differential.ts";

/** `SOAK=1` runs thousands; `FROM_SEED=n` starts elsewhere. `npm run soak:scheduler` keeps count across runs. */
const SOAK = process.env["SOAK"] === "1";
const FROM_SEED = Number(process.env["FROM_SEED"] ?? 0);

const RUNS = [
  { name: "release", seeds: SOAK ? 4000 : 200, options: { flavour: "release" } },
  // In the debug build the core's own assertions speak.
  { name: "debug", seeds: SOAK ? 2000 : 100, options: { flavour: "debug" } },
  { name: "scalar", seeds: SOAK ? 500 : 30, options: { flavour: "scalar" } },
  { name: "random ties", seeds: SOAK ? 1000 : 50, options: { ties: "random" } },
  { name: "in a worker", seeds: SOAK ? 50 : 5, options: { thread: "worker" } },
] as const;

describe("the core agrees with the reference model, node by node", () => {
  test.each(RUNS)(
    "$name: $seeds seeds",
    async ({ seeds, options }) => {
      for (let seed = FROM_SEED; seed < FROM_SEED + seeds; seed++) {
        const failure = await compareSeed(seed, options);
        if (failure) expect.fail(await describeFailure(failure, options));
      }
    },
    SOAK ? 3_600_000 : 300_000,
  );
});
