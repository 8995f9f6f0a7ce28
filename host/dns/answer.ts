import type { DnsRecord } from "./records.ts";
import type { ClusterZone } from "./zone.ts";

/** The answers of a name server, by RFC 1035 and, the last, 6891. */
export const RCODE = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  noSuchName: 3,
  notImplemented: 4,
  refused: 5,
  badVersion: 16,
} as const;
export type Rcode = (typeof RCODE)[keyof typeof RCODE];

export interface Question {
  /** As it was asked, upper and lower case as they came, without the last dot. */
  readonly name: string;
  readonly type: string;
  readonly class: string;
}

export interface NamedRecord {
  readonly name: string;
  readonly record: DnsRecord;
}

export interface Answer {
  readonly rcode: Rcode;
  readonly answers: readonly NamedRecord[];
  readonly authorities: readonly NamedRecord[];
  /** What the asker would ask next: left out where there is no room. */
  readonly additionals: readonly NamedRecord[];
}

/** ExternalNames that lead to each other are followed so far. */
const MAX_ALIASES = 8;

/**
 * Answers one question. A name outside of the cluster's zones is refused: nothing is forwarded. A name that is not there
 * is told from one that has nothing of the type, both with the zone's SOA, so that they may be kept (RFC 2308).
 */
export function answerQuestion(zone: ClusterZone, question: Question): Answer {
  const { type } = question;
  if (question.class !== "IN" && question.class !== "ANY") return empty(RCODE.refused);
  // Nobody needs the whole zone at once.
  if (type === "AXFR" || type === "IXFR") return empty(RCODE.refused);
  const answers: NamedRecord[] = [];
  let name = question.name;
  for (let aliases = 0; aliases <= MAX_ALIASES; aliases++) {
    const labels = name.toLowerCase().split(".");
    const own = zone.zoneOf(labels);
    // An alias leads out of the cluster: whoever asked goes on from there.
    if (own === undefined) return answers.length > 0 ? found(zone, answers) : empty(RCODE.refused);
    const records = zone.recordsAt(labels);
    const nothing = [{ name: own, record: zone.authority }];
    if (records === undefined) return { ...empty(RCODE.noSuchName), answers, authorities: nothing };
    const fitting = records.filter((record) => type === "ANY" || record.type === type);
    answers.push(...fitting.map((record) => ({ name, record })));
    const alias = fitting.length > 0 ? undefined : records.find((record) => record.type === "CNAME");
    if (alias === undefined)
      return fitting.length > 0
        ? found(zone, answers)
        : { ...empty(RCODE.noError), answers, authorities: nothing };
    answers.push({ name, record: alias });
    name = String(alias.data);
  }
  return empty(RCODE.serverFailure);
}

/** Askers take the first: each time it is another one. */
export function rotated(answer: Answer, by: number): Answer {
  const { answers } = answer;
  // An alias stays before what it leads to.
  if (answers.length < 2 || answers.some(({ record }) => record.type === "CNAME")) return answer;
  const first = by % answers.length;
  return { ...answer, answers: [...answers.slice(first), ...answers.slice(0, first)] };
}

export function empty(rcode: Rcode): Answer {
  return { rcode, answers: [], authorities: [], additionals: [] };
}

/** With the addresses of what the answers lead to. */
function found(zone: ClusterZone, answers: readonly NamedRecord[]): Answer {
  const targets = new Set<string>();
  for (const { record } of answers) {
    if (record.type === "SRV") targets.add(record.data.target);
    if (record.type === "NS") targets.add(record.data);
  }
  const additionals = [...targets].flatMap((name) =>
    (zone.recordsAt(name.split(".")) ?? [])
      .filter(({ type }) => type === "A" || type === "AAAA")
      .map((record) => ({ name, record })),
  );
  return { ...empty(RCODE.noError), answers, additionals };
}
