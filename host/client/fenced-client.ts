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
  const gate: Gate = { isClosed: false };
  return {
    client: behind(gate, client),
    close: () => {
      gate.isClosed = true;
    },
  };
}

/** `other` behind the fence that `client` is behind; as it is when there is none. */
export function behindSameFence(client: Client, other: Client): Client {
  const gate = gates.get(client);
  return gate === undefined ? other : behind(gate, other);
}

interface Gate {
  isClosed: boolean;
}

const gates = new WeakMap<Client, Gate>();

function behind(gate: Gate, client: Client): Client {
  const fenced = new Proxy(client, {
    get: (target, name: keyof Client) => {
      const call: unknown = Reflect.get(target, name);
      if (typeof call !== "function") return call;
      // Bound: a client may be a class with private fields.
      if (!IS_WRITE[name]) return call.bind(target);
      return async (...given: unknown[]): Promise<unknown> => {
        if (gate.isClosed) throw new ApiError("ServiceUnavailable", "this process does not lead any more");
        return await (Reflect.apply(call, target, given) as Promise<unknown>);
      };
    },
  });
  gates.set(fenced, gate);
  return fenced;
}
