import { spawn } from "node:child_process";

/** What a program said when it ended. */
export interface Ended {
  /** -1: it could not be started. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one of the kernel's tools to its end. */
export type RunTool = (name: string, args: readonly string[], input?: string) => Promise<Ended>;

/** Where Debian keeps them; not in everybody's path. */
const SBIN = "/usr/local/sbin:/usr/sbin:/sbin";

export const runTool: RunTool = (name, args, input = "") =>
  new Promise((resolve) => {
    const child = spawn(name, args, {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:${SBIN}` },
    });
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    const text = (chunks: readonly Buffer[]) => Buffer.concat(chunks).toString();
    child.on("error", (error) => resolve({ code: -1, stdout: "", stderr: error.message }));
    child.on("close", (code) => resolve({ code: code ?? -1, stdout: text(stdout), stderr: text(stderr) }));
    // One that ends without reading all of it says why itself.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });

/** A tool did not do what it was told. */
export class ToolError extends Error {
  override readonly name = "ToolError";

  constructor(command: string, { code, stderr }: Ended) {
    const why = stderr.trim().split("\n").slice(0, 3).join("; ");
    super(`${command}: ${why || `exit status ${code}`}`);
  }
}
