import { DecodeError, jsonKind } from "./decode-error.ts";
import {
  canonicalQuantity,
  formatQuantity,
  parseQuantity,
  QuantityError,
  roundUpToMilli,
} from "./quantity.ts";

/** Scalars with a form of their own: checked, and brought into the one form that Kubernetes writes. */

/**
 * A quantity, given as text or as a number. Members of a resource list are rounded up to thousandths, as every
 * ResourceList is when it is defaulted.
 */
export function decodeQuantity(value: unknown, inResourceList: boolean): string {
  const text = typeof value === "string" ? value.trim() : JSON.stringify(value);
  try {
    return inResourceList ? formatQuantity(roundUpToMilli(parseQuantity(text))) : canonicalQuantity(text);
  } catch (error) {
    if (error instanceof QuantityError) throw new DecodeError(error.message);
    throw error;
  }
}

/** Standard base64 with padding; line ends are skipped, as Go does. */
export function decodeBase64(text: string): string {
  if (text.length % 4 === 0 && /^[A-Za-z0-9+/]*(?:[AEIMQUYcgkosw048]=|[AQgw]==)?$/.test(text)) return text;
  const fault = base64Fault(text);
  if (fault !== undefined) throw new DecodeError(`illegal base64 data at input byte ${fault}`);
  return Buffer.from(text, "base64").toString("base64");
}

/** The byte that Go's decoder complains about, if any. */
function base64Fault(text: string): number | undefined {
  let inQuantum = 0;
  let quantumStart = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === "\n" || char === "\r") continue;
    if (inQuantum === 0) quantumStart = i;
    if (char === "=") return paddingFault(text, i, inQuantum);
    if (!/[A-Za-z0-9+/]/.test(char)) return Buffer.byteLength(text.slice(0, i));
    inQuantum = (inQuantum + 1) % 4;
  }
  return inQuantum === 0 ? undefined : quantumStart;
}

function paddingFault(text: string, at: number, inQuantum: number): number | undefined {
  if (inQuantum < 2) return at;
  let i = at + 1;
  const skipLineEnds = () => {
    while (text[i] === "\n" || text[i] === "\r") i++;
  };
  if (inQuantum === 2) {
    skipLineEnds();
    if (i >= text.length) return text.length;
    if (text[i] !== "=") return i - 1;
    i++;
  }
  skipLineEnds();
  return i < text.length ? i : undefined;
}

/** The steps of Go's time.Parse for RFC 3339; the error names the one that failed. */
const TIME_STEPS: readonly (readonly [RegExp, string])[] = [
  [/^\d{4}/, "2006"],
  [/^-/, "-"],
  [/^\d{2}/, "01"],
  [/^-/, "-"],
  [/^\d{2}/, "02"],
  [/^T/, "T"],
  [/^\d{2}/, "15"],
  [/^:/, ":"],
  [/^\d{2}/, "04"],
  [/^:/, ":"],
  [/^\d{2}/, "05"],
];
const ZONE = /^(?:Z|[+-]\d{2}:\d{2})/;

/** `2024-05-01T12:00:00+02:00` -> `2024-05-01T10:00:00Z`: whole seconds, UTC. */
export function decodeTime(value: unknown): string {
  const text = timeText(value);
  if (/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/.test(text)) {
    checkRange(text);
    return text;
  }
  const milliseconds = parseTime(text, "2006-01-02T15:04:05Z07:00", [/^(?:[.,]\d+)?/, ""]);
  return `${wholeSeconds(milliseconds)}Z`;
}

/** Six decimal places, UTC. */
export function decodeMicroTime(value: unknown): string {
  const text = timeText(value);
  const milliseconds = parseTime(text, "2006-01-02T15:04:05.000000Z07:00", [/^\.\d{6}/, ".000000"]);
  const micros = /\.(\d{6})/.exec(text)?.[1] ?? "000000";
  return `${wholeSeconds(milliseconds)}.${micros}Z`;
}

/** An offset may carry a time out of the years that have four digits. */
function wholeSeconds(milliseconds: number): string {
  const text = new Date(milliseconds).toISOString();
  if (text.length !== 24) throw new DecodeError("Time.MarshalJSON: year outside of range [0,9999]");
  return text.slice(0, 19);
}

function timeText(value: unknown): string {
  if (typeof value === "string") return value;
  throw new DecodeError(`json: cannot unmarshal ${jsonKind(value)} into Go value of type string`);
}

function parseTime(text: string, layout: string, fraction: readonly [RegExp, string]): number {
  let rest = text;
  const refuse = (element: string) =>
    new DecodeError(
      `parsing time ${JSON.stringify(text)} as "${layout}": cannot parse ${JSON.stringify(rest)} as "${element}"`,
    );
  for (const [pattern, element] of [...TIME_STEPS, fraction]) {
    const match = pattern.exec(rest);
    if (!match) throw refuse(element);
    rest = rest.slice(match[0].length);
  }
  const zone = ZONE.exec(rest);
  if (!zone) throw refuse("Z07:00");
  rest = rest.slice(zone[0].length);
  if (rest !== "") {
    throw new DecodeError(`parsing time ${JSON.stringify(text)}: extra text: ${JSON.stringify(rest)}`);
  }
  checkRange(text);
  return Date.parse(`${text.slice(0, 19)}${zone[0]}`);
}

/** Days of February and the like. */
function checkRange(text: string): void {
  const [month, day, hour, minute, second] = [5, 8, 11, 14, 17].map((at) => Number(text.slice(at, at + 2)));
  const fault =
    month! < 1 || month! > 12
      ? "month"
      : hour! > 23
        ? "hour"
        : minute! > 59
          ? "minute"
          : second! > 59
            ? "second"
            : day! < 1 || day! > new Date(Date.UTC(Number(text.slice(0, 4)), month!, 0)).getUTCDate()
              ? "day"
              : "";
  if (fault !== "") throw new DecodeError(`parsing time ${JSON.stringify(text)}: ${fault} out of range`);
}

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** A Go duration such as `1h30m`; returned as Go prints it (`1h30m0s`). */
export function decodeDuration(value: unknown): string {
  const text = timeText(value);
  const nanoseconds = parseDuration(text);
  if (nanoseconds === undefined) throw new DecodeError(`time: invalid duration ${JSON.stringify(text)}`);
  return formatDuration(nanoseconds);
}

/** Nanoseconds of a Go duration (`1h30m`, `1.5s`); undefined if it is none. */
export function parseDuration(text: string): number | undefined {
  if (/^[+-]?0$/.test(text)) return 0;
  if (!/^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    total += Number(amount) * DURATION_UNITS[unit!]!;
  }
  return text.startsWith("-") ? -total : total;
}

/** Go's Duration.String: `1h30m0s`, `1.5s`, `20ms`, `0s`. */
export function formatDuration(nanoseconds: number): string {
  const sign = nanoseconds < 0 ? "-" : "";
  const total = Math.abs(Math.trunc(nanoseconds));
  if (total === 0) return "0s";
  if (total < 1e3) return `${sign}${total}ns`;
  if (total < 1e6) return `${sign}${total / 1e3}µs`;
  if (total < 1e9) return `${sign}${total / 1e6}ms`;
  const hours = Math.floor(total / 3600e9);
  const minutes = Math.floor(total / 60e9) % 60;
  const seconds = `${(total % 60e9) / 1e9}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}
