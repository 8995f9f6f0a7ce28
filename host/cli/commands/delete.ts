import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { withdrawKubeconfig } from "../../security/kubeconfig.ts";
import { findRunning, readState } from "../cluster-state.ts";
import { Failure } from "../failure.ts";
import { dataDirFlag } from "../flags.ts";
import { stopRunning } from "../stop-running.ts";

/** Everything a cluster ever puts into its data directory, drafts cut short too. Nothing else there is touched. */
const OURS =
  /^(\.?(cluster\.json|kubeconfig|identity)(\.\d+\.tmp)?|lock-\d+-\d+|pintle\.log|pki|store|\.store\.restoring)$/;

/** `pintle delete`: stops the cluster, if it runs, and removes what it kept. */
export function deleteCommand(): Command {
  return new Command("delete")
    .description("stop the cluster and remove everything it kept")
    .addOption(dataDirFlag())
    .action(({ dataDir }: { dataDir: string }) => deleteCluster(dataDir));
}

async function deleteCluster(dataDir: string): Promise<void> {
  if (!existsSync(dataDir)) {
    process.stdout.write(`there is no cluster in ${dataDir}\n`);
    return;
  }
  const found = readdirSync(dataDir).filter((name) => OURS.test(name));
  if (found.length === 0 && readdirSync(dataDir).length > 0)
    throw new Failure(`${dataDir} holds no cluster; nothing was removed`);
  const running = findRunning(dataDir);
  if (running !== undefined) await stopRunning(running);
  const kubeconfig = (running?.state ?? readState(dataDir))?.kubeconfig;
  if (kubeconfig !== undefined && kubeconfig !== resolve(dataDir, "kubeconfig"))
    await withdrawKubeconfig(kubeconfig);
  for (const name of found) rmSync(join(dataDir, name), { recursive: true, force: true });
  const left = readdirSync(dataDir);
  if (left.length === 0) rmdirSync(dataDir);
  const kept = left.length === 0 ? "" : `; ${left.length} files that are not Pintle's were kept`;
  process.stdout.write(`deleted the cluster in ${dataDir}${kept}\n`);
}
