import { existsSync, writeFileSync } from "node:fs";
import { open, type RootDatabase, type RootDatabaseOptionsWithPath } from "lmdb";

/** Opens an LMDB file as a store has it; only one that was found sound may be written to. */
export function openDatabase(path: string, maxBytes: number): RootDatabase<Buffer, Buffer> {
  const options: RootDatabaseOptionsWithPath & { permissionsMode: number } = {
    path,
    keyEncoding: "binary",
    encoding: "binary",
    cache: false,
    compression: false,
    // The plain way of LMDB: data is synced, then the meta page that makes it valid, then the write is acknowledged.
    // Npm lmdb's overlapping sync shows a commit before it is durable, and was not faster here.
    overlappingSync: false,
    // With it npm lmdb makes a promise of its own for each turn of the event loop, which nobody can take: when a commit
    // fails (a full disk), its rejection ended the process.
    eventTurnBatching: false,
    // Secrets are in it.
    permissionsMode: 0o600,
    // Address space only. Records fill pages by half at worst, and the free list and copied pages need their share.
    mapSize: Math.ceil((2 * maxBytes + MAP_RESERVE_BYTES) / MAP_ALIGNMENT) * MAP_ALIGNMENT,
  };
  allocateLockFile(path);
  return open(options);
}

/**
 * LMDB maps its lock file and lets the disk give the pages when they are touched; when it is full that is a SIGBUS. So
 * the pages of a new one are taken before, where a full disk is an error like any other. One that is there may be in use
 * by a process that reads a backup.
 */
function allocateLockFile(path: string): void {
  if (existsSync(`${path}-lock`)) return;
  writeFileSync(`${path}-lock`, new Uint8Array(LOCK_FILE_BYTES), { mode: 0o600 });
}

/** What LMDB needs for its 126 readers, in whole pages. */
const LOCK_FILE_BYTES = 3 * 4096;

const MAP_RESERVE_BYTES = 256 * 1024 * 1024;
const MAP_ALIGNMENT = 64 * 1024;
