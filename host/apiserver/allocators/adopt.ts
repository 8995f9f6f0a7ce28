import { findKindByName } from "../../api/registry.ts";
import type { Logger } from "../../apimachinery/log.ts";
import { type Entry, MAX_OPERATIONS, type Operation, type Store } from "../../store/store.ts";
import { followPrefix } from "../storage/follow-prefix.ts";
import { storagePrefix } from "../storage/keys.ts";
import type { Views } from "../storage/view.ts";
import { ALLOCATIONS_PREFIX } from "./allocation-keys.ts";
import { ownerOf, type ServiceAllocator } from "./services.ts";

interface Parts {
  readonly store: Store;
  readonly views: Views;
  readonly services: ServiceAllocator;
  readonly log: Logger;
}

/**
 * Makes the allocator know what the store knows, and goes on telling it what other API servers take and give back.
 * First the keys are put right: those of Services that are gone go, and Services without keys (an older version, or
 * somebody else, wrote them) get theirs.
 *
 * @returns what ends it
 */
export async function followAllocations(parts: Parts): Promise<{ stop(): void }> {
  await repair(parts);
  const { store, services, log } = parts;
  return followPrefix(store, ALLOCATIONS_PREFIX, {
    replace: (entries) => services.replaceStored(entries.map((entry) => [entry.key, ownerIn(entry)])),
    change: (events) => {
      for (const { key, entry } of events) services.setStored(key, entry && ownerIn(entry));
    },
    // From here on a write that takes what another has taken is refused by the store, and learns from that.
    failed: (error) => log.warn("allocations not followed", { error: String(error) }),
  });
}

async function repair({ store, views, services, log }: Parts): Promise<void> {
  // In this order: a key that was there before, and whose Service is not there after, has no owner.
  const known = new Map((await store.range(ALLOCATIONS_PREFIX)).entries.map((entry) => [entry.key, entry]));
  const { entries } = await store.range(storagePrefix(findKindByName("v1", "Service")!));
  const uids = new Set(entries.map((entry) => ownerOf(views.of(entry).object)));
  for (const [key, entry] of known) {
    if (uids.has(ownerIn(entry))) continue;
    await store.delete(key, entry.modRevision);
    known.delete(key);
  }
  for (const entry of entries) {
    const { object } = views.of(entry);
    const missing: Operation[] = [];
    for (const key of services.keysOf(object)) {
      const holder = known.get(key);
      if (holder === undefined) missing.push({ type: "create", key, value: Buffer.from(ownerOf(object)) });
      else if (ownerIn(holder) !== ownerOf(object))
        log.warn("two Services hold the same", { key, uid: ownerOf(object), other: ownerIn(holder) });
    }
    for (let from = 0; from < missing.length; from += MAX_OPERATIONS - 1) {
      const batch = missing.slice(from, from + MAX_OPERATIONS - 1);
      const isStill: Operation = { type: "check", key: entry.key, expectedRevision: entry.modRevision };
      const written = await store.transact([isStill, ...batch]);
      // Somebody else changed the Service, or repairs it as well.
      if (!written.ok) continue;
      for (const { key, entry: put } of written.events) if (put) known.set(key, put);
    }
  }
}

function ownerIn(entry: Entry): string {
  return Buffer.from(entry.value).toString();
}
