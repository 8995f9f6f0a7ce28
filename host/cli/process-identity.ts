import { readFileSync } from "node:fs";

/**
 * Names a process so that a later one with the same number is not taken for it: `1234@56789`, the second number being
 * the start time in clock ticks since boot. Where there is no /proc, the number alone.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks?: number;
}

export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, startTicks: startTicksOf(process.pid) };
}

export function isAlive(identity: ProcessIdentity): boolean {
  try {
    process.kill(identity.pid, 0);
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const startTicks = startTicksOf(identity.pid);
  return startTicks === undefined || identity.startTicks === undefined || startTicks === identity.startTicks;
}

/** Field 22 of /proc/PID/stat; the command in field 2 may hold spaces and brackets, so counting starts after it. */
function startTicksOf(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[19]);
}
