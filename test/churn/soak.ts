/**
 * `npm run soak:churn -- [--minutes 30] [--nodes 30] [--pods 200] [--seed 1] [--store lmdb]`: a real `pintle up`, churned through
 * its HTTP API in real time, and an auditor beside it that believes only what the API shows. A line for each minute, one in
 * `.soak/churn.jsonl` at the end; exit code 1 and the faults if there are any.
 */
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Command } from "commander";
import { SystemClock } from "../../host/apimachinery/clock.ts";
import { packageFile } from "../../host/apimachinery/package-root.ts";
import { seededRandom } from "../../host/apimachinery/random.ts";
import { readKubeconfig } from "../../host/cli/read-kubeconfig.ts";
import { createHttpClient } from "../../host/client/http-client.ts";
import { pintleUp, removeFolder, temporaryFolder } from "../scenarios/pintle-process.ts";
import { churn, type Summary } from "./run.ts";

const FOLDER = packageFile(".soak");
const TURN_MS = 100;

interface Flags {
  readonly minutes: number;
  readonly nodes: number;
  readonly pods: number;
  readonly seed: number;
  readonly store: string;
}

await new Command("soak:churn")
  .option("--minutes <n>", "how long pods and nodes come and go", Number, 30)
  .option("--nodes <n>", "simulated nodes of 8 CPU", Number, 30)
  .option("--pods <n>", "pods that are kept, about", Number, 200)
  .option("--seed <n>", "what is drawn", Number, 1)
  .option("--store <engine>", "memory or lmdb", "lmdb")
  .action(run)
  .parseAsync();

async function run({ minutes, nodes, pods, seed, store }: Flags): Promise<void> {
  const folder = temporaryFolder();
  const flags = ["--nodes", `${nodes}`, "--store", store, "--seed", `${seed}`];
  const cluster = await pintleUp(join(folder, "data"), flags);
  const client = createHttpClient(await readKubeconfig(cluster.kubeconfig));
  try {
    const summary = await churn({
      client,
      clock: new SystemClock(),
      random: seededRandom(seed),
      seconds: minutes * 60,
      pods,
      turnMs: TURN_MS,
      wait: (ms) => delay(ms),
      onMinute: (sofar) => console.log(inWords(sofar)),
    });
    mkdirSync(FOLDER, { recursive: true });
    const line = { at: new Date().toISOString(), minutes, nodes, pods, seed, store, ...summary };
    appendFileSync(join(FOLDER, "churn.jsonl"), `${JSON.stringify(line)}\n`);
    console.log(inWords(summary));
    for (const fault of summary.faults) console.error(fault);
    process.exitCode = summary.faults.length === 0 ? 0 : 1;
  } finally {
    client.close();
    await cluster.stop();
    removeFolder(folder);
  }
}

function inWords({ seconds, turns, bindings, flaps, bound, waiting, faults }: Summary): string {
  return (
    `${seconds} s: ${turns} turns, ${bindings} pods bound, ${flaps} nodes flapped; ` +
    `${bound} bound now, ${waiting} waiting, ${faults.length} faults`
  );
}
