import type { Answer, Ask, AskedOperation, HistoryRecord, ToldEntry, ToldEvent } from "./history.ts";

/**
 * Histories in shorthand, a line per record. An entry is written "/a x@3", created by revision 3, or "/a x@3/2",
 * created by 2; none is "-".
 *
 *     p: create /a x            p asks (until it is answered it asks nothing else)
 *     p = 2                     p's write got revision 2; "p: create /a x = 2" is both lines in one
 *     p: update /a@2 y = no /a x@3        a condition did not hold
 *     p: create /a x, delete /b@3 = 4     a transaction
 *     p: create /a x = ?        the outcome is unknown; "= never": certainly nothing happened
 *     p: get /a = /a x@2        p: get /a at 2 = -
 *     p: range / = 5 /a x@2, /b y@3
 *     w: watch / after 1        w watches
 *     w tells 2 /a x | 3 /a y@3/2 was x@2 | 4 /a gone was y@3/2       one batch; "x" alone was created just then
 *     w progress 5,  w settled 5,  w over
 */
export function historyOf(...lines: readonly string[]): HistoryRecord[] {
  const asks = new Map<string, { id: string; ask: Ask }>();
  return lines.flatMap((line, i) => {
    const [, name = "", rest = ""] = /^(\w+)(.*)$/.exec(line) ?? [];
    const watch = /^: watch (\S*) after (\d+)$/.exec(rest);
    if (watch !== null) return [{ at: "watch", id: name, prefix: watch[1]!, after: Number(watch[2]) }];
    const told = /^ (tells|progress|settled|over) ?(.*)$/.exec(rest);
    if (told !== null) return [toldRecord(name, told[1]!, told[2]!)];
    const [asked, answered] = rest.split(" = ").map((part) => part.replace(/^:? ?=? ?/, ""));
    const records: HistoryRecord[] = [];
    if (rest.startsWith(":")) {
      const open = { id: `${name}${i}`, ask: askOf(asked!) };
      asks.set(name, open);
      records.push({ at: "ask", ...open });
    }
    if (answered !== undefined) {
      const { id, ask } = asks.get(name)!;
      records.push({ at: "answer", id, answer: answerOf(answered, ask) });
    }
    return records;
  });
}

function toldRecord(id: string, what: string, rest: string): HistoryRecord {
  switch (what) {
    case "tells":
      return { at: "events", id, events: rest.split(" | ").map(eventOf) };
    case "progress":
    case "settled":
      return { at: what, id, revision: Number(rest) };
    default:
      return { at: "over", id };
  }
}

function eventOf(told: string): ToldEvent {
  const [, at, key = "", value = "", before] = /^(\d+) (\S+) (\S+)(?: was (\S+))?$/.exec(told) ?? [];
  const revision = Number(at);
  const entry =
    value === "gone" ? null : entryOf(`${key} ${value.includes("@") ? value : `${value}@${revision}`}`);
  return { revision, key, entry, previous: before === undefined ? null : entryOf(`${key} ${before}`) };
}

function askOf(asked: string): Ask {
  const [, verb, target = "", at] = /^(get|range) (\S*)(?: at (\d+))?$/.exec(asked) ?? [];
  const revision = at === undefined ? {} : { revision: Number(at) };
  if (verb === "get") return { verb, key: target, ...revision };
  if (verb === "range") return { verb, prefix: target, ...revision };
  return { verb: "write", operations: asked.split(", ").map(operationOf) };
}

function operationOf(asked: string): AskedOperation {
  const [type, target = "", value] = asked.split(" ");
  const [key = "", expected] = target.split("@");
  return {
    type: type as AskedOperation["type"],
    key,
    ...(value === undefined ? {} : { value }),
    ...(expected === undefined ? {} : { expected: Number(expected) }),
  };
}

function answerOf(told: string, ask: Ask): Answer {
  if (told === "?" || told === "never") return { failed: told, isDefinite: told === "never" };
  if (ask.verb === "get") return { got: entryOf(told) };
  const [first = "", ...rest] = told.split(" ");
  const entries = rest.join(" ").split(", ").map(entryOf);
  if (ask.verb === "range")
    return { ranged: entries.filter((entry) => entry !== null), revision: Number(first), remaining: 0 };
  return first === "no" ? { refused: entries } : { wrote: Number(first), told: [] };
}

function entryOf(told: string): ToldEntry | null {
  const match = /^(\S+) (.*)@(\d+)(?:\/(\d+))?$/.exec(told);
  if (match === null) return null;
  const [, key = "", value = "", modified, created = modified] = match;
  return { key, value, created: Number(created), modified: Number(modified) };
}
