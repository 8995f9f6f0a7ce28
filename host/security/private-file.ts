import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

/** Files with secrets: mode 0600 in folders of mode 0700, and never seen half written. A link is followed, not replaced. */
export function writePrivateFile(file: string, text: string): void {
  const path = existsSync(file) ? realpathSync(file) : file;
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const temporary = join(folder, `.${basename(path)}.${process.pid}.tmp`);
  rmSync(temporary, { force: true });
  const descriptor = openSync(temporary, "wx", 0o600);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, path);
}

/**
 * The text of a file with secrets, or undefined when there is none. A file that others could read is closed to them
 * first: a copied or restored data directory must not stay open.
 */
export function readPrivateFile(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  chmodSync(path, 0o600);
  return readFileSync(path, "utf8");
}
