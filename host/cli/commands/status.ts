import { Command } from "commander";
import * as kinds from "../../api/registry.ts";
import { SystemClock } from "../../apimachinery/clock.ts";
import type { Client } from "../../client/client.ts";
import { type ClusterState, findRunning, getRunning } from "../cluster-state.ts";
import { Failure } from "../failure.ts";
import { dataDirFlag, outputFlag } from "../flags.ts";
import { isNodeReady } from "../node-facts.ts";
import { humanDuration } from "../output/table.ts";
import { connect, isReady } from "../remote.ts";

/** What `pintle status -o json` prints. */
export type StatusReport =
  | { readonly running: false; readonly dataDir: string }
  | {
      readonly running: true;
      readonly ready: boolean;
      readonly dataDir: string;
      readonly pid: number;
      readonly url: string;
      /** The name server: `127.0.0.1:40053`. */
      readonly dns?: string;
      readonly kubeconfig: string;
      readonly store: string;
      readonly seed: number;
      readonly startedAt: string;
      /** Absent: DIR/pki. */
      readonly certDir?: string;
      /** Absent while the API server does not answer. */
      readonly nodes?: { readonly total: number; readonly ready: number };
      readonly pods?: { readonly total: number; readonly running: number };
    };

/** `pintle status`: exit 0 when the cluster of the data directory runs and is ready, else 1. */
export function statusCommand(): Command {
  return new Command("status")
    .description("say whether the cluster runs, where, and what is in it")
    .addOption(dataDirFlag())
    .addOption(outputFlag("json"))
    .action(async ({ dataDir, output }: { dataDir: string; output: string }) => {
      const running = findRunning(dataDir);
      const report: StatusReport =
        running === undefined ? { running: false, dataDir } : await ask(dataDir, running.state);
      if (output === "json") process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
      else if (report.running) process.stdout.write(inWords(report));
      if (!report.running) getRunning(dataDir);
      else if (!report.ready)
        throw new Failure(`the cluster at ${report.url} (pid ${report.pid}) is not ready`);
    });
}

async function ask(dataDir: string, state: ClusterState): Promise<StatusReport> {
  const report = { running: true, ready: await isReady(dataDir, state), dataDir, ...state } as const;
  if (!report.ready) return report;
  const client = connect(dataDir, state);
  try {
    return { ...report, ...(await counts(client)) };
  } finally {
    client.close();
  }
}

async function counts(client: Client) {
  const [nodes, pods] = await Promise.all([client.list(kinds.Node), client.list(kinds.Pod)]);
  return {
    nodes: { total: nodes.items.length, ready: nodes.items.filter(isNodeReady).length },
    pods: {
      total: pods.items.length,
      running: pods.items.filter((pod) => pod.status?.phase === "Running").length,
    },
  };
}

function inWords(report: Extract<StatusReport, { running: true }>): string {
  const { nodes, pods } = report;
  const lines: [string, string][] = [
    ["cluster", report.ready ? "ready" : "not ready"],
    ["API server", report.url],
    ...(report.dns === undefined ? [] : [["DNS", report.dns] as [string, string]]),
    [
      "process",
      `${report.pid}, up ${humanDuration(new SystemClock().nowMs() - Date.parse(report.startedAt))}`,
    ],
    ["kubeconfig", report.kubeconfig],
    ["store", `${report.store} in ${report.dataDir}`],
    ["seed", String(report.seed)],
  ];
  if (nodes !== undefined) lines.push(["nodes", `${nodes.ready} of ${nodes.total} ready`]);
  if (pods !== undefined) lines.push(["pods", `${pods.running} of ${pods.total} running`]);
  return lines.map(([what, value]) => `${what.padEnd(12)} ${value}\n`).join("");
}
