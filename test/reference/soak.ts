import { parseArgs } from "node:util";
import { SystemClock } from "../../host/apimachinery/clock.ts";
import { packageFile } from "../../host/apimachinery/package-root.ts";
import type { Flavour } from "../../host/wasm/scheduler-module.ts";
import { compareSeed, describeFailure } from "./differential.ts";
import { appendLog, buildHashes, readLog, type Sum, sumOf } from "./soak-log.ts";

/**
 * `npm run soak:scheduler -- --seeds M [--from-seed N] [--flavour F] [--ties T] [--log FILE] [--quick]`: compares core and reference
 * model for M seeds, from where the log ended for this build unless told, and adds a line to the log. Exits 1 on a
 * disagreement, which is printed as a minimal case.
 */
const USAGE =
  "usage: npm run soak:scheduler -- [--from-seed N] [--seeds M] [--flavour release|scalar|debug] [--ties lowest|random] [--log FILE] [--quick]";
/** After so many disagreements the rest is not run: they have one cause. */
const MOST_FAILURES = 5;
const PROGRESS_EVERY = 500;

const FLAVOURS: readonly Flavour[] = ["release", "scalar", "debug"];

function readArguments() {
  const { values } = parseArgs({
    options: {
      "from-seed": { type: "string" },
      seeds: { type: "string", default: "1000" },
      flavour: { type: "string", default: "release" },
      ties: { type: "string", default: "lowest" },
      log: { type: "string", default: packageFile(".soak/differential.jsonl") },
      // Stops at the first disagreement, which is only named: what a mutation check needs.
      quick: { type: "boolean", default: false },
    },
  });
  const flavour = FLAVOURS.find((one) => one === values.flavour);
  const ties = (["lowest", "random"] as const).find((one) => one === values.ties);
  const seeds = Number(values.seeds);
  const from = values["from-seed"] === undefined ? undefined : Number(values["from-seed"]);
  const isCount = (value: number) => Number.isInteger(value) && value >= 0;
  if (!flavour || !ties || !isCount(seeds) || !isCount(from ?? 0)) throw new Error("wrong value");
  return { flavour, ties, seeds, from, log: values.log, quick: values.quick };
}

async function main(): Promise<number> {
  let given: ReturnType<typeof readArguments>;
  try {
    given = readArguments();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n${USAGE}\n`);
    return 2;
  }
  const { flavour, ties, seeds, log, quick } = given;
  const hashes = buildHashes(flavour);
  const isThisBuild = (run: typeof hashes) => run.core === hashes.core && run.host === hashes.host;
  const same = readLog(log).filter(
    (run) => isThisBuild(run) && run.drawn === hashes.drawn && run.ties === ties,
  );
  const from = given.from ?? Math.max(0, ...same.map((run) => run.to));
  const clock = new SystemClock();
  const begun = clock.nowMs();
  let disagreements = 0;
  let to = from;
  while (to < from + seeds && disagreements < (quick ? 1 : MOST_FAILURES)) {
    const failure = await compareSeed(to++, { flavour, ties });
    if (failure) {
      disagreements++;
      console.log(quick ? `seed ${failure.seed}` : await describeFailure(failure, { flavour, ties }));
    }
    if ((to - from) % PROGRESS_EVERY === 0) console.log(`seed ${to}: ${disagreements} disagreements`);
  }
  const seconds = Math.round(clock.nowMs() - begun) / 1000;
  const run = { ...hashes, flavour, ties, from, to, disagreements, seconds };
  appendLog(log, run);
  console.log(JSON.stringify(run));
  const all = readLog(log);
  console.log(`core ${hashes.core}: ${inWords(sumOf(all.filter((one) => one.core === hashes.core)))}`);
  console.log(`  with this host half (${hashes.host}): ${inWords(sumOf(all.filter(isThisBuild)))}`);
  return disagreements === 0 ? 0 : 1;
}

const inWords = ({ runs, seeds, disagreements, seconds }: Sum) =>
  `${seeds} seeds in ${runs} runs, ${disagreements} disagreements, ${seconds} s`;

process.exitCode = await main();
