import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { compareKeys } from "./key-order.ts";
import type { Entry } from "./store.ts";

/**
 * A backup of a store: a text file, one JSON document a line, keys in byte order. It is written and read line by line,
 * so its size is no matter.
 *
 *     {"format":"pintle-backup","version":1,"engine":"lmdb","revision":41,"createdAt":"2026-01-01T00:00:00Z"}
 *     {"key":"/registry/configmaps/default/motto","value":"{\"kind\":\"ConfigMap\",…}"}
 *     {"key":"/registry/…","base64":"…"}                       a value that is not UTF-8
 *     {"end":true,"keys":2,"sha256":"…"}                       of all bytes before this line
 *
 * A file without its last line is torn; one with another checksum was changed. Neither is read further than to find out.
 */
const FORMAT = "pintle-backup";
const VERSION = 1;

export interface BackupOrigin {
  readonly engine: "lmdb" | "etcd";
  /** The one revision of which all entries are. */
  readonly revision: number;
  readonly createdAt: string;
}

export interface BackupFacts extends BackupOrigin {
  readonly keys: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** What a backup keeps of an entry. */
export type KeyAndValue = Pick<Entry, "key" | "value" | "lease">;

/** A file that cannot be used as a backup, in one line. */
export class BackupError extends Error {
  override readonly name = "BackupError";
}

const CHUNK_BYTES = 1024 * 1024;
/** Longer than any value a store takes; what is longer is no backup. */
const MAX_LINE_BYTES = 256 * 1024 * 1024;

/**
 * Writes a backup, readable by its owner only: secrets are in it. It appears under its name when it is whole and synced.
 * A file that is there already is refused.
 */
export async function writeBackup(
  path: string,
  origin: BackupOrigin,
  entries: AsyncIterable<KeyAndValue>,
): Promise<BackupFacts> {
  await refuseExisting(path);
  const draft = `${path}.${process.pid}.tmp`;
  const file = await open(draft, "wx", 0o600);
  try {
    const facts = await writeLines(file, origin, entries);
    await file.sync();
    await file.close();
    await refuseExisting(path);
    await rename(draft, path);
    await syncFolder(dirname(path));
    return facts;
  } catch (error) {
    await file.close();
    await rm(draft, { force: true });
    throw error;
  }
}

async function writeLines(
  file: FileHandle,
  origin: BackupOrigin,
  entries: AsyncIterable<KeyAndValue>,
): Promise<BackupFacts> {
  const hash = createHash("sha256");
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let bytes = 0;
  let keys = 0;
  const flush = async () => {
    const chunk = Buffer.concat(waiting);
    for (let done = 0; done < chunk.length; ) done += (await file.write(chunk, done)).bytesWritten;
    bytes += chunk.length;
    waiting = [];
    waitingBytes = 0;
  };
  const put = (document: object) => {
    const line = Buffer.from(`${JSON.stringify(document)}\n`);
    waiting.push(line);
    waitingBytes += line.length;
    return line;
  };
  hash.update(put({ format: FORMAT, version: VERSION, ...origin }));
  for await (const { key, value } of entries) {
    hash.update(put({ key, ...encoded(value) }));
    keys += 1;
    if (waitingBytes >= CHUNK_BYTES) await flush();
  }
  const sha256 = hash.digest("hex");
  put({ end: true, keys, sha256 });
  await flush();
  return { ...origin, keys, bytes, sha256 };
}

function encoded(value: Uint8Array): { value: string } | { base64: string } {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return isUtf8(bytes) ? { value: bytes.toString() } : { base64: bytes.toString("base64") };
}

/**
 * Reads a whole backup and throws BackupError unless it is as it was written.
 *
 * @param onProgress  told of the bytes read, and of how many there are
 */
export async function checkBackup(
  path: string,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<BackupFacts> {
  const reader = new BackupReader(path);
  const found = await stat(path);
  if (!found.isFile()) throw new BackupError(`${path} is no file`);
  const total = found.size;
  for await (const _ of reader.entries()) onProgress(reader.bytesRead, total);
  return reader.facts();
}

/** The entries of a backup that has been checked; ends with a BackupError when it is not the same any more. */
export async function* entriesOfBackup(
  path: string,
  checked: BackupFacts,
): AsyncGenerator<KeyAndValue, void, void> {
  const reader = new BackupReader(path);
  yield* reader.entries();
  if (reader.facts().sha256 !== checked.sha256)
    throw new BackupError(`${path} was changed while it was read`);
}

class BackupReader {
  readonly #path: string;
  readonly #hash = createHash("sha256");
  #origin: BackupOrigin | undefined;
  #end: { readonly keys: number; readonly sha256: string } | undefined;
  #keys = 0;
  #lastKey: string | undefined;
  bytesRead = 0;

  constructor(path: string) {
    this.#path = path;
  }

  async *entries(): AsyncGenerator<KeyAndValue, void, void> {
    for await (const line of this.#lines()) {
      if (this.#end !== undefined) throw this.#damaged("something follows its end");
      const document = this.#parse(line);
      if (this.#origin === undefined) this.#origin = this.#begin(document);
      else if (document["end"] === true) {
        this.#end = this.#finish(document);
        continue;
      } else yield this.#entry(document);
      this.#hash.update(line).update("\n");
    }
    if (this.#origin === undefined) throw new BackupError(`${this.#path} is empty, not a backup`);
    if (this.#end === undefined)
      throw new BackupError(`${this.#path} is cut short: it ends after ${this.#keys} keys`);
  }

  facts(): BackupFacts {
    return { ...this.#origin!, ...this.#end!, bytes: this.bytesRead };
  }

  #begin(document: Document): BackupOrigin {
    const { format, version, engine, revision, createdAt } = document;
    if (format !== FORMAT) throw this.#foreign();
    if (version !== VERSION)
      throw new BackupError(
        `${this.#path} is a backup of version ${String(version)}; this Pintle reads version ${VERSION}`,
      );
    const isWhole =
      (engine === "lmdb" || engine === "etcd") &&
      typeof revision === "number" &&
      typeof createdAt === "string";
    if (!isWhole) throw this.#damaged("its first line is damaged");
    return { engine, revision, createdAt };
  }

  #entry({ key, value, base64 }: Document): KeyAndValue {
    this.#keys += 1;
    if (typeof key !== "string" || (this.#lastKey !== undefined && compareKeys(this.#lastKey, key) >= 0))
      throw this.#damaged(`line ${this.#keys + 1} is no entry`);
    this.#lastKey = key;
    if (typeof value === "string") return { key, value: Buffer.from(value) };
    if (typeof base64 === "string") return { key, value: Buffer.from(base64, "base64") };
    throw this.#damaged(`line ${this.#keys + 1} has no value`);
  }

  #finish({ keys, sha256 }: Document): { keys: number; sha256: string } {
    const found = this.#hash.digest("hex");
    if (keys !== this.#keys || sha256 !== found) throw this.#damaged("its checksum does not match");
    return { keys, sha256: found };
  }

  #parse(line: Buffer): Document {
    try {
      const document: unknown = JSON.parse(line.toString());
      if (typeof document === "object" && document !== null) return document as Document;
    } catch {
      // Said below, in the words that fit.
    }
    throw this.#origin === undefined ? this.#foreign() : this.#damaged(`line ${this.#keys + 2} is not JSON`);
  }

  async *#lines(): AsyncGenerator<Buffer, void, void> {
    let rest: Buffer[] = [];
    let restBytes = 0;
    for await (const chunk of createReadStream(this.#path, { highWaterMark: CHUNK_BYTES })) {
      const bytes = chunk as Buffer;
      let start = 0;
      for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
        const line = Buffer.concat([...rest, bytes.subarray(start, end)]);
        this.bytesRead += line.length + 1;
        rest = [];
        restBytes = 0;
        start = end + 1;
        yield line;
      }
      rest.push(bytes.subarray(start));
      restBytes += bytes.length - start;
      if (restBytes > MAX_LINE_BYTES) throw this.#foreign();
    }
    // A last line without its end is the mark of a file that was cut short; said when the others have been read.
    if (restBytes > 0 && this.#origin === undefined) throw this.#foreign();
  }

  #foreign(): BackupError {
    return new BackupError(`${this.#path} is not a backup of Pintle's`);
  }

  #damaged(what: string): BackupError {
    return new BackupError(`${this.#path} is damaged: ${what}`);
  }
}

type Document = Readonly<Record<string, unknown>>;

async function refuseExisting(path: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  if (found !== undefined)
    throw new BackupError(`${path} is there already; choose another name, or remove it`);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  await folder.sync();
  await folder.close();
}
