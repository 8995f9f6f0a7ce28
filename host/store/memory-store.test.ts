import { expect, test } from "vitest";
import { createMemoryStore } from "./memory-store.ts";

test("smoke", async () => {
  const s = createMemoryStore();
  const seen: string[] = [];
  s.watch("/a/", 0, {
    onEvents: (es) => {
      for (const e of es) seen.push(`${e.type} ${e.key} ${e.revision} ${e.previous?.modRevision}`);
    },
  });
  const b = (t: string) => Buffer.from(t);
  const r = await s.create("/a/x", b("1"));
  expect(r.ok).toBe(true);
  await Promise.all([s.update("/a/x", b("2"), 2), s.create("/a/y", b("3")), s.create("/b", b("3"))]);
  await s.delete("/a/x");
  const range = await s.range("/a/", { revision: 4 });
  expect(range.entries.map((e) => e.key)).toEqual(["/a/x", "/a/y"]);
  expect(seen).toEqual(["put /a/x 2 undefined", "put /a/x 3 2", "put /a/y 4 undefined", "delete /a/x 6 3"]);
});
