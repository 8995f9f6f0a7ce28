import { type Address, contains, parseAddress } from "./address.ts";
import { JUMP_RULES, jumpArguments } from "./jump-rules.ts";
import type { Packet, Verdict } from "./packet.ts";
import { applyRestore, type Chains, type Match, parseRule, type Rule } from "./restore-text.ts";

/** One thing that may happen to a packet: rules that draw make several possible. */
export interface PossibleVerdict {
  readonly verdict: Verdict;
  /** 0 to 1; those of a packet add up to 1. */
  readonly probability: number;
  /** The lists of clients that the packet's source joins when this happens. */
  readonly remembered: readonly string[];
  /** The rule that decided; undefined: none did. */
  readonly by: string | undefined;
}

/** A packet on its way, and how likely it got so far. */
interface Walk {
  readonly source: Address;
  readonly destination: Address;
  readonly port: number;
  readonly protocol: string;
  readonly from: Packet["from"];
  readonly mark: number;
  readonly translated: boolean;
  readonly probability: number;
  readonly remembered: readonly string[];
  readonly by: string | undefined;
}

type End = "return" | "accept" | "drop" | "reject";

interface Branch {
  readonly walk: Walk;
  readonly end: End;
}

const BUILT_IN: Readonly<Record<string, readonly string[]>> = {
  filter: ["INPUT", "FORWARD", "OUTPUT"],
  nat: ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
};

/**
 * Goes through iptables rules one by one, as the kernel does: slow, plain, and knowing nothing of Services. It shows which
 * rule decides, and is what the table is compared with. A packet is the first of its connection.
 */
export class ChainWalker {
  readonly #chains: Chains = new Map();
  readonly #nodeAddresses: ReadonlySet<string>;
  /** Lists of the `recent` match: name -> source -> when it was seen last. */
  readonly #lists = new Map<string, Map<string, number>>();

  /** @param nodeAddresses  of the node's interfaces */
  constructor(nodeAddresses: readonly Address[]) {
    this.#nodeAddresses = new Set(nodeAddresses.map(({ text }) => text));
    for (const [table, names] of Object.entries(BUILT_IN))
      this.#chains.set(table, new Map(names.map((name): [string, Rule[]] => [name, []])));
    for (const jump of JUMP_RULES) {
      const table = this.#chains.get(jump.table)!;
      if (!table.has(jump.target)) table.set(jump.target, []);
      table.get(jump.source)!.unshift(parseRule(jumpArguments(jump), `${jump.source} -> ${jump.target}`));
    }
  }

  /** Applies a restore text, full or partial, to what is there. Lists that no rule names any more are gone. */
  load(text: string): void {
    applyRestore(this.#chains, text);
    const named = new Set<string>();
    for (const rule of [...this.#chains.get("nat")!.values()].flat())
      for (const match of rule.matches) if (match.is === "recent") named.add(match.list);
    for (const list of this.#lists.keys()) if (!named.has(list)) this.#lists.delete(list);
  }

  /** The names of a table's chains: what a sync looks for stale ones in. */
  chainNames(table: "filter" | "nat"): Iterable<string> {
    return this.#chains.get(table)!.keys();
  }

  /** Each table's chains and the texts of their rules, in order: what two loads are compared by. */
  dump(): Record<string, Record<string, string[]>> {
    const texts = (rules: readonly Rule[]) => rules.map((rule) => rule.text);
    const table = (chains: ReadonlyMap<string, Rule[]>) =>
      Object.fromEntries([...chains].sort().map(([name, rules]) => [name, texts(rules)]));
    return Object.fromEntries([...this.#chains].map(([name, chains]) => [name, table(chains)]));
  }

  /** Everything that may happen to a packet now. */
  possibleVerdicts(packet: Packet, nowMs: number): PossibleVerdict[] {
    const start: Walk = {
      source: parseAddress(packet.source)!,
      destination: parseAddress(packet.destination)!,
      port: packet.port,
      protocol: packet.protocol.toLowerCase(),
      from: packet.from,
      mark: 0,
      translated: false,
      probability: 1,
      remembered: [],
      by: undefined,
    };
    const isOwn = packet.from === "node";
    const routed = this.#walkChain("nat", isOwn ? "OUTPUT" : "PREROUTING", start, nowMs);
    const filtered = routed.flatMap(({ walk }) => this.#filter(walk, isOwn, nowMs));
    return filtered.flatMap(({ walk, end }) => {
      if (end === "drop" || end === "reject") return [asVerdict(walk, end, false)];
      // The rule that clears the mark and masquerades ends the chain; without the mark it returns.
      return this.#walkChain("nat", "POSTROUTING", walk, nowMs).map((last) =>
        asVerdict(walk, "accept", last.end === "accept"),
      );
    });
  }

  /** Says which of the possible verdicts happened: session affinity remembers it. */
  happened(packet: Packet, { remembered }: PossibleVerdict, nowMs: number): void {
    const source = parseAddress(packet.source)!.text;
    for (const list of remembered) {
      if (!this.#lists.has(list)) this.#lists.set(list, new Map());
      this.#lists.get(list)!.set(source, nowMs);
    }
  }

  /** The hooks of table filter that a packet passes after it is routed. The node's own to itself come in again. */
  #filter(walk: Walk, isOwn: boolean, nowMs: number): Branch[] {
    const toNode = this.#isLocal(walk.destination);
    const hooks = [...(isOwn ? ["OUTPUT"] : []), ...(toNode ? ["INPUT"] : isOwn ? [] : ["FORWARD"])];
    let branches: Branch[] = [{ walk, end: "accept" }];
    for (const hook of hooks)
      branches = branches.flatMap((branch) =>
        branch.end === "accept" ? this.#walkHook(hook, branch.walk, nowMs) : [branch],
      );
    return branches;
  }

  #walkHook(hook: string, walk: Walk, nowMs: number): Branch[] {
    return this.#walkChain("filter", hook, walk, nowMs).map((branch) =>
      branch.end === "return" ? { ...branch, end: "accept" } : branch,
    );
  }

  /** All ways through a chain. */
  #walkChain(table: string, name: string, start: Walk, nowMs: number): Branch[] {
    const ended: Branch[] = [];
    let walks = [start];
    for (const rule of this.#chains.get(table)!.get(name)!) {
      const next: Walk[] = [];
      for (const walk of walks) {
        const chance = this.#chanceOf(rule, walk, nowMs);
        if (chance < 1) next.push({ ...walk, probability: walk.probability * (1 - chance) });
        if (chance === 0) continue;
        const hit = { ...walk, probability: walk.probability * chance };
        for (const branch of this.#follow(table, rule, hit, nowMs))
          if (branch.end === "return") next.push(branch.walk);
          else ended.push(branch.end === RETURNED ? { ...branch, end: "return" } : (branch as Branch));
      }
      walks = next;
      if (walks.length === 0) break;
    }
    return [...ended, ...walks.map((walk): Branch => ({ walk, end: "return" }))];
  }

  /** What the target of a rule does; `return`: the chain goes on with its next rule. */
  #follow(
    table: string,
    rule: Rule,
    before: Walk,
    nowMs: number,
  ): { walk: Walk; end: End | typeof RETURNED }[] {
    const lists = rule.matches.flatMap((match) => (match.is === "recent" && match.set ? [match.list] : []));
    const walk = lists.length === 0 ? before : { ...before, remembered: [...before.remembered, ...lists] };
    const decided = { ...walk, by: rule.text };
    switch (rule.target) {
      case undefined:
        return [{ walk, end: "return" }];
      case "RETURN":
        return [{ walk, end: RETURNED }];
      case "ACCEPT":
      case "MASQUERADE":
        return [{ walk, end: "accept" }];
      case "DROP":
        return [{ walk: decided, end: "drop" }];
      case "REJECT":
        return [{ walk: decided, end: "reject" }];
      case "MARK":
        return [{ walk: { ...walk, mark: changedMark(rule, walk.mark) }, end: "return" }];
      case "DNAT":
        return [
          {
            walk: { ...decided, ...targetOf(rule.options.get("--to-destination")!), translated: true },
            end: "accept",
          },
        ];
      default:
        return this.#walkChain(table, rule.target, walk, nowMs);
    }
  }

  /** How likely a rule matches: 0, 1, or what its draw says. */
  #chanceOf({ matches }: Rule, walk: Walk, nowMs: number): number {
    let chance = 1;
    for (const match of matches) {
      if (match.is === "chance") chance = match.of / 2 ** 31;
      else if (!this.#matches(match, walk, nowMs)) return 0;
    }
    return chance;
  }

  #matches(match: Exclude<Match, { is: "chance" }>, walk: Walk, nowMs: number): boolean {
    switch (match.is) {
      case "source":
        return contains(match.range, walk.source) !== match.not;
      case "destination":
        return contains(match.range, walk.destination) !== match.not;
      case "interface":
        return (walk.from === "pod") !== match.not;
      case "protocol":
        return match.name === walk.protocol;
      case "port":
        return match.port === walk.port;
      case "state":
        return (
          (match.states.includes("NEW") || (walk.translated && match.states.includes("DNAT"))) !== match.not
        );
      case "source-type":
        return this.#isLocal(walk.source);
      case "destination-type":
        return this.#isLocal(walk.destination);
      case "mark":
        return ((walk.mark & match.mask) >>> 0 === match.value) !== match.not;
      case "recent": {
        if (match.set) return true;
        const last = this.#lists.get(match.list)?.get(walk.source.text);
        return last !== undefined && nowMs - last <= match.seconds * 1_000;
      }
      default:
        return match satisfies never;
    }
  }

  #isLocal(address: Address): boolean {
    return address.text.startsWith("127.") || this.#nodeAddresses.has(address.text);
  }
}

/** RETURN leaves the chain at once, unlike a chain that was jumped to and ran to its end. */
const RETURNED = "returned";

function changedMark(rule: Rule, mark: number): number {
  const or = rule.options.get("--or-mark");
  const xor = rule.options.get("--xor-mark");
  return or === undefined ? (mark ^ Number(xor)) >>> 0 : (mark | Number(or)) >>> 0;
}

/** `10.0.0.1:80`, `[fd00::1]:80` */
function targetOf(text: string): { destination: Address; port: number } {
  const colon = text.lastIndexOf(":");
  const address = text.slice(0, colon).replace(/^\[|\]$/g, "");
  return { destination: parseAddress(address)!, port: Number(text.slice(colon + 1)) };
}

function asVerdict(walk: Walk, end: "accept" | "drop" | "reject", masquerade: boolean): PossibleVerdict {
  const { destination, port, probability, remembered, by } = walk;
  const verdict: Verdict =
    end !== "accept"
      ? { action: end }
      : walk.translated
        ? { action: "dnat", address: destination.text, port, masquerade }
        : { action: "pass" };
  return { verdict, probability, remembered, by };
}
