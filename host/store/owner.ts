import type { Store } from "./store.ts";

/** Keys that say something of the store itself and nothing of the cluster's objects: no backup carries them. */
export const OWN_PREFIX = "/pintle/";
const OWNER = `${OWN_PREFIX}owner`;

/**
 * Makes a store that several processes may open the store of one cluster: the first that comes writes who it is.
 *
 * @param owner  what all processes of one cluster call themselves
 * @returns who has it: `owner`, or the one that came first
 */
export async function claimStore(store: Store, owner: string): Promise<string> {
  const written = await store.create(OWNER, Buffer.from(owner));
  if (written.ok || written.current === undefined) return owner;
  return Buffer.from(written.current.value).toString();
}
