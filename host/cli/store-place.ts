import { existsSync, readdirSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { SystemClock } from "../apimachinery/clock.ts";
import { storeFolder } from "../cluster/open-store.ts";
import { findHolder, lockDirectory } from "../store/directory-lock.ts";
import type { EtcdAccess } from "../store/etcd-access.ts";
import { STORE_FILE } from "../store/lmdb-store.ts";
import type { StoreSource } from "../store/source.ts";
import type { Store } from "../store/store.ts";
import { dataDirHint, readState } from "./cluster-state.ts";
import { type EtcdAccessFlags, endpointsOf, etcdAccess, refuseEtcdFlags } from "./etcd-access.ts";
import { Failure } from "./failure.ts";

/** Which store a `pintle store` command is about. */
export interface PlaceFlags extends EtcdAccessFlags {
  readonly dataDir: string;
  readonly etcdServers?: string;
}

/** @returns undefined when the store is the one of the data directory */
export function etcdOf(flags: PlaceFlags): EtcdAccess | undefined {
  if (flags.etcdServers === undefined) {
    refuseEtcdFlags(flags, "--etcd-servers");
    return undefined;
  }
  return { endpoints: endpointsOf(flags.etcdServers), ...etcdAccess(flags) };
}

export function whereOf(flags: PlaceFlags): string {
  return flags.etcdServers === undefined ? lmdbPath(flags.dataDir) : `etcd at ${flags.etcdServers}`;
}

export function lmdbPath(dataDir: string): string {
  return join(storeFolder(dataDir), STORE_FILE);
}

/** Opens a store to be read as it stands, whether a cluster works on it or not. */
export async function openSource(flags: PlaceFlags): Promise<StoreSource> {
  const access = etcdOf(flags);
  if (access !== undefined) {
    const { openEtcdSource } = await import("../store/etcd-source.ts");
    return await openEtcdSource(access);
  }
  requireStore(flags.dataDir);
  const { openLmdbSource } = await import("../store/lmdb-source.ts");
  return await openLmdbSource(storeFolder(flags.dataDir));
}

/** Says why there is no file, in the words of what was started there. */
export function requireStore(dataDir: string): void {
  if (existsSync(lmdbPath(dataDir))) return;
  const store = readState(dataDir)?.store;
  if (store === "memory") throw new Failure(`the cluster in ${dataDir} keeps its objects in memory only`);
  if (store === "etcd")
    throw new Failure(`the cluster in ${dataDir} keeps its objects in etcd; name it with --etcd-servers`);
  throw new Failure(`there is no store in ${dataDir}`);
}

/** Whoever changes or replaces the files of a store must be alone with them. */
export function refuseRunning(dataDir: string, why: string): void {
  const holder = existsSync(dataDir) ? findHolder(dataDir) : undefined;
  if (holder !== undefined)
    throw new Failure(
      `a cluster runs in ${dataDir} (pid ${holder.pid}); ${why}: pintle down${dataDirHint(dataDir)}`,
    );
}

/** Does something while the data directory is ours. One that was made for it and stays empty goes again. */
export async function holding<Result>(dataDir: string, work: () => Promise<Result>): Promise<Result> {
  const wasThere = existsSync(dataDir);
  const lock = lockDirectory(dataDir);
  try {
    return await work();
  } finally {
    lock.release();
    if (!wasThere && readdirSync(dataDir).length === 0) rmdirSync(dataDir);
  }
}

/** Opens an etcd for writing, does something, and closes it. */
export async function withEtcd<Result>(
  access: EtcdAccess,
  work: (store: Store) => Promise<Result>,
): Promise<Result> {
  const { openEtcdStore } = await import("../store/etcd-store.ts");
  const store = await openEtcdStore(access.endpoints, { ...access, clock: new SystemClock() });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

export function fileBytes(path: string): number {
  return statSync(path).size;
}
