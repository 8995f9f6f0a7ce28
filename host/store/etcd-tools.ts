import { status } from "@grpc/grpc-js";
import type { EtcdAccess } from "./etcd-access.ts";
import { EtcdConnection, isServiceError } from "./etcd-connection.ts";
import { compactRpc, rangeRpc } from "./etcd-protocol.ts";
import { EVERY_KEY } from "./etcd-range.ts";
import { StoreOpenError } from "./open-error.ts";

export interface MemberState {
  readonly endpoint: string;
  /** The newest revision it knows; absent when it does not answer. */
  readonly revision?: number;
  readonly error?: string;
}

/** Asks each member by itself. */
export async function askMembers(access: EtcdAccess): Promise<readonly MemberState[]> {
  return await Promise.all(
    access.endpoints.map(async (endpoint) => {
      const etcd = new EtcdConnection({ ...access, endpoints: [endpoint] });
      try {
        const { header } = await etcd.read(rangeRpc, { ...EVERY_KEY, count_only: true });
        return { endpoint, revision: Number(header.revision) };
      } catch (error) {
        return { endpoint, error: reasonOf(error) };
      } finally {
        etcd.close();
      }
    }),
  );
}

/** Forgets the history below a revision. */
export async function compactEtcd(access: EtcdAccess, revision: number): Promise<void> {
  const etcd = new EtcdConnection(access);
  try {
    await etcd.write(compactRpc, { revision });
  } catch (error) {
    // It was compacted to there, or further, already.
    if (isServiceError(error) && error.code === status.OUT_OF_RANGE) return;
    const where = `etcd at ${access.endpoints.join(", ")}`;
    throw new StoreOpenError("unreadable", `${where} was not compacted: ${reasonOf(error)}`, {
      cause: error,
    });
  } finally {
    etcd.close();
  }
}

function reasonOf(error: unknown): string {
  return isServiceError(error) ? error.details : String(error);
}
