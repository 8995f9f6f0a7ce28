import { describe, expect, test } from "vitest";
import { createMemoryStore } from "./memory-store.ts";
import { restoreSnapshot } from "./snapshot.ts";
import type { Entry } from "./store.ts";
import type { Engine } from "./store-contract.ts";
import { apply, bytes, inKeys, inWords, text } from "./store-shorthand.ts";

/** What every engine promises about snapshots; a part of the store contract. */
export function runSnapshotContract(engine: Engine): void {
  describe("snapshot", () => {
    test("shows one revision, whatever is written and compacted while it is read", async () => {
      const store = await engine.open();
      await Promise.all(Array.from({ length: 1_500 }, (_, i) => store.create(`k${i}`, bytes(`${i}`))));
      const expected = (await store.range("")).entries.map(inWords);
      const { revision, entries } = await store.snapshot();
      const seen: string[] = [];
      for await (const entry of entries) {
        if (seen.length === 0) {
          await store.delete("k1499");
          await store.update("k1498", bytes("other"), (await store.get("k1498"))!.modRevision);
        }
        if (seen.length === 500) await store.compact(store.revision);
        seen.push(inWords(entry));
      }
      expect(seen).toEqual(expected);
      expect(revision).toBe(1_501);
    });

    test("is restored to an empty store, of this engine or another, without leases", async () => {
      const source = createMemoryStore();
      const { id } = await source.grantLease(60_000);
      for (let i = 0; i < 300; i++) await apply(source, `create k${i} ${i}`);
      await source.create("leased", bytes("1"), { lease: id });
      const target = await engine.open();
      expect(await restoreSnapshot(target, (await source.snapshot()).entries)).toBe(300);
      const words = ({ key, value }: Entry) => `${key}=${text(value)}`;
      expect((await target.range("")).entries.map(words)).toEqual(
        (await source.range("k")).entries.map(words),
      );
      await expect(restoreSnapshot(target, (await source.snapshot()).entries)).rejects.toThrow("empty store");
      const copy = createMemoryStore();
      await restoreSnapshot(copy, (await target.snapshot()).entries);
      expect(inKeys(await copy.range(""))).toBe(inKeys(await target.range("")));
      await source.close();
    });
  });
}
