import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Clock, sleep } from "../apimachinery/clock.ts";
import { StoreOpenError } from "./open-error.ts";

export interface DirectoryLock {
  release(): void;
}

const LOCK_FILE = /^lock-(\d+)-(\d+)$/;

/**
 * Makes this process the only one that works in a directory, until it releases the lock or dies, by SIGKILL too.
 *
 * Node has no flock, so every process raises a flag of its own, the file `lock-PID-START`, and only then looks for the
 * flags of others. Of two that come at once at least one sees the other, so never do both go in; that sometimes both
 * step back is fine. A flag whose process is gone is swept away by whoever sees it: nobody can come back under the
 * same pid and start time. Processes of different pid namespaces (two containers, one volume) do not see each other.
 *
 * @throws StoreOpenError "in-use" naming the other process
 */
export function lockDirectory(dir: string): DirectoryLock {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const own = `lock-${process.pid}-${startOf(process.pid) ?? 0}`;
  try {
    writeFileSync(join(dir, own), "", { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new StoreOpenError(
      "in-use",
      `data directory ${dir} is in use by this process (pid ${process.pid}) already`,
    );
  }
  for (const flag of flagsIn(dir).filter(({ name }) => name !== own)) {
    if (isRunning(flag.pid, flag.start)) {
      rmSync(join(dir, own), { force: true });
      throw new StoreOpenError(
        "in-use",
        `data directory ${dir} is in use by another process (pid ${flag.pid})`,
      );
    }
    rmSync(join(dir, flag.name), { force: true });
  }
  return { release: () => rmSync(join(dir, own), { force: true }) };
}

const PATIENCE_MS = 10_000;
const LOOK_EVERY_MS = 20;

/** Waits a while for others to be done; for what takes them no more than a moment. */
export async function awaitDirectory(dir: string, clock: Clock): Promise<DirectoryLock> {
  for (let waitedMs = 0; ; waitedMs += LOOK_EVERY_MS) {
    try {
      return lockDirectory(dir);
    } catch (error) {
      const isBusy = error instanceof StoreOpenError && error.reason === "in-use";
      if (!isBusy || waitedMs >= PATIENCE_MS) throw error;
    }
    // Two that step back from each other do not come again at the same moment.
    await sleep(clock, LOOK_EVERY_MS + (process.pid % LOOK_EVERY_MS));
  }
}

/** The process that works in a directory. */
export interface Holder {
  readonly pid: number;
  /** False once it is gone, also when its pid has been given to another. */
  isRunning(): boolean;
}

/** Who works in a directory, without touching anything; undefined when nobody does. */
export function findHolder(dir: string): Holder | undefined {
  const flag = flagsIn(dir).find(({ pid, start }) => isRunning(pid, start));
  return flag && { pid: flag.pid, isRunning: () => isRunning(flag.pid, flag.start) };
}

function flagsIn(dir: string): { name: string; pid: number; start: number }[] {
  const matches = existsSync(dir) ? readdirSync(dir).map((name) => LOCK_FILE.exec(name)) : [];
  return matches
    .filter((match) => match !== null)
    .map(([name, pid, start]) => ({ name, pid: Number(pid), start: Number(start) }));
}

function isRunning(pid: number, start: number): boolean {
  if (process.platform === "linux") {
    const startNow = startOf(pid);
    return startNow !== undefined && (start === 0 || startNow === start);
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * When a process began, in clock ticks since the machine did; undefined for one that is gone or a zombie, and on
 * systems without /proc. In `/proc/PID/stat` the name in parentheses may hold anything; after the last ")" come the
 * state (field 3) and, as field 22, the start.
 */
function startOf(pid: number): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : Number(fields[19]);
  } catch {
    // No such file: no such process, or no /proc.
    return undefined;
  }
}
