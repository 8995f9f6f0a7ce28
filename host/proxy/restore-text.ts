import { type AddressRange, parseAddress, parseRange, single } from "./address.ts";

/**
 * A reader of what `iptables-restore` reads, as far as kube-proxy writes it. It shares nothing with the renderer: what the
 * renderer writes wrongly must not be read rightly.
 */
export type Match =
  | { readonly is: "source" | "destination"; readonly not: boolean; readonly range: AddressRange }
  | { readonly is: "interface"; readonly not: boolean; readonly name: string }
  | { readonly is: "protocol"; readonly name: string }
  | { readonly is: "port"; readonly port: number }
  | { readonly is: "state"; readonly not: boolean; readonly states: readonly string[] }
  | { readonly is: "source-type" | "destination-type"; readonly type: string }
  | { readonly is: "mark"; readonly not: boolean; readonly value: number; readonly mask: number }
  /** Of 2^31: as the kernel rounds the probability. */
  | { readonly is: "chance"; readonly of: number }
  | { readonly is: "recent"; readonly list: string; readonly set: boolean; readonly seconds: number };

export interface Rule {
  readonly matches: readonly Match[];
  /** `undefined`: none, the rule only says something. */
  readonly target: string | undefined;
  /** Options of the target, `--to-destination` and its value. */
  readonly options: ReadonlyMap<string, string>;
  readonly text: string;
}

/** Tables of chains. */
export type Chains = Map<string, Map<string, Rule[]>>;

/**
 * Applies a restore text as `--noflush` does: a chain line creates or empties, `-A` appends, `-X` deletes.
 *
 * @throws RestoreError where the tool would fail; the tables are then half changed
 */
export function applyRestore(chains: Chains, text: string): void {
  let table: Map<string, Rule[]> | undefined;
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    if (line.startsWith("*")) {
      table = chains.get(line.slice(1)) ?? new Map();
      chains.set(line.slice(1), table);
    } else if (line === "COMMIT") table = undefined;
    else if (table === undefined) throw new RestoreError(line, "is outside of a table");
    else applyLine(table, line);
  }
  for (const rules of chains.values())
    for (const chain of rules.values())
      for (const { target, text: line } of chain)
        if (target?.startsWith("KUBE-") && !rules.has(target)) throw new RestoreError(line, "no such chain");
}

/** A line that the restore tool would not take. */
export class RestoreError extends Error {
  override readonly name = "RestoreError";
  constructor(line: string, why: string) {
    super(`${line}: ${why}`);
  }
}

function applyLine(table: Map<string, Rule[]>, line: string): void {
  if (line.startsWith(":")) {
    table.set(line.slice(1).split(" ")[0]!, []);
    return;
  }
  const [command, chain = "", ...words] = tokens(line);
  const rules = table.get(chain);
  if (rules === undefined) throw new RestoreError(line, `chain ${chain} does not exist`);
  if (command === "-X") table.delete(chain);
  else if (command === "-A") rules.push(parseRule(words, line));
  else throw new RestoreError(line, `unknown command ${command}`);
}

/** Words; those in double quotes may hold spaces. */
export function tokens(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
}

export function parseRule(words: readonly string[], text: string): Rule {
  const matches: Match[] = [];
  const options = new Map<string, string>();
  let target: string | undefined;
  let not = false;
  let recent: { list: string; set: boolean; seconds: number } | undefined;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const value = () => {
      const next = words[++i];
      if (next === undefined) throw new RestoreError(text, `${word} needs a value`);
      return next;
    };
    if (target !== undefined) {
      // The rest is the target's.
      const next = words[i + 1];
      options.set(word, next === undefined || next.startsWith("--") ? "" : value());
      continue;
    }
    switch (word) {
      case "!":
        not = true;
        continue;
      case "-s":
      case "-d":
        matches.push({ is: word === "-s" ? "source" : "destination", not, range: rangeOf(value(), text) });
        break;
      case "-i":
        matches.push({ is: "interface", not, name: value() });
        break;
      case "-p":
        matches.push({ is: "protocol", name: value() });
        break;
      case "--dport":
        matches.push({ is: "port", port: Number(value()) });
        break;
      case "--ctstate":
        matches.push({ is: "state", not, states: value().split(",") });
        break;
      case "--src-type":
      case "--dst-type":
        matches.push({ is: word === "--src-type" ? "source-type" : "destination-type", type: value() });
        break;
      case "--mark": {
        const [mark, mask] = value().split("/").map(Number);
        matches.push({ is: "mark", not, value: mark!, mask: mask! });
        break;
      }
      case "--probability":
        matches.push({ is: "chance", of: Math.floor(Number(value()) * 2 ** 31 + 0.5) });
        break;
      case "--name":
        recent = { list: value(), set: false, seconds: 0 };
        break;
      case "--set":
      case "--rcheck":
        recent = { ...recent!, set: word === "--set" };
        break;
      case "--seconds":
        recent = { ...recent!, seconds: Number(value()) };
        break;
      case "-j":
        target = value();
        break;
      case "-m":
      case "--comment":
      case "--mode":
      case "--nfacct-name":
        value();
        break;
      case "--reap":
        break;
      default:
        throw new RestoreError(text, `unknown option ${word}`);
    }
    not = false;
  }
  if (recent !== undefined) matches.push({ is: "recent", ...recent });
  return { matches, target, options, text };
}

function rangeOf(text: string, line: string): AddressRange {
  const address = parseAddress(text);
  const range = address === undefined ? parseRange(text) : single(address);
  if (range === undefined) throw new RestoreError(line, `${text} is no address`);
  return range;
}
