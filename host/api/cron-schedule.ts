/**
 * The times of a CronJob: five fields as in crontab, or a descriptor such as `@hourly` or `@every 1h30m`.
 * Texts and quirks are those of the parser Kubernetes uses (github.com/robfig/cron/v3, ParseStandard).
 */
export type CronSchedule =
  | { readonly kind: "fields"; readonly fields: readonly CronField[] }
  | { readonly kind: "every"; readonly everyMs: number };

export interface CronField {
  readonly values: ReadonlySet<number>;
  /** Written as `*`: does not restrict, which matters between the day of month and the day of week. */
  readonly any: boolean;
}

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const MONTHS = ["", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const BOUNDS: readonly Bounds[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 6, names: DAYS },
];

const DESCRIPTORS: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};
const EVERY = "@every ";
const MS_PER: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  ns: 0.000001,
};

class CronError extends Error {
  override readonly name = "CronError";
}

/** The schedule, or what is wrong with the text. */
export function parseCronSchedule(text: string): { schedule: CronSchedule } | { error: string } {
  try {
    return { schedule: parse(text) };
  } catch (error) {
    if (error instanceof CronError) return { error: error.message };
    throw error;
  }
}

function parse(text: string): CronSchedule {
  if (text === "") throw new CronError("empty spec string");
  if (text.startsWith("@")) return parseDescriptor(text);
  const words = text.split(/\s+/).filter((word) => word !== "");
  if (words.length !== BOUNDS.length)
    throw new CronError(`expected exactly 5 fields, found ${words.length}: [${words.join(" ")}]`);
  return { kind: "fields", fields: words.map((word, index) => parseField(word, BOUNDS[index]!)) };
}

function parseDescriptor(text: string): CronSchedule {
  const usual = DESCRIPTORS[text];
  if (usual !== undefined) return parse(usual);
  if (!text.startsWith(EVERY)) throw new CronError(`unrecognized descriptor: ${text}`);
  const duration = text.slice(EVERY.length);
  if (!/^[+-]?((\d+\.?\d*|\.\d+)(h|m|s|ms|us|µs|ns))+$/.test(duration) && !/^[+-]?0$/.test(duration))
    throw new CronError(
      `failed to parse duration ${text}: time: invalid duration ${JSON.stringify(duration)}`,
    );
  let everyMs = 0;
  for (const [, amount, unit] of duration.matchAll(/([\d.]+)(h|ms|m|us|µs|ns|s)/g))
    everyMs += Number(amount) * MS_PER[unit!]!;
  // Below a second there is nothing to wait for; fractions of a second are cut.
  return { kind: "every", everyMs: Math.max(1000, Math.trunc(everyMs / 1000) * 1000) };
}

function parseField(text: string, bounds: Bounds): CronField {
  const values = new Set<number>();
  let any = false;
  for (const part of text.split(",").filter((one) => one !== "")) {
    const { start, end, step, star } = parseRange(part, bounds);
    for (let value = start; value <= end; value += step) values.add(value);
    any ||= star;
  }
  return { values, any };
}

function parseRange(text: string, bounds: Bounds) {
  const [range = "", stepText, ...moreSteps] = text.split("/");
  const [low = "", high, ...moreHyphens] = range.split("-");
  const isStar = low === "*" || low === "?";
  if (moreHyphens.length > 0 && !isStar) throw new CronError(`too many hyphens: ${text}`);
  const start = isStar ? bounds.min : parseNumber(low, bounds);
  let end = isStar ? bounds.max : high === undefined ? start : parseNumber(high, bounds);
  if (moreSteps.length > 0) throw new CronError(`too many slashes: ${text}`);
  const step = stepText === undefined ? 1 : parseNumber(stepText, {});
  // `5/15` means from 5 to the end.
  if (stepText !== undefined && high === undefined) end = bounds.max;
  if (start < bounds.min)
    throw new CronError(`beginning of range (${start}) below minimum (${bounds.min}): ${text}`);
  if (end > bounds.max) throw new CronError(`end of range (${end}) above maximum (${bounds.max}): ${text}`);
  if (start > end) throw new CronError(`beginning of range (${start}) beyond end of range (${end}): ${text}`);
  if (step === 0) throw new CronError(`step of range should be a positive number: ${text}`);
  return { start, end, step, star: isStar && step === 1 };
}

function parseNumber(text: string, { names }: { names?: readonly string[] }): number {
  const named = names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0 && text !== "") return named;
  if (!/^[+-]?\d+$/.test(text)) {
    const why = `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
    throw new CronError(`failed to parse int from ${text}: ${why}`);
  }
  const value = Number(text);
  if (value < 0) throw new CronError(`negative number (${value}) not allowed: ${text}`);
  return value;
}
