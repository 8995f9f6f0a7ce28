import { tokens } from "../../host/proxy/restore-text.ts";

/**
 * What `iptables-save` prints of a rule that a restore text holds: options in another order, marks, probabilities and lists
 * spelled out (shared/spec/service-tables.md, Appendix B). Written from the tool's side: it knows how the tool prints, not
 * what kube-proxy writes.
 */
export function savedRule(line: string, family: "ipv4" | "ipv6"): string {
  const [append, chain, ...words] = tokens(line);
  const head: Record<"-s" | "-d" | "-i" | "-p", string> = { "-s": "", "-d": "", "-i": "", "-p": "" };
  const matches: string[][] = [];
  let target: string[] = [];
  let not = "";
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "!") not = "! ";
    else if (word === "-s" || word === "-d" || word === "-i" || word === "-p") {
      const value = words[++i]!;
      head[word] = `${not}${word} ${word === "-s" || word === "-d" ? withLength(value) : value}`;
      not = "";
    } else if (word === "-m") matches.push(["-m", words[++i]!]);
    else if (word === "-j") {
      target = words.slice(i);
      break;
    } else {
      // Options of tcp may stand after another match was named.
      const owner =
        word === "--dport" ? matches.find(([, name]) => PROTOCOLS.includes(name!))! : matches.at(-1)!;
      owner.push(`${not}${word}`);
      not = "";
      while (i + 1 < words.length && !words[i + 1]!.startsWith("-") && words[i + 1] !== "!")
        owner.push(words[++i]!);
    }
  }
  const parts = [
    append!,
    chain!,
    head["-s"],
    head["-d"],
    head["-i"],
    head["-p"],
    ...matches.map((match) => savedMatch(match, family)),
    ...savedTarget(target, family),
  ];
  return parts.filter((part) => part !== "").join(" ");
}

const PROTOCOLS = ["tcp", "udp", "sctp"];

function withLength(address: string): string {
  if (address.includes("/")) return address;
  return `${address}/${address.includes(":") ? 128 : 32}`;
}

function savedMatch(words: readonly string[], family: "ipv4" | "ipv6"): string {
  const [, name] = words;
  const value = (option: string) => words[words.indexOf(option) + 1]!;
  if (name === "comment") {
    const text = value("--comment");
    return `-m comment --comment ${/^[\w-]+$/.test(text) ? text : `"${text}"`}`;
  }
  if (name === "mark") {
    const [option, mark] = words.slice(2) as [string, string];
    return `-m mark ${option} ${mark.split("/").map(hex).join("/")}`;
  }
  if (name === "statistic") {
    const nth = Math.floor(Number(value("--probability")) * 2 ** 31 + 0.5);
    return `-m statistic --mode random --probability ${elevenDigits(nth)}`;
  }
  if (name === "recent") {
    const mask = family === "ipv4" ? "255.255.255.255" : Array(8).fill("ffff").join(":");
    const what = words.includes("--set") ? "--set" : `--rcheck --seconds ${value("--seconds")} --reap`;
    return `-m recent ${what} --name ${value("--name")} --mask ${mask} --rsource`;
  }
  return words.join(" ");
}

function savedTarget(words: readonly string[], family: "ipv4" | "ipv6"): string[] {
  const [, name, option, value] = words;
  if (name === "MARK")
    return ["-j", "MARK", "--set-xmark", `${hex(value!)}/${option === "--or-mark" ? hex(value!) : "0x0"}`];
  if (name === "REJECT")
    return [
      ...words,
      "--reject-with",
      family === "ipv4" ? "icmp-port-unreachable" : "icmp6-port-unreachable",
    ];
  return [...words];
}

function hex(text: string): string {
  return `0x${Number(text).toString(16)}`;
}

/** C's `%.11f` of nth / 2^31, by whole numbers; half goes to the even digit. */
function elevenDigits(nth: number): string {
  const scaled = BigInt(nth) * 10n ** 11n;
  const one = 2n ** 31n;
  let digits = scaled / one;
  const twice = (scaled % one) * 2n;
  if (twice > one || (twice === one && digits % 2n === 1n)) digits++;
  const text = digits.toString().padStart(12, "0");
  return `${text.slice(0, -11)}.${text.slice(-11)}`;
}

/** Tables, their chains of kube-proxy and the rules of each, in order. */
export type Ruleset = Record<string, Record<string, string[]>>;

/** Reads what `iptables-save` prints; `-t nat` and the rest alike. */
export function readSaved(text: string): Ruleset {
  return rulesetOf(text, (line) => line.replace("--nfacct-name  ", "--nfacct-name "));
}

/** What a save must print after a full restore text was loaded into empty tables. */
export function expectedSaved(text: string, family: "ipv4" | "ipv6"): Ruleset {
  return rulesetOf(text, (line) => savedRule(line, family));
}

function rulesetOf(text: string, ruleOf: (line: string) => string): Ruleset {
  const tables: Ruleset = {};
  let chains: Record<string, string[]> = {};
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) {
      chains = {};
      tables[line.slice(1)] = chains;
    } else if (line.startsWith(":KUBE-")) chains[line.slice(1).split(" ")[0]!] = [];
    else if (line.startsWith("-A KUBE-")) chains[line.split(" ")[1]!]!.push(ruleOf(line));
    else if (line.startsWith("-X ")) delete chains[line.slice(3)];
  }
  return tables;
}
