import { copyOf } from "./copy-of.ts";
import type { EtcdConnection } from "./etcd-connection.ts";
import { type KeyValue, rangeRpc } from "./etcd-protocol.ts";
import { StoreOpenError } from "./open-error.ts";
import type { Entry } from "./store.ts";

/** Key and range end that mean every key. */
export const EVERY_KEY = { key: Buffer.from([0]), range_end: Buffer.from([0]) };
const PAGE_KEYS = 1_000;
/** Whatever begins so was written by Kubernetes itself, in protobuf. */
const PROTOBUF_MAGIC = Buffer.from("k8s\0");

/** Every entry as of a revision, in byte order of the keys, a page at a time. */
export async function* entriesAt(etcd: EtcdConnection, revision: number): AsyncGenerator<Entry, void, void> {
  for (let key = EVERY_KEY.key; ; ) {
    const page = await etcd.read(rangeRpc, { ...EVERY_KEY, key, limit: PAGE_KEYS, revision });
    for (const kv of page.kvs) yield entryOf(kv);
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return;
    key = Buffer.concat([last.key, Buffer.from([0])]);
  }
}

/** @throws StoreOpenError for a value that Kubernetes wrote */
export function entryOf(kv: KeyValue): Entry {
  const key = kv.key.toString();
  if (kv.value.subarray(0, PROTOBUF_MAGIC.length).equals(PROTOBUF_MAGIC))
    throw new StoreOpenError(
      "unknown-format",
      `${key} in etcd was written by Kubernetes in protobuf; Pintle reads JSON only and needs an etcd of its own`,
    );
  return {
    key,
    value: copyOf(kv.value),
    createRevision: Number(kv.create_revision),
    modRevision: Number(kv.mod_revision),
    ...(kv.lease === "0" ? {} : { lease: kv.lease }),
  };
}
