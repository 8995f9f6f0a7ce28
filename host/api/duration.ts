const SECOND = 1;
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/**
 * A duration as `kubectl get` prints it: two units at most, the second left out when it is zero or does not matter.
 * `90s`, `5m30s`, `45m`, `3h20m`, `2d4h`, `40d`, `2y100d`. Source: k8s.io/apimachinery/pkg/util/duration.HumanDuration.
 */
export function formatDuration(ms: number): string {
  // More than a second in the future is a clock that went wrong; up to a second is rounding.
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 2 * MINUTE) return `${seconds}s`;
  const minutes = Math.floor(seconds / MINUTE);
  if (minutes < 10) return twoUnits(seconds, MINUTE, "m", SECOND, "s");
  if (minutes < 3 * 60) return `${minutes}m`;
  if (seconds < 8 * HOUR) return twoUnits(seconds, HOUR, "h", MINUTE, "m");
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)}h`;
  if (seconds < 8 * DAY) return twoUnits(seconds, DAY, "d", HOUR, "h");
  if (seconds < 2 * YEAR) return `${Math.floor(seconds / DAY)}d`;
  if (seconds < 8 * YEAR) return twoUnits(seconds, YEAR, "y", DAY, "d");
  return `${Math.floor(seconds / YEAR)}y`;
}

function twoUnits(seconds: number, big: number, bigName: string, small: number, smallName: string): string {
  const rest = Math.floor((seconds % big) / small);
  const first = `${Math.floor(seconds / big)}${bigName}`;
  return rest === 0 ? first : `${first}${rest}${smallName}`;
}

/** How long ago a time was, `<unknown>` when it is not set. */
export function formatAge(time: string | undefined, nowMs: number): string {
  return time ? formatDuration(nowMs - Date.parse(time)) : "<unknown>";
}
