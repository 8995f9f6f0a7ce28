import type { Family } from "../address.ts";
import type { ProxyOptions } from "../proxy-options.ts";
import { type NftBlock, nftBlocks, nftTableText } from "../render-nftables.ts";
import type { RuleBackend } from "../rule-backend.ts";
import { FAMILIES, type ServiceModels } from "../service-models.ts";
import { hasUdpPort, staleUdpFlows } from "../udp-flows.ts";
import type { KernelRulesOptions } from "./iptables-rules.ts";
import { nftTransaction } from "./nftables-transaction.ts";
import { ToolError } from "./tool.ts";

/**
 * `--mode nftables`: rules in the kernel, in a table of each family, by transactions of what changed. A full sync replaces
 * the tables, and clients' bindings with them: it comes at start and after a failure only.
 */
export class NftablesRules implements RuleBackend {
  readonly #options: KernelRulesOptions;
  #rules: ProxyOptions;
  /** What is in the kernel. */
  readonly #written = new Map<Family, readonly NftBlock[]>();

  constructor(options: KernelRulesOptions) {
    this.#options = options;
    this.#rules = options.options();
  }

  async sync(models: ServiceModels, full: boolean): Promise<void> {
    if (full) {
      this.#rules = this.#options.options();
      this.#written.clear();
    }
    for (const family of FAMILIES) await this.#syncFamily(family, models);
  }

  async stop(): Promise<void> {}

  async #syncFamily(family: Family, models: ServiceModels): Promise<void> {
    const { clock, run, conntrack, metrics } = this.#options;
    const startMs = clock.monotonicMs();
    const model = models[family];
    const { endpoints } = model.takeChanges();
    const rules = model.allRules();
    const before = this.#written.get(family);
    const after = nftBlocks(family, rules, this.#rules);
    const text = before === undefined ? nftTableText(family, after) : nftTransaction(family, before, after);
    if (text !== "") {
      const ended = await run("nft", ["-f", "-"], text);
      if (ended.code !== 0) {
        metrics.nftablesFailed(family);
        throw new ToolError("nft", ended);
      }
    }
    this.#written.set(family, after);
    if (hasUdpPort(model, endpoints)) await conntrack.forget(family, staleUdpFlows(model));
    metrics.synced(family, before === undefined, startMs, model);
  }
}
