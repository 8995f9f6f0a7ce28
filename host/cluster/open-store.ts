import { join } from "node:path";
import { type Clock, SystemClock } from "../apimachinery/clock.ts";
import type { EtcdAccess } from "../store/etcd-access.ts";
import { openLmdbStore } from "../store/lmdb-store.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { refuseHalfRestored } from "../store/restore.ts";
import type { Store } from "../store/store.ts";
import { type RestoreOptions, restoreBackupInto, restoreBackupToFolder } from "./restore-backup.ts";

/** Where a cluster's objects are kept. */
export interface StoreChoice {
  /** `lmdb` when there is a `dataDir` and real time, else `memory`. */
  readonly store?: "memory" | "lmdb" | "etcd";
  readonly dataDir?: string;
  /** Of store `etcd`; `http://127.0.0.1:2379` unless told otherwise. */
  readonly etcdEndpoints?: readonly string[];
  /** Certificates, user and password for etcd. */
  readonly etcdAccess?: Omit<EtcdAccess, "endpoints">;
  /** Of store `lmdb`: a damaged value is refused when the store is opened, and not only told to who asks for it. */
  readonly checksValues?: boolean;
  /** A backup to begin with. The store must be empty. */
  readonly restore?: RestoreOptions;
}

const DEFAULT_ETCD: readonly string[] = ["http://127.0.0.1:2379"];

export async function openStore(choice: StoreChoice, clock: Clock): Promise<Store> {
  const { dataDir, store = dataDir !== undefined && clock instanceof SystemClock ? "lmdb" : "memory" } =
    choice;
  switch (store) {
    case "memory":
      return await filled(createMemoryStore({ clock }), "the store", choice.restore);
    case "lmdb":
      if (dataDir === undefined) throw new Error("store lmdb needs a dataDir");
      if (choice.restore !== undefined) await restoreBackupToFolder(storeFolder(dataDir), choice.restore);
      return await openLmdbStore(storeFolder(dataDir), { clock, checksValues: choice.checksValues });
    case "etcd":
      return await openEtcd(choice, clock);
    default:
      return store satisfies never;
  }
}

/** Where the objects of store `lmdb` lie. */
export function storeFolder(dataDir: string): string {
  return join(dataDir, "store");
}

/** Loaded when it is wanted: no other start should pay for gRPC. */
async function openEtcd(
  { etcdEndpoints = DEFAULT_ETCD, etcdAccess, restore }: StoreChoice,
  clock: Clock,
): Promise<Store> {
  const { openEtcdStore } = await import("../store/etcd-store.ts");
  const store = await openEtcdStore(etcdEndpoints, { clock, ...etcdAccess });
  return await filled(store, `etcd at ${etcdEndpoints.join(", ")}`, restore);
}

/** The store, with a backup's objects in it if one is given. Without, one that was only half filled is refused. */
async function filled(store: Store, where: string, restore: RestoreOptions | undefined): Promise<Store> {
  try {
    if (restore === undefined) await refuseHalfRestored(store, where);
    else await restoreBackupInto(store, where, restore);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}
