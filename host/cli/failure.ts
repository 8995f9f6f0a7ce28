import { resolve } from "node:path";

/** A failure whose message is already the one line the user needs. */
export class Failure extends Error {
  override readonly name = "Failure";
}

/** What the machine says, in the user's words; `%s` is the path or address it is about. */
const SYSTEM_ERRORS: Record<string, string> = {
  EACCES: "permission denied: %s",
  EROFS: "the file system is read-only: %s",
  ENOSPC: "no space left on the device: %s",
  EEXIST: "%s is in the way",
  EISDIR: "%s is a directory, not a file",
  ENOTDIR: "%s is not below a directory: a file is in the way",
  ENOENT: "no such file or directory: %s",
  EMFILE: "too many open files: raise the limit with ulimit -n",
};

/**
 * One line for stderr.
 *
 * @param args  the command line: a file that is wrong is named with the flag that named it
 */
export function explainFailure(error: unknown, args: readonly string[] = process.argv.slice(2)): string {
  const { path } = (error instanceof Error ? error : {}) as NodeJS.ErrnoException;
  const flag = typeof path === "string" ? flagOf(path, args) : undefined;
  return flag === undefined ? explain(error) : `${flag}: ${explain(error)}`;
}

/** The flag whose value a path is: `--restore` of `--restore FILE` and of `--restore=FILE`. */
function flagOf(path: string, args: readonly string[]): string | undefined {
  for (const [index, word] of args.entries()) {
    const [, flag, value] = /^(--[^=]+)=(.*)$/.exec(word) ?? ["", args[index - 1], word];
    if (flag?.startsWith("--") && resolve(value!) === resolve(path)) return flag;
  }
  return undefined;
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return oneLine(String(error));
  const { code, path, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const where = path ?? (address === undefined ? "" : `${address}:${port}`);
  if (code === "EADDRINUSE")
    return `${where} is taken; stop what listens there, or choose another port (0 picks a free one)`;
  if (code === "EACCES" && address !== undefined)
    return `no right to listen on ${where}; ports below 1024 need it; choose another`;
  const text = code === undefined || where === "" ? undefined : SYSTEM_ERRORS[code];
  return text === undefined ? oneLine(error.message) : text.replace("%s", where);
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, "; ");
}
