import { Command } from "commander";
import { findRunning } from "../cluster-state.ts";
import { dataDirFlag } from "../flags.ts";
import { stopRunning } from "../stop-running.ts";

/** `pintle down`: stops the cluster of a data directory and keeps everything. Nothing running is no failure. */
export function downCommand(): Command {
  return new Command("down")
    .description("stop the cluster; what is in it stays for the next up")
    .addOption(dataDirFlag())
    .action(async ({ dataDir }: { dataDir: string }) => {
      const running = findRunning(dataDir);
      if (running === undefined) {
        process.stdout.write(`no cluster is running in ${dataDir}\n`);
        return;
      }
      await stopRunning(running);
      process.stdout.write(`stopped the cluster at ${running.state.url}\n`);
    });
}
