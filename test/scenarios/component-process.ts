import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { packageFile } from "../../host/apimachinery/package-root.ts";
import { eventually } from "./pintle-process.ts";

const CLI = packageFile("dist/host/cli/pintle.js");

/** `pintle apiserver`, `scheduler`, …: one component as a process of its own. */
export interface ComponentProcess {
  readonly child: ChildProcess;
  /** Everything it has printed. */
  output(): string;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Seconds instead of a quarter of a minute until another takes over. */
export const QUICK_ELECTION: readonly string[] = [
  "--leader-elect-lease-duration=3s",
  "--leader-elect-renew-deadline=2s",
  "--leader-elect-retry-period=300ms",
];

export function startComponent(args: readonly string[]): ComponentProcess {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      output += chunk;
    });
  const exited = new Promise<number | null>((resolve) => {
    child.once("exit", (code) => resolve(code));
  });
  return {
    child,
    output: () => output,
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      return await exited;
    },
  };
}

/** `pintle apiserver` that is ready: its kubeconfig is there. */
export async function startApiServerProcess(
  dataDir: string,
  flags: readonly string[] = [],
): Promise<ComponentProcess & { readonly kubeconfig: string }> {
  const kubeconfig = join(dataDir, "kubeconfig");
  const running = startComponent(["apiserver", "--data-dir", dataDir, "--secure-port", "0", ...flags]);
  await eventually(
    async () => ({ isThere: existsSync(kubeconfig), code: running.child.exitCode, output: running.output() }),
    ({ isThere, code }) => isThere || code !== null,
    30_000,
  );
  if (running.child.exitCode !== null) throw new Error(`pintle apiserver ended:\n${running.output()}`);
  return { ...running, kubeconfig };
}
