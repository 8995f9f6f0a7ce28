import { type Clock, formatMilliTime } from "./clock.ts";

/**
 * What a component says of its work: one line a step, with fields. A step about an object carries `uid` and `revision`,
 * so that one Pod can be followed from its POST to its address.
 */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  /** Something went wrong and was dealt with. */
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log under a component's name. */
  child(component: string): Logger;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/**
 * A logger that hands finished lines to `write`: `2026-01-01T00:00:00.000Z info scheduler bound pod uid=… revision=42`.
 *
 * @param level  lines below it are not made at all
 * @param clock  whose time each line begins with; absent: lines without one
 */
export function createLogger(
  write: (line: string) => void,
  level: LogLevel,
  clock?: Clock,
  component = "",
): Logger {
  const log = (at: LogLevel) =>
    RANK[at] < RANK[level]
      ? () => {}
      : (message: string, fields: LogFields = {}) => {
          const words = Object.entries(fields).flatMap(([key, value]) =>
            value === undefined ? [] : [`${key}=${value}`],
          );
          const time = clock === undefined ? [] : [formatMilliTime(clock.nowMs())];
          write([...time, at, ...(component === "" ? [] : [component]), message, ...words].join(" "));
        };
  return {
    debug: log("debug"),
    info: log("info"),
    warn: log("warn"),
    error: log("error"),
    child: (name) => createLogger(write, level, clock, component === "" ? name : `${component}/${name}`),
  };
}

export const silentLogger: Logger = createLogger(() => {}, "error");
