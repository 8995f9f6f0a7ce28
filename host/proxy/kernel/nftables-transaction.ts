import type { Family } from "../address.ts";
import { type NftBlock, nftTableName, nftTableText } from "../render-nftables.ts";

/**
 * What turns one table into another, for `nft -f -`: only what differs is said, so that counters, and the clients that
 * sets of session affinity hold, stay. In an order in which nothing is named that is not there, or taken away that is
 * still named:
 *
 *   new sets and chains, emptied chains that change ─► their rules ─► elements out, elements in ─► old chains ─► old sets
 *
 * @returns "" when nothing differs
 */
export function nftTransaction(
  family: Family,
  before: readonly NftBlock[],
  after: readonly NftBlock[],
): string {
  const table = nftTableName(family);
  const old = new Map(before.map((block) => [block.name, block]));
  const next = new Map(after.map((block) => [block.name, block]));
  const [declared, rules, elements, removed]: [string[], string[], string[], string[]] = [[], [], [], []];
  for (const block of after) {
    const known = old.get(block.name);
    if (block.kind === "chain") {
      if (known !== undefined && isSameList(known.lines, block.lines)) continue;
      // The hook of a base chain is part of what it is. It depends on nothing that changes: this is another version's.
      if (isBase(block)) return nftTableText(family, after);
      declared.push(
        known === undefined ? `add chain ${table} ${block.name}` : `flush chain ${table} ${block.name}`,
      );
      for (const line of block.lines) rules.push(`add rule ${table} ${block.name} ${line}`);
    } else {
      // A set cannot become another one while rules name it: as with a new time-out of session affinity.
      if (known !== undefined && !isSameList(known.lines, block.lines)) return nftTableText(family, after);
      if (known === undefined)
        declared.push(`add ${block.kind} ${table} ${block.name} { ${block.lines.join("; ")}; }`);
      elements.push(...elementChanges(table, known?.elements ?? [], block));
    }
  }
  const gone = before.filter(({ name }) => !next.has(name));
  const chains = gone.filter(({ kind }) => kind === "chain");
  removed.push(...chains.map(({ name }) => `flush chain ${table} ${name}`));
  removed.push(...chains.map(({ name }) => `delete chain ${table} ${name}`));
  for (const { kind, name } of gone) if (kind !== "chain") removed.push(`delete ${kind} ${table} ${name}`);
  const lines = [...declared, ...rules, ...elements, ...removed];
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function elementChanges(table: string, before: readonly string[], { name, elements }: NftBlock): string[] {
  const had = new Set(before);
  const has = new Set(elements);
  const out = before.filter((one) => !has.has(one)).map((one) => one.split(" : ")[0]!);
  const into = elements.filter((one) => !had.has(one));
  return [
    ...(out.length > 0 ? [`delete element ${table} ${name} { ${out.join(", ")} }`] : []),
    ...(into.length > 0 ? [`add element ${table} ${name} { ${into.join(", ")} }`] : []),
  ];
}

function isBase({ lines }: NftBlock): boolean {
  return lines[0]?.startsWith("type ") ?? false;
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}
