/**
 * The long form of the store's fault tests: `npm run soak:store -- [--from-seed N] [--kills 5000] [--flips 20000]`.
 *
 * Each seed is a round of its own: a data directory that lives through 25 kills, or a file that is damaged 200 times.
 * Every round is a line in `.soak/store.jsonl`, and the sum over all runs there is printed at the end. The first round
 * that breaks a promise stops the run with exit code 1; its history lies beside the log. `--check FILE` holds such a
 * history against the promises once more.
 */
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { SystemClock } from "../../host/apimachinery/clock.ts";
import { packageFile } from "../../host/apimachinery/package-root.ts";
import { DAMAGES, damageRun } from "./damage.ts";
import type { HistoryRecord } from "./history.ts";
import { checkHistory } from "./history-checker.ts";
import { killRound } from "./kill-round.ts";

const KILLS_PER_ROUND = 25;
const DAMAGES_PER_ROUND = 200;
const FOLDER = packageFile(".soak");
const LOG = join(FOLDER, "store.jsonl");

interface Round {
  readonly kind: string;
  readonly seed: number;
  readonly count: number;
  readonly seconds: number;
  readonly at: string;
  readonly commit: string;
  /** What is worth adding up beside `count`. */
  readonly facts: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
}

const program = new Command("soak:store")
  .option("--from-seed <n>", "the first seed; each round takes the next", Number, 1)
  .option("--kills <n>", "kills with SIGKILL", Number, 5_000)
  .option("--flips <n>", "flipped bits; every other damage is done a tenth as often", Number, 20_000)
  .option("--check <file>", "only hold a kept history against the promises")
  .action(run);

await program.parseAsync();

async function run(options: {
  fromSeed: number;
  kills: number;
  flips: number;
  check?: string;
}): Promise<void> {
  if (options.check !== undefined) {
    const lines = readFileSync(options.check, "utf8").trim().split("\n");
    conclude(checkHistory(lines.map((line) => JSON.parse(line) as HistoryRecord)));
    return;
  }
  mkdirSync(FOLDER, { recursive: true });
  const commit = commitOfCheckout();
  let seed = options.fromSeed;
  for (let left = options.kills; left > 0; left -= KILLS_PER_ROUND)
    await round("kills", seed++, Math.min(left, KILLS_PER_ROUND), commit, async (one, count, tick) => {
      const { records, violations, killedWhileOpening, acknowledged } = await killRound(one, count, tick);
      if (violations.length > 0) keepHistory(one, records);
      return { violations, facts: { killedWhileOpening, acknowledged, records: records.length } };
    });
  for (const damage of DAMAGES) {
    const count = damage === "bit" ? options.flips : Math.ceil(options.flips / 10);
    seed = options.fromSeed;
    for (let left = count; left > 0; left -= DAMAGES_PER_ROUND)
      await round(damage, seed++, Math.min(left, DAMAGES_PER_ROUND), commit, async (one, times, tick) => {
        const { violations, refused, told, harmless } = await damageRun(one, damage, times, tick);
        return { violations, facts: { refused, told, harmless } };
      });
  }
  printSum();
}

type Outcome = Pick<Round, "facts" | "violations">;

async function round(
  kind: string,
  seed: number,
  count: number,
  commit: string,
  work: (seed: number, count: number, tick: () => void) => Promise<Outcome>,
): Promise<void> {
  const clock = new SystemClock();
  const startMs = clock.nowMs();
  let done = 0;
  const { facts, violations } = await work(seed, count, () => {
    done += 1;
    if (process.stderr.isTTY) process.stderr.write(`\r${kind}, seed ${seed}: ${done} of ${count}   `);
  });
  const seconds = (clock.nowMs() - startMs) / 1_000;
  const at = new Date(startMs).toISOString();
  const entry: Round = { kind, seed, count, seconds, at, commit, facts, violations: violations.slice(0, 20) };
  appendFileSync(LOG, `${JSON.stringify(entry)}\n`);
  const inWords = Object.entries(facts).map(([name, value]) => `${value} ${name}`);
  if (process.stderr.isTTY) process.stderr.write("\r");
  console.log(`${kind}, seed ${seed}: ${count} in ${seconds.toFixed(1)} s, ${inWords.join(", ")}`);
  if (violations.length > 0) conclude(violations);
}

function conclude(violations: readonly string[]): void {
  for (const line of violations.slice(0, 20)) console.error(line);
  console.log(violations.length === 0 ? "no promise is broken" : `${violations.length} promises broken`);
  if (violations.length > 0) process.exit(1);
}

function keepHistory(seed: number, records: readonly HistoryRecord[]): void {
  const file = join(FOLDER, `history-${seed}.jsonl`);
  writeFileSync(file, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  console.error(`the history is in ${file}`);
}

/** What all runs in the log come to. */
function printSum(): void {
  if (!existsSync(LOG)) return;
  const rounds = readFileSync(LOG, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Round);
  for (const kind of new Set(rounds.map((one) => one.kind))) {
    const these = rounds.filter((one) => one.kind === kind);
    const sum = (of: (one: Round) => number) => these.reduce((total, one) => total + of(one), 0);
    const facts = Object.keys(these[0]!.facts).map((name) => `${sum((one) => one.facts[name] ?? 0)} ${name}`);
    const seeds = these.map((one) => one.seed);
    console.log(
      `sum of ${kind}: ${sum((one) => one.count)} (seeds ${Math.min(...seeds)} to ${Math.max(...seeds)}, ` +
        `${Math.round(sum((one) => one.seconds))} s): ${facts.join(", ")}, ` +
        `${sum((one) => one.violations.length)} promises broken`,
    );
  }
}

function commitOfCheckout(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}
