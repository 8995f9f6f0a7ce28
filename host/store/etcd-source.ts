import { status } from "@grpc/grpc-js";
import type { EtcdAccess } from "./etcd-access.ts";
import { EtcdConnection, isServiceError } from "./etcd-connection.ts";
import { rangeRpc } from "./etcd-protocol.ts";
import { EVERY_KEY, entriesAt } from "./etcd-range.ts";
import { StoreOpenError } from "./open-error.ts";
import type { StoreSource } from "./source.ts";
import type { Entry } from "./store.ts";

/**
 * An etcd as it stands now, read page by page at one revision, whoever writes meanwhile.
 *
 * @throws StoreOpenError when no endpoint answers; while it is read, also when etcd is compacted beyond the revision
 */
export async function openEtcdSource(access: EtcdAccess): Promise<StoreSource> {
  const etcd = new EtcdConnection(access);
  try {
    const { header, count } = await etcd.read(rangeRpc, { ...EVERY_KEY, count_only: true });
    const revision = Number(header.revision);
    return {
      engine: "etcd",
      revision,
      keys: Number(count),
      entries: explained(access, entriesAt(etcd, revision)),
      close: async () => etcd.close(),
    };
  } catch (error) {
    etcd.close();
    throw explain(access, error);
  }
}

async function* explained(
  access: EtcdAccess,
  entries: AsyncIterable<Entry>,
): AsyncGenerator<Entry, void, void> {
  try {
    yield* entries;
  } catch (error) {
    throw explain(access, error);
  }
}

function explain({ endpoints }: EtcdAccess, error: unknown): unknown {
  if (!isServiceError(error)) return error;
  const where = `etcd at ${endpoints.join(", ")}`;
  const reason =
    error.code === status.OUT_OF_RANGE
      ? `${where} was compacted while it was read; try again`
      : `${where} cannot be used: ${error.details}`;
  return new StoreOpenError("unreadable", reason, { cause: error });
}
