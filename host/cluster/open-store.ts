import { join } from "node:path";
import { type Clock, SystemClock } from "../apimachinery/clock.ts";
import type { EtcdAccess } from "../store/etcd-access.ts";
import { openLmdbStore } from "../store/lmdb-store.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import type { Store } from "../store/store.ts";

/** Where a cluster's objects are kept. */
export interface StoreChoice {
  /** `lmdb` when there is a `dataDir` and real time, else `memory`. */
  readonly store?: "memory" | "lmdb" | "etcd";
  readonly dataDir?: string;
  /** Of store `etcd`; `http://127.0.0.1:2379` unless told otherwise. */
  readonly etcdEndpoints?: readonly string[];
  /** Certificates, user and password for etcd. */
  readonly etcdAccess?: Omit<EtcdAccess, "endpoints">;
}

const DEFAULT_ETCD: readonly string[] = ["http://127.0.0.1:2379"];

export async function openStore(choice: StoreChoice, clock: Clock): Promise<Store> {
  const { dataDir, store = dataDir !== undefined && clock instanceof SystemClock ? "lmdb" : "memory" } =
    choice;
  switch (store) {
    case "memory":
      return createMemoryStore({ clock });
    case "lmdb":
      if (dataDir === undefined) throw new Error("store lmdb needs a dataDir");
      return await openLmdbStore(storeFolder(dataDir), { clock });
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
  { etcdEndpoints = DEFAULT_ETCD, etcdAccess }: StoreChoice,
  clock: Clock,
): Promise<Store> {
  const { openEtcdStore } = await import("../store/etcd-store.ts");
  return await openEtcdStore(etcdEndpoints, { clock, ...etcdAccess });
}
