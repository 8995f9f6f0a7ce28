import { type Clock, sleep } from "../../apimachinery/clock.ts";
import type { Family } from "../address.ts";
import { type JumpRule, jumpArguments } from "../jump-rules.ts";
import { type RunTool, ToolError } from "./tool.ts";

/** Somebody else holds the lock of the tables; iptables waits for 5 s by itself. */
const LOCKED = 4;
const LOCK_TRIES = 3;
const LOCK_PAUSE_MS = 500;
const WAIT = ["-w", "5"];

type Table = "filter" | "nat" | "mangle";

/** iptables of one family, as kube-proxy uses it. */
export class IptablesTool {
  readonly #run: RunTool;
  readonly #clock: Clock;
  readonly #name: string;

  constructor(family: Family, run: RunTool, clock: Clock) {
    this.#run = run;
    this.#clock = clock;
    this.#name = family === "ipv4" ? "iptables" : "ip6tables";
  }

  /** Whether it is there, and the kernel has what it needs. */
  async isPresent(): Promise<boolean> {
    const { code } = await this.#run(this.#name, [...WAIT, "-t", "nat", "-S", "POSTROUTING"]);
    return code === 0;
  }

  /** Whether it knows `MASQUERADE --random-fully`. */
  async hasRandomFully(): Promise<boolean> {
    const { stdout } = await this.#run(this.#name, ["--version"]);
    const [major = 0, minor = 0, patch = 0] = /v(\d+)\.(\d+)\.(\d+)/.exec(stdout)?.slice(1).map(Number) ?? [];
    return major > 1 || (major === 1 && (minor > 6 || (minor === 6 && patch >= 2)));
  }

  /** Makes the chains that are not there. One look at all of them: each of the tool's runs costs milliseconds. */
  async ensureChains(wanted: readonly { readonly table: Table; readonly chain: string }[]): Promise<void> {
    const present = await this.#allChains();
    for (const { table, chain } of wanted) {
      const known = `${table} ${chain}`;
      if (!present.has(known)) await this.#do(["-N", chain, "-t", table]);
      present.add(known);
    }
  }

  async hasChain(table: Table, chain: string): Promise<boolean> {
    const { code } = await this.#run(this.#name, [...WAIT, "-S", chain, "-t", table]);
    return code === 0;
  }

  async deleteChain(table: Table, chain: string): Promise<void> {
    await this.#run(this.#name, [...WAIT, "-F", chain, "-t", table]);
    await this.#run(this.#name, [...WAIT, "-X", chain, "-t", table]);
  }

  /** At the top of its chain. The chain that it leads to is there. */
  async ensureJump(rule: JumpRule): Promise<void> {
    const arguments_ = [rule.source, "-t", rule.table, ...jumpArguments(rule)];
    const { code } = await this.#run(this.#name, [...WAIT, "-C", ...arguments_]);
    if (code !== 0) await this.#do(["-I", ...arguments_]);
  }

  async deleteJump(rule: JumpRule): Promise<void> {
    const arguments_ = [rule.source, "-t", rule.table, ...jumpArguments(rule)];
    // As often as it is there; when it is not, that is what was wanted.
    while ((await this.#run(this.#name, [...WAIT, "-D", ...arguments_])).code === 0);
  }

  /** The names of a table's chains. */
  async chains(table: Table): Promise<string[]> {
    return [...(await this.#save(["-t", table])).matchAll(/^:(\S+)/gm)].map(([, name]) => name!);
  }

  async restore(text: string): Promise<void> {
    await this.#do(["--noflush", "--counters"], `${this.#name}-restore`, text);
  }

  /** `nat KUBE-SERVICES` */
  async #allChains(): Promise<Set<string>> {
    const tables = (await this.#save([])).split(/^\*/m);
    return new Set(
      tables.flatMap((text) => {
        const table = text.slice(0, text.indexOf("\n"));
        return [...text.matchAll(/^:(\S+)/gm)].map(([, name]) => `${table} ${name}`);
      }),
    );
  }

  async #save(args: readonly string[]): Promise<string> {
    const ended = await this.#run(`${this.#name}-save`, args);
    if (ended.code !== 0) throw new ToolError(`${this.#name}-save`, ended);
    return ended.stdout;
  }

  async #do(args: readonly string[], name = this.#name, input = ""): Promise<void> {
    for (let tried = 1; ; tried++) {
      const ended = await this.#run(name, [...WAIT, ...args], input);
      if (ended.code === 0) return;
      if (ended.code !== LOCKED || tried === LOCK_TRIES) throw new ToolError(name, ended);
      await sleep(this.#clock, LOCK_PAUSE_MS);
    }
  }
}
