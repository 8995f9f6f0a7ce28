import { describe, expect, test } from "vitest";
import { playSeries } from "./indexes.ts";

/** `SOAK=1` runs thousands; `FROM_SEED=n` starts elsewhere. */
const SOAK = process.env["SOAK"] === "1";
const FROM_SEED = Number(process.env["FROM_SEED"] ?? 0);

const RUNS = [
  { name: "release", seeds: SOAK ? 6000 : 120, options: { flavour: "release" } },
  // In the debug build the core's own assertions speak.
  { name: "debug", seeds: SOAK ? 1500 : 30, options: { flavour: "debug" } },
  { name: "scalar", seeds: SOAK ? 500 : 15, options: { flavour: "scalar" } },
  { name: "random ties", seeds: SOAK ? 3000 : 60, options: { flavour: "release", tieSeed: 7 } },
] as const;

describe("an index chooses what the scan chooses", () => {
  test.each(RUNS)(
    "$name: $seeds seeds",
    async ({ seeds, options }) => {
      let [indexed, decisions, copied, paired] = [0, 0, 0, 0];
      for (let seed = FROM_SEED; seed < FROM_SEED + seeds; seed++) {
        const run = await playSeries(seed, options).catch((error: unknown) => {
          throw new Error(`seed ${seed}`, { cause: error });
        });
        indexed += run.indexed;
        decisions += run.decisions;
        copied += run.copied;
        if (run.paired > 0) paired++;
      }
      // Or nothing was compared.
      expect(indexed / decisions).toBeGreaterThan(0.5);
      expect(copied).toBeGreaterThan(0);
      // Hosts without SIMD look at one node after the other.
      if (options.flavour !== "scalar") expect(paired).toBeGreaterThan(seeds / 10);
      if (SOAK)
        console.log(
          `${indexed} of ${decisions} decisions by an index, ${copied} indexes copied, ${paired} seeds in pairs`,
        );
    },
    SOAK ? 3_600_000 : 120_000,
  );
});
