import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { packageFile } from "../../host/apimachinery/package-root.ts";

/** A real `pintle up`, as a user starts it: its own process, its own data dir, a free port. */
export interface PintleProcess {
  readonly dataDir: string;
  readonly kubeconfig: string;
  readonly child: ChildProcess;
  /** Everything the process has printed. */
  output(): string;
  /** Ends it with this signal and waits until it is gone. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export const CLI = packageFile("dist/host/cli/pintle.js");
const READY_TIMEOUT_MS = 30_000;

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "pintle-test-"));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** Starts `pintle up` and waits for its kubeconfig, which appears only when /readyz is ok. */
export async function pintleUp(dataDir: string, flags: readonly string[] = []): Promise<PintleProcess> {
  const kubeconfig = join(dataDir, "kubeconfig");
  rmSync(kubeconfig, { force: true });
  const args = [CLI, "up", "--data-dir", dataDir, "--port", "0", ...flags];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  const exited = new Promise<number | null>((resolve) => {
    child.once("exit", (code) => resolve(code));
  });
  for (let waitedMs = 0; !existsSync(kubeconfig); waitedMs += 20) {
    if (child.exitCode !== null) throw new Error(`pintle up ended with ${child.exitCode}:\n${output}`);
    if (waitedMs > READY_TIMEOUT_MS) {
      child.kill("SIGKILL");
      throw new Error(`pintle up was not ready in ${READY_TIMEOUT_MS} ms:\n${output}`);
    }
    await delay(20);
  }
  return {
    dataDir,
    kubeconfig,
    child,
    output: () => output,
    stop: async (signal = "SIGINT") => {
      child.kill(signal);
      return await exited;
    },
  };
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; a failure is an answer, not an exception. */
export function run(
  program: string,
  args: readonly string[],
  options: { input?: string; env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      args,
      {
        encoding: "utf8",
        timeout: options.timeoutMs ?? 60_000,
        env: { ...process.env, ...options.env },
        maxBuffer: 64 << 20,
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
        resolve({ code, stdout, stderr });
      },
    );
    child.stdin?.end(options.input ?? "");
  });
}

export function runPintle(args: readonly string[], timeoutMs?: number): Promise<Ran> {
  return run(process.execPath, [CLI, ...args], { timeoutMs });
}

/** kubectl bound to one kubeconfig, with its own cache so that discovery is asked for anew. */
export function kubectlFor(kubeconfig: string, cacheFolder: string) {
  return (
    args: readonly string[] | string,
    options: { input?: string; env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
  ) => {
    const words = typeof args === "string" ? args.split(" ") : args;
    return run("kubectl", ["--kubeconfig", kubeconfig, "--cache-dir", cacheFolder, ...words], options);
  };
}

/** Asks again until `check` holds; the last answer is in the failure. */
export async function eventually<T>(
  ask: () => Promise<T>,
  check: (answer: T) => boolean,
  timeoutMs = 15_000,
): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (check(answer)) return answer;
    if (performance.now() > endMs)
      throw new Error(
        `did not come true in ${timeoutMs} ms; last answer: ${JSON.stringify(answer, null, 2)}`,
      );
    await delay(100);
  }
}
