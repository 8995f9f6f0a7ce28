import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "./failure.ts";

/** What a detached cluster tells the command that started it: once, when it is up or has failed. */
export type DetachedMessage = { readonly ready: string } | { readonly failed: string };

/**
 * Starts `pintle <args>` as a process of its own, which outlives this one, and waits until it is up.
 *
 * Its output goes to DIR/pintle.log. Its first words come back over an IPC channel, which then closes.
 *
 * @returns what it reports
 */
export async function startDetached(args: readonly string[], dataDir: string): Promise<string> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const logPath = join(dataDir, "pintle.log");
  const log = openSync(logPath, "a", 0o600);
  const cli = fileURLToPath(
    new URL(`./pintle${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url),
  );
  const child = spawn(process.execPath, [...process.execArgv, cli, ...args], {
    detached: true,
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  const outcome = await new Promise<DetachedMessage>((resolve) => {
    child.once("message", (message) => resolve(message as DetachedMessage));
    child.once("error", (error) => resolve({ failed: error.message }));
    child.once("exit", (code, signal) =>
      resolve({
        failed: `the cluster ended with ${signal ?? `code ${code}`} before it was ready; see ${logPath}`,
      }),
    );
  });
  if (child.connected) child.disconnect();
  child.removeAllListeners();
  child.unref();
  if ("failed" in outcome) throw new Failure(outcome.failed);
  return outcome.ready;
}

/** Whether this process was started by `startDetached` and is still listened to. */
export function isDetached(): boolean {
  return process.connected === true;
}

/** Tells the starter, and lets go of it. */
export async function tellStarter(message: DetachedMessage): Promise<void> {
  await new Promise<void>((sent) => {
    process.send?.(message, () => sent());
  });
  process.disconnect();
}
