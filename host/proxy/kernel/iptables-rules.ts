import { type Clock, sleep, type Timer } from "../../apimachinery/clock.ts";
import type { Logger } from "../../apimachinery/log.ts";
import type { Family } from "../address.ts";
import { JUMP_RULES } from "../jump-rules.ts";
import type { ProxyMetrics } from "../proxy-metrics.ts";
import { type ProxyOptions, servesLocalhost } from "../proxy-options.ts";
import { LARGE_CLUSTER_ENDPOINTS, renderIptables } from "../render-iptables.ts";
import type { RuleBackend } from "../rule-backend.ts";
import type { ServiceModel } from "../service-model.ts";
import { FAMILIES, type ServiceModels } from "../service-models.ts";
import { hasUdpPort, staleUdpFlows } from "../udp-flows.ts";
import type { Conntrack } from "./conntrack.ts";
import { IptablesTool } from "./iptables-tool.ts";
import type { RunTool } from "./tool.ts";

export interface KernelRulesOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly run: RunTool;
  readonly conntrack: Conntrack;
  readonly metrics: ProxyMetrics;
  /** Node ports are to answer at 127.0.0.1, which this kernel has to be told. */
  readonly routeLocalhost: () => void;
  /** Asked at each full sync: addresses of interfaces change. */
  readonly options: () => ProxyOptions;
  readonly syncPeriodMs: number;
  /** The rules were lost: a sync is due. */
  readonly onLost: () => void;
}

/** Of each table one that nobody uses: where it is gone, somebody has flushed everything. Source: service-tables 5.4. */
const CANARY = "KUBE-PROXY-CANARY";
const CANARY_TABLES = ["mangle", "nat", "filter"] as const;
const CANARY_POLL_MS = 100;
const CANARY_POLLS = 50;
/** Other than in large clusters, everything is written again once an hour. */
const FULL_SYNC_PERIOD_MS = 3_600_000;

/** What is remembered of one family between syncs. */
interface FamilyState {
  readonly family: Family;
  readonly tool: IptablesTool;
  lastFullMs: number;
  lastCleanupMs: number;
}

/** `--mode iptables`: rules in the kernel, by iptables-restore, as kube-proxy writes them. Source: service-tables 5. */
export class IptablesRules implements RuleBackend {
  readonly #options: KernelRulesOptions;
  readonly #states: FamilyState[];
  #rules: ProxyOptions;
  #isLost = false;
  #canary: Timer | undefined;
  #stopped = false;

  private constructor(options: KernelRulesOptions, families: readonly Family[]) {
    this.#options = options;
    this.#rules = options.options();
    this.#states = families.map((family) => ({
      family,
      tool: new IptablesTool(family, options.run, options.clock),
      lastFullMs: Number.NEGATIVE_INFINITY,
      lastCleanupMs: Number.NEGATIVE_INFINITY,
    }));
  }

  /** Of the families that this machine has. */
  static async open(options: KernelRulesOptions): Promise<IptablesRules> {
    const present: Family[] = [];
    for (const family of FAMILIES)
      if (await new IptablesTool(family, options.run, options.clock).isPresent()) present.push(family);
    if (present.length === 0)
      throw new Error("iptables does not work here: it needs root, and a kernel with its nat table");
    const rules = new IptablesRules(options, present);
    rules.#watchCanary();
    return rules;
  }

  get families(): readonly Family[] {
    return this.#states.map(({ family }) => family);
  }

  async sync(models: ServiceModels, full: boolean): Promise<void> {
    const all = full || this.#isLost;
    if (all) this.#rules = this.#options.options();
    for (const state of this.#states) await this.#syncFamily(state, models[state.family], all);
    this.#isLost = false;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#canary?.cancel();
  }

  async #syncFamily(state: FamilyState, model: ServiceModel, asked: boolean): Promise<void> {
    const { clock, metrics, syncPeriodMs } = this.#options;
    const { family, tool } = state;
    const startMs = clock.monotonicMs();
    const largeCluster = model.endpointTotal() > LARGE_CLUSTER_ENDPOINTS;
    const full = asked || (!largeCluster && startMs - state.lastFullMs > FULL_SYNC_PERIOD_MS);
    if (full) await this.#prepare(state);
    const cleansUp = !largeCluster || startMs - state.lastCleanupMs > syncPeriodMs;
    const existingChains = cleansUp ? await tool.chains("nat") : [];
    const { services, endpoints } = model.takeChanges();
    const rules = model.allRules();
    const rendered = renderIptables({
      family,
      options: this.#rules,
      largeCluster,
      rules,
      existingChains,
      ...(full ? {} : { changed: services }),
    });
    try {
      await tool.restore(rendered.text);
    } catch (error) {
      metrics.restoreFailed(family, full);
      throw error;
    }
    if (full) state.lastFullMs = startMs;
    if (cleansUp) state.lastCleanupMs = startMs;
    metrics.iptablesWritten(family, rendered.ruleCounts);
    if (hasUdpPort(model, endpoints)) await this.#options.conntrack.forget(family, staleUdpFlows(model));
    metrics.synced(family, full, startMs, model);
  }

  /** The jumps from the kernel's own chains, and what makes node ports answer at 127.0.0.1. */
  async #prepare({ family, tool }: FamilyState): Promise<void> {
    await tool.ensureChains([
      ...JUMP_RULES.map(({ table, target }) => ({ table, chain: target })),
      ...CANARY_TABLES.map((table) => ({ table, chain: CANARY })),
    ]);
    for (const rule of JUMP_RULES) await tool.ensureJump(rule);
    if (servesLocalhost(this.#rules, family)) this.#options.routeLocalhost();
  }

  #watchCanary(): void {
    this.#canary = this.#options.clock.setTimeout(() => {
      void this.#checkCanary().finally(() => {
        if (!this.#stopped) this.#watchCanary();
      });
    }, this.#options.syncPeriodMs);
  }

  /** Never rejects. */
  async #checkCanary(): Promise<void> {
    const { clock, log, onLost } = this.#options;
    for (const { tool, lastFullMs } of this.#states) {
      if (lastFullMs === Number.NEGATIVE_INFINITY || (await tool.hasChain("mangle", CANARY))) continue;
      // Whoever flushes does one table after the other: what is written before the end would be gone again.
      for (let poll = 0; poll < CANARY_POLLS; poll++) {
        if (!(await tool.hasChain("nat", CANARY)) && !(await tool.hasChain("filter", CANARY))) break;
        await sleep(clock, CANARY_POLL_MS);
      }
      log.warn("iptables rules were flushed by somebody, they are written again");
      this.#isLost = true;
    }
    if (this.#isLost && !this.#stopped) onLost();
  }
}
