import { Command } from "commander";
import * as kinds from "../../api/registry.ts";
import { SystemClock } from "../../apimachinery/clock.ts";
import { getRunning } from "../cluster-state.ts";
import { dataDirFlag, outputFlag } from "../flags.ts";
import { memoryInWords, type NodeFacts, nodeFacts } from "../node-facts.ts";
import { humanDuration, renderTable } from "../output/table.ts";
import { connect } from "../remote.ts";

/** `pintle node list`: the nodes and how full they are. JSON: an array of NodeFacts. */
export function nodeCommand(): Command {
  const list = new Command("list")
    .description("list the nodes and how full they are")
    .addOption(dataDirFlag())
    .addOption(outputFlag("json"))
    .action(listNodes);
  return new Command("node").description("the cluster's nodes").helpCommand(false).addCommand(list);
}

async function listNodes({ dataDir, output }: { dataDir: string; output: string }): Promise<void> {
  const client = connect(dataDir, getRunning(dataDir).state);
  try {
    const [nodes, pods] = await Promise.all([client.list(kinds.Node), client.list(kinds.Pod)]);
    const facts = nodes.items.map((node) => nodeFacts(node, pods.items));
    process.stdout.write(output === "json" ? `${JSON.stringify(facts, null, 2)}\n` : inWords(facts));
  } finally {
    client.close();
  }
}

function inWords(facts: readonly NodeFacts[]): string {
  const nowMs = new SystemClock().nowMs();
  return renderTable(
    ["NAME", "STATUS", "ZONE", "PODS", "CPU", "MEMORY", "POD-CIDR", "AGE"],
    facts.map((node) => [
      node.name,
      `${node.ready ? "Ready" : "NotReady"}${node.schedulable ? "" : ",SchedulingDisabled"}`,
      node.zone,
      String(node.pods),
      `${node.requestedCpu}/${node.allocatableCpu}`,
      memoryInWords(node, "/"),
      node.podCidr,
      humanDuration(nowMs - Date.parse(node.createdAt)),
    ]),
  );
}
