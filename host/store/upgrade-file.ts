import { deleteKey, encodeValue, recordKey, VALUE_HEAD_BYTES } from "./journal-record.ts";
import { dataOf, type HiddenTransaction, readLmdbFile, revealTransaction } from "./lmdb-file.ts";
import { aboutRecord, FORMAT, FORMAT_RECORD } from "./lmdb-journal.ts";
import { LmdbPages } from "./lmdb-pages.ts";
import { readNewest } from "./load-journal.ts";
import { decodeOldRecord, OLD_FORMATS, type OldRecord } from "./old-record.ts";
import { StoreOpenError } from "./open-error.ts";
import { type LmdbRecord, rewriteFile } from "./rewrite-file.ts";

/**
 * Makes a file of an older format one of this. All of it is read first, as those formats were whenever they were opened;
 * it needs as much room again while the new file is written.
 *
 * The caller holds the directory.
 *
 * @throws StoreOpenError when it is corrupt, unknown, or there is no room; it stays as it was
 */
export async function upgradeFile(path: string): Promise<void> {
  const hidden = check(path);
  if (hidden !== undefined) revealTransaction(path, hidden);
  await rewriteFile(path, ([key, value]) => asToday(decodeOldRecord(key, value)!));
}

function check(path: string): HiddenTransaction | undefined {
  const pages = new LmdbPages(path);
  try {
    return readNewest(pages, (hidden) => {
      const visit = checker(pages);
      readLmdbFile(pages, visit, hidden);
      return hidden;
    });
  } finally {
    pages.close();
  }
}

function checker(pages: LmdbPages): Parameters<typeof readLmdbFile>[1] {
  return (record) => {
    const key = record.page.subarray(record.keyStart, record.keyEnd);
    const old = decodeOldRecord(key, dataOf(pages, record));
    if (old === undefined) throw pages.corrupt("a record's checksum does not match");
    if (old.revision !== 0 || old.key !== FORMAT_RECORD || OLD_FORMATS.includes(old.value.toString())) return;
    throw new StoreOpenError("unknown-format", `${pages.path} has the format "${old.value.toString()}"`);
  };
}

function asToday({ revision, key, kind, atMs, createRevision, lease, value }: OldRecord): LmdbRecord {
  if (kind === "about") {
    const { keyBytes, bytes } = aboutRecord(key, key === FORMAT_RECORD ? FORMAT : value.toString());
    return [keyBytes, bytes];
  }
  const keyBytes =
    kind === "delete" ? deleteKey(revision, key) : recordKey({ revision, key, kind, createRevision, lease });
  const bytes = Buffer.allocUnsafe(VALUE_HEAD_BYTES + value.length);
  encodeValue(bytes, keyBytes, atMs, value);
  return [keyBytes, bytes];
}
