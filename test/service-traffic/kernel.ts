import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SystemClock } from "../../host/apimachinery/clock.ts";
import { createLogger } from "../../host/apimachinery/log.ts";
import { MetricsRegistry } from "../../host/apimachinery/metrics/registry.ts";
import { Conntrack } from "../../host/proxy/kernel/conntrack.ts";
import type { KernelRulesOptions } from "../../host/proxy/kernel/iptables-rules.ts";
import { type Ended, type RunTool, runTool } from "../../host/proxy/kernel/tool.ts";
import { ProxyMetrics } from "../../host/proxy/proxy-metrics.ts";
import { TEST_NODE } from "../service-table/shorthand.ts";

/** A kernel of its own for a test: a network namespace that lives as long as a process in it. */
export class Kernel {
  readonly #holder: ChildProcess;
  readonly #folder = mkdtempSync(join(tmpdir(), "pintle-kernel-"));
  readonly #frontEnd: string;
  readonly clock = new SystemClock();
  readonly registry = new MetricsRegistry();
  readonly metrics = new ProxyMetrics(this.registry, this.clock);
  readonly warnings: string[] = [];
  /** Names of the tools that ran, with what they were told first. */
  readonly ran: string[] = [];
  /** Answers in the place of a tool. */
  instead: (name: string, args: readonly string[]) => Ended | undefined = () => undefined;

  private constructor(frontEnd: string, holder: ChildProcess) {
    this.#frontEnd = frontEnd;
    this.#holder = holder;
  }

  /** @param frontEnd  of iptables: legacy or nft */
  static async open(frontEnd = "nft"): Promise<Kernel> {
    const holder = spawn("unshare", ["-n", "sh", "-c", "ip link set lo up; echo ready; exec sleep 1000"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    await once(holder.stdout!, "data");
    return new Kernel(frontEnd, holder);
  }

  readonly run: RunTool = async (name, args, input) => {
    this.ran.push(`${name} ${args.find((arg) => /^-[A-Z]$/.test(arg)) ?? args[0]}`);
    const instead = this.instead(name, args);
    if (instead !== undefined) return instead;
    const own = name.replace(/^(ip6?tables)/, `$1-${this.#frontEnd}`);
    const lock = `XTABLES_LOCKFILE=${join(this.#folder, "xtables.lock")}`;
    return await runTool("nsenter", ["-t", `${this.#holder.pid}`, "-n", "env", lock, own, ...args], input);
  };

  options(more: Partial<KernelRulesOptions> = {}): KernelRulesOptions {
    const { clock, metrics, run } = this;
    const log = createLogger((line) => this.warnings.push(line), "warn");
    return {
      clock,
      log,
      run,
      metrics,
      conntrack: new Conntrack(run, clock, log, metrics),
      routeLocalhost: () => {},
      options: () => TEST_NODE,
      syncPeriodMs: 30_000,
      onLost: () => {},
      ...more,
    };
  }

  /** What a tool prints. */
  async says(name: string, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(name, args);
    if (code !== 0) throw new Error(`${name} ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  async stop(): Promise<void> {
    this.#holder.kill("SIGKILL");
    await once(this.#holder, "exit");
    rmSync(this.#folder, { recursive: true });
  }
}
