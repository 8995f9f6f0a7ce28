import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** A program started for a measurement, in a folder of its own that goes when it ends. */
export interface Started {
  readonly pid: number;
  readonly folder: string;
  /** From the start of the process to `isReady`, in ms. */
  readonly readyMs: number;
  /** What it has printed so far. */
  output(): string;
  stop(): Promise<void>;
}

const LOOK_EVERY_MS = 2;
const READY_LIMIT_MS = 10 * 60_000;

/**
 * Starts `node <args>` and waits until it is ready.
 *
 * @param args     what follows `node`, given the folder
 * @param isReady  asked every 2 ms, given the folder and what the program printed
 */
export async function startProgram(
  args: (folder: string) => readonly string[],
  isReady: (folder: string, output: string) => boolean,
): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), "pintle-bench-"));
  const startedMs = performance.now();
  const child = spawn(process.execPath, args(folder), { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      output += chunk;
    });
  while (!isReady(folder, output)) {
    if (child.exitCode !== null)
      throw new Error(`${args(folder).join(" ")} ended with ${child.exitCode}:\n${output}`);
    if (performance.now() - startedMs > READY_LIMIT_MS) throw new Error(`not ready in time:\n${output}`);
    await delay(LOOK_EVERY_MS);
  }
  const readyMs = performance.now() - startedMs;
  return { pid: child.pid!, folder, readyMs, output: () => output, stop: () => stop(child, folder) };
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGINT");
    await gone;
  }
  rmSync(folder, { recursive: true, force: true });
}

/** Resident memory of a process and all its descendants, in MiB. Shared pages count in each. Linux only (/proc). */
export function residentMiB(pid: number): number {
  const kiB = processTree(pid).map((one) =>
    Number(/^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${one}/status`))?.[1] ?? 0),
  );
  return kiB.reduce((sum, one) => sum + one, 0) / 1024;
}

/** Processor time that a process has used so far, all its threads together. Linux only (/proc). */
export function cpuMs(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  // In hundredths of a second: USER_HZ is 100 on every Linux that Node runs on.
  return (Number(user) + Number(system)) * 10;
}

function processTree(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((one) => /^\d+$/.test(one))) {
    const stat = read(`/proc/${name}/stat`);
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
  }
  const tree = [root];
  for (const member of tree) for (const [pid, parent] of parents) if (parent === member) tree.push(pid);
  return tree;
}

/** Empty when the process has ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
