import type { Clock, Timer } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/log.ts";
import { OWN_PREFIX } from "../store/owner.ts";
import type { Lease, Store } from "../store/store.ts";

/** Where an API server is reached. */
export interface ServerAddress {
  readonly address: string;
  readonly port: number;
}

export const PEERS_PREFIX = `${OWN_PREFIX}apiservers/`;
/** Kubernetes' endpoint reconciler: a server that says nothing for 15 s is gone; all look every 10 s. */
const TTL_MS = 15_000;
const LOOK_EVERY_MS = 10_000;

/** When so many come and go at once, what is not right yet is so at the next look. */
const MAX_ROUNDS = 10;

export interface PeersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly self: ServerAddress;
  /** Told who serves the store now, this one included, in a fixed order; each time anybody looks. */
  publish(servers: readonly ServerAddress[]): Promise<void>;
}

/**
 * Keeps up who serves a store that several API servers share: each holds a key on a lease, and all publish who has one.
 *
 * @returns what takes this one off the list
 */
export async function joinPeers(options: PeersOptions): Promise<{ stop(): Promise<void> }> {
  const { store, clock, log, self, publish } = options;
  const key = `${PEERS_PREFIX}${self.address}:${self.port}`;
  let lease: Lease | undefined;
  let timer: Timer | undefined;
  let isStopped = false;

  const sayHere = async () => {
    if (lease === undefined || (await store.keepLeaseAlive(lease.id)) === undefined)
      lease = await store.grantLease(TTL_MS);
    const value = Buffer.from(JSON.stringify(self));
    const found = await store.get(key);
    if (found?.lease === lease.id) return;
    // One that was here before, at the same address, left a key that would end with its own lease.
    if (found === undefined) await store.create(key, value, { lease: lease.id });
    else await store.update(key, value, found.modRevision, { lease: lease.id });
  };
  const list = async () =>
    (await store.range(PEERS_PREFIX)).entries.map(({ value }) => Buffer.from(value).toString());
  const look = async () => {
    let servers = await list();
    // Who came or went while it was written may have been written over: then it is written once more.
    for (let published = "", rounds = 0; published !== servers.join() && rounds < MAX_ROUNDS; rounds++) {
      published = servers.join();
      // The last one to go leaves its address behind: there is nobody to ask anyway.
      if (servers.length > 0) await publish(servers.map((text) => JSON.parse(text) as ServerAddress));
      servers = await list();
    }
  };
  const schedule = () => {
    timer = clock.setTimeout(() => {
      sayHere()
        .then(look)
        .catch((error: unknown) => log.warn("API servers not published", { error: String(error) }))
        .finally(() => {
          if (!isStopped) schedule();
        });
    }, LOOK_EVERY_MS);
  };

  await sayHere();
  await look();
  schedule();
  return {
    stop: async () => {
      isStopped = true;
      timer?.cancel();
      if (lease !== undefined) await store.revokeLease(lease.id);
      await look();
    },
  };
}
