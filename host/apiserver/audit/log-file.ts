import { open, readdir, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import type { Clock } from "../../apimachinery/clock.ts";
import type { Logger } from "../../apimachinery/log.ts";

/** When a file is put aside, and how long those put aside are kept. kube-apiserver's flags of these names. */
export interface Rotation {
  /** Megabytes of one file; 100 unless told otherwise. */
  readonly maxSize?: number;
  /** Files put aside; absent or 0: all. */
  readonly maxBackup?: number;
  /** Days they are kept; absent or 0: for ever. */
  readonly maxAge?: number;
}

const DEFAULT_MAX_SIZE = 100;
const MEGABYTE = 1024 * 1024;
const DAY_MS = 86_400_000;
/** Lines that wait to be written, at most. */
export const MAX_WAITING_BYTES = 16 * MEGABYTE;
const SAY_AGAIN_MS = 60_000;

/**
 * Lines appended to a file that only its owner can read. Nobody waits for the disk: lines wait in memory, up to
 * 16 MiB, and are written together. What does not fit, or cannot be written because the disk is full, is lost: counted, told in
 * the server's log at most once a minute, and the next lines are tried again. The API goes on.
 */
export class LogFile {
  #waiting: string[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;
  /** Bytes of the file; unknown until it was looked at. */
  #size: number | undefined;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  /** Lines that were not written. */
  lost = 0;

  constructor(
    private readonly path: string,
    private readonly rotation: Rotation,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {}

  /** Whether the file can be written to: asked for once, at start. */
  async check(): Promise<void> {
    const file = await open(this.path, "a", 0o600);
    await file.close();
  }

  append(line: string): void {
    const bytes = line.length + 1;
    if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
      this.#lose(1, "the disk does not keep up");
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += bytes;
    this.#writing ??= this.#writeAll();
  }

  /** All that was appended has been written, or is lost. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  async #writeAll(): Promise<void> {
    // What comes in the same turn goes out in the same write.
    await undefined;
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      const bytes = this.#waitingBytes;
      this.#waiting = [];
      try {
        await this.#write(Buffer.from(`${lines.join("\n")}\n`));
      } catch (error) {
        this.#size = undefined;
        this.#lose(lines.length, String(error));
      }
      this.#waitingBytes -= bytes;
    }
    this.#writing = undefined;
  }

  async #write(bytes: Buffer): Promise<void> {
    const most = (this.rotation.maxSize || DEFAULT_MAX_SIZE) * MEGABYTE;
    this.#size ??= (await stat(this.path).catch(() => ({ size: 0 }))).size;
    if (this.#size > 0 && this.#size + bytes.length > most) await this.#putAside();
    const file = await open(this.path, "a", 0o600);
    try {
      await file.appendFile(bytes);
    } finally {
      await file.close();
    }
    this.#size += bytes.length;
  }

  /** `audit.log` becomes `audit-2026-01-01T00-00-00.000.log`, and what is too old or too many goes. */
  async #putAside(): Promise<void> {
    const nowMs = this.clock.nowMs();
    const end = extname(this.path);
    const stem = this.path.slice(0, this.path.length - end.length);
    await rename(this.path, `${stem}-${stampOf(nowMs)}${end}`);
    this.#size = 0;
    const { maxBackup = 0, maxAge = 0 } = this.rotation;
    const form = new RegExp(`^${escaped(basename(stem))}-(\\d{4}-\\d\\d-\\d\\dT[\\d.-]+)${escaped(end)}$`);
    const folder = dirname(this.path);
    const aside = (await readdir(folder))
      .filter((name) => form.test(name))
      .sort()
      .reverse();
    const oldest = maxAge > 0 ? stampOf(nowMs - maxAge * DAY_MS) : "";
    for (const [index, name] of aside.entries()) {
      const isTooOld = (form.exec(name)?.[1] ?? "") < oldest;
      if (isTooOld || (maxBackup > 0 && index >= maxBackup)) await unlink(join(folder, name));
    }
  }

  #lose(lines: number, why: string): void {
    this.lost += lines;
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.#toldAtMs < SAY_AGAIN_MS) return;
    this.#toldAtMs = nowMs;
    this.log.error("audit events lost", { path: this.path, lost: this.lost, why });
  }
}

function stampOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 23).replaceAll(":", "-");
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
