import { describe, expect, test } from "vitest";
import { type Engine, sideBySide } from "./store-contract.ts";
import { apply, bytes, recorder, settled, settledAt } from "./store-shorthand.ts";

/** What every engine promises to watchers; a part of the store contract. */
export function runWatchContract(engine: Engine): void {
  describe("watch", () => {
    const writes = [
      "create /a/x 1",
      "create /b/x 1",
      "update /a/x@2 2",
      "create /a/y 1",
      "delete /a/x",
      "create /a/x 3",
    ];
    const all = [
      "2 put /a/x=1",
      "3 put /b/x=1",
      "4 put /a/x=2 was 1@2",
      "5 put /a/y=1",
      "6 delete /a/x was 2@4",
      "7 put /a/x=3",
    ];
    test.each([
      { name: "from the beginning", prefix: "", after: 0, gives: all },
      { name: "from a revision on", prefix: "", after: 4, gives: all.slice(3) },
      { name: "of a prefix", prefix: "/a/", after: 0, gives: all.filter((event) => event.includes("/a/")) },
      { name: "of one key", prefix: "/a/y", after: 0, gives: all.slice(3, 4) },
      { name: "from the newest: nothing yet", prefix: "", after: 7, gives: [] },
    ])("$name, whether the events are past, future or both", async ({ prefix, after, gives }) => {
      for (let before = 0; before <= writes.length; before++) {
        const store = await engine.open();
        for (const write of writes.slice(0, before)) await apply(store, write);
        const watcher = recorder();
        store.watch(prefix, after, watcher);
        await sideBySide(engine, store, writes.slice(before));
        await settled();
        expect(watcher.events).toEqual(gives);
      }
    });

    test("a watch from the future waits for it", async () => {
      const store = await engine.open();
      const watcher = recorder();
      store.watch("", 4, watcher);
      for (const write of writes) await apply(store, write);
      await settled();
      expect(watcher.events).toEqual(all.slice(3));
    });

    test("no event before its write is readable, and none later than its promise", async () => {
      const store = await engine.open();
      const readable: boolean[] = [];
      const watcher = recorder((event) => readable.push(store.revision >= event.revision));
      store.watch("", 0, watcher);
      for (const [index, write] of writes.entries()) {
        await apply(store, write);
        await settled();
        expect(watcher.events).toEqual(all.slice(0, index + 1));
      }
      expect(readable).toEqual(writes.map(() => true));
    });

    test("a watch begun at any moment of a write is told of it once", async () => {
      const store = await engine.open();
      const write = sideBySide(engine, store, ["create a 1", "create b 1"]);
      const watchers: ReturnType<typeof recorder>[] = [];
      let isWritten = false;
      void write.then(() => {
        isWritten = true;
      });
      while (!isWritten) {
        // Every microtask of some turns of the event loop.
        for (let i = 0; i < 50; i++) {
          const watcher = recorder();
          store.watch("", 1, watcher);
          watchers.push(watcher);
          await undefined;
        }
        await settled();
      }
      await settled();
      for (const watcher of watchers) expect(watcher.events).toEqual(["2 put a=1", "3 put b=1"]);
    });

    test("nothing after cancel, not even from the same delivery", async () => {
      const store = await engine.open();
      const first = recorder(() => secondHandle.cancel());
      const second = recorder();
      store.watch("", 0, first);
      const secondHandle = store.watch("", 0, second);
      await apply(store, "create a 1");
      await settled();
      expect([first.events.length, second.events.length]).toEqual([1, 0]);
    });

    test("a watcher may write and watch; all see one order", async () => {
      const store = await engine.open();
      const late = recorder();
      const early = recorder((event) => {
        if (event.revision !== 2) return;
        store.watch("", 0, late);
        void store.create("b", bytes("1"));
      });
      store.watch("", 0, early);
      await sideBySide(engine, store, ["create a 1", "create c 1"]);
      await settledAt(store, 4);
      const [first, ...rest] = early.events;
      expect(first).toBe("2 put a=1");
      if (engine.keepsOrder === false) expect(rest.length).toBe(2);
      else expect(rest).toEqual(["3 put c=1", "4 put b=1"]);
      expect(late.events).toEqual(early.events);
    });

    test("a watch begun while others are told of a write is told of it once", async () => {
      const store = await engine.open();
      const late = recorder();
      const first = recorder(() => {
        if (late.events.length === 0) store.watch("a", 1, late);
      });
      store.watch("", 1, first);
      store.watch("a", 1, recorder());
      await apply(store, "create a 1");
      await settled();
      await apply(store, "create ab 1");
      await settled();
      expect(late.events).toEqual(["2 put a=1", "3 put ab=1"]);
    });

    test("a progress notice names a revision whose events have all been delivered, however quiet the keys", async () => {
      const store = await engine.open();
      const told: string[] = [];
      const watcher = { ...recorder(), onProgress: (revision: number) => told.push(`progress ${revision}`) };
      const events = recorder((event) => told.push(`event ${event.revision}`));
      const handle = store.watch("/a/", 0, { ...watcher, onEvents: events.onEvents });
      await apply(store, "create /a/x 1");
      await apply(store, "create /b/x 1");
      handle.requestProgress();
      handle.requestProgress();
      await settled();
      expect(told).toEqual(["event 2", "progress 3"]);
      handle.requestProgress();
      handle.cancel();
      handle.requestProgress();
      await settled();
      expect(told.length).toBe(2);
    });

    test("a watcher that throws ends alone", async () => {
      const store = await engine.open();
      const bad = recorder(() => {
        throw new Error("cannot");
      });
      const good = recorder();
      store.watch("", 0, bad);
      store.watch("", 0, good);
      await sideBySide(engine, store, ["create a 1", "create b 1"]);
      await apply(store, "create c 1");
      await settled();
      expect(good.events).toEqual(["2 put a=1", "3 put b=1", "4 put c=1"]);
      expect([bad.events.length, bad.ends]).toEqual([1, ["cannot"]]);
    });
  });
}
