import type { Clock } from "../../apimachinery/clock.ts";
import { JUMP_RULES } from "../jump-rules.ts";
import { isServiceChain } from "../render-iptables.ts";
import { FAMILIES } from "../service-models.ts";
import { IptablesTool } from "./iptables-tool.ts";
import type { RunTool } from "./tool.ts";

/** Chains of ours that have one name for all Services. */
const CHAINS = {
  filter: [
    "KUBE-SERVICES",
    "KUBE-EXTERNAL-SERVICES",
    "KUBE-FORWARD",
    "KUBE-NODEPORTS",
    "KUBE-PROXY-FIREWALL",
  ],
  nat: ["KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-MARK-MASQ"],
  mangle: [],
} as const;
const CANARY = "KUBE-PROXY-CANARY";
/** The kubelet has the same chain, and needs it. */
const OF_KUBELET = "KUBE-FIREWALL";

/** `--cleanup`: takes all rules of both kernel modes away, as kube-proxy does. */
export async function cleanUp(run: RunTool, clock: Clock): Promise<void> {
  for (const family of FAMILIES) {
    const tool = new IptablesTool(family, run, clock);
    if (await tool.isPresent()) {
      for (const rule of JUMP_RULES) if (rule.target !== OF_KUBELET) await tool.deleteJump(rule);
      for (const table of ["filter", "nat", "mangle"] as const) {
        const ours: readonly string[] = CHAINS[table];
        const chains = (await tool.chains(table)).filter(
          (name) => ours.includes(name) || isServiceChain(name),
        );
        const lines = (write: (name: string) => string) => chains.map(write);
        if (chains.length > 0)
          await tool.restore(
            [
              `*${table}`,
              ...lines((name) => `:${name} - [0:0]`),
              ...lines((name) => `-X ${name}`),
              "COMMIT",
              "",
            ].join("\n"),
          );
        await tool.deleteChain(table, CANARY);
      }
    }
    // Where there is no such table, or no nft, there is nothing to take away.
    await run("nft", ["delete", "table", family === "ipv4" ? "ip" : "ip6", "kube-proxy"]);
  }
}
