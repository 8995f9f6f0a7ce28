import { ApiError } from "../apimachinery/errors.ts";
import type { Client } from "./client.ts";

export interface Fence {
  /** The same client, until `close`. */
  readonly client: Client;
  /** From now on every write is refused here. Reads go on, so that what is just starting can still be stopped. */
  close(): void;
}

/** What each call of a client needs: the writes are refused behind a closed fence. */
const IS_WRITE: Record<keyof Client, boolean> = {
  get: false,
  list: false,
  watch: false,
  create: true,
  update: true,
  patch: true,
  delete: true,
  deleteCollection: true,
  createSubresource: true,
};

/**
 * A client whose writes can be shut off. One that no longer leads may still have work on its way: whatever it sends
 * after its term is refused before it leaves.
 */
export function fence(client: Client): Fence {
  let isClosed = false;
  const fenced = new Proxy(client, {
    get: (target, name: keyof Client) => {
      const call: unknown = Reflect.get(target, name);
      if (typeof call !== "function" || !IS_WRITE[name]) return call;
      return async (...given: unknown[]): Promise<unknown> => {
        if (isClosed) throw new ApiError("ServiceUnavailable", "this process does not lead any more");
        return await (Reflect.apply(call, target, given) as Promise<unknown>);
      };
    },
  });
  return {
    client: fenced,
    close: () => {
      isClosed = true;
    },
  };
}
