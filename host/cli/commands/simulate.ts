import { Command } from "commander";
import { outputFlag, schedulerConfigFlag, seedFlag, tiesFlag } from "../flags.ts";
import { progressBar } from "../output/progress.ts";
import { simulationJson, simulationTable } from "../output/simulation.ts";

interface Flags {
  readonly filename?: readonly string[];
  readonly openb?: string;
  readonly seed?: number;
  readonly ties: "lowest" | "random";
  readonly config?: string;
  readonly output: string;
}

/** `pintle simulate`: places the given pods on the given nodes without a server. What it prints: docs/simulation.md. */
export function simulateCommand(): Command {
  const command = new Command("simulate")
    .description("place the pods of manifests or of a trace on their nodes, without a server")
    .option("-f, --filename <paths...>", "manifests: files, or folders with .yaml, .yml and .json files")
    .option("--openb <dir>", "the openb trace: a folder with its node list and pod list")
    .addOption(seedFlag("of --ties random (default: 0)"))
    .addOption(tiesFlag())
    .addOption(schedulerConfigFlag())
    .addOption(outputFlag("json"));
  return command.action(async (flags: Flags) => {
    if (flags.filename === undefined && flags.openb === undefined)
      command.error("error: nothing to place: give -f FILE_OR_DIR or --openb DIR");
    await simulate(flags);
  });
}

async function simulate({
  filename = [],
  openb,
  seed = 0,
  ties,
  config: file,
  output,
}: Flags): Promise<void> {
  // Loaded here: the other commands start without them.
  const [
    { buildCluster },
    { readManifests },
    { OPENB_NOTE, readOpenb },
    { place },
    { readConfigurationFile },
  ] = await Promise.all([
    import("../../simulation/cluster.ts"),
    import("../../simulation/manifests.ts"),
    import("../../simulation/openb.ts"),
    import("../../simulation/place.ts"),
    import("../../scheduler/configuration/configuration-file.ts"),
  ]);
  const config = file === undefined ? {} : { config: readConfigurationFile(file) };
  const manifests = readManifests(filename);
  for (const line of manifests.skipped) process.stderr.write(`pintle: skipped ${line}\n`);
  const trace = openb === undefined ? undefined : readOpenb(openb);
  const cluster = buildCluster(manifests, trace);
  const bar = progressBar(process.stderr, "placing");
  const placement = await place(cluster, {
    seed,
    ties,
    ...config,
    onWarning: (text) => process.stderr.write(`pintle: ${file}: ${text}\n`),
    onProgress: bar.show,
  });
  bar.clear();
  const notes = trace === undefined ? [] : [OPENB_NOTE];
  const text = output === "json" ? simulationJson(placement, notes) : simulationTable(placement, notes);
  // In pieces: the reasons of many pods on many nodes are more than one string can hold.
  for (const piece of text) process.stdout.write(piece);
}
