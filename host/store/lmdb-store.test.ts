import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { expect, test } from "vitest";
import { openLmdbStore } from "./lmdb-store.ts";

test("smoke", async () => {
  const dir = mkdtempSync("/tmp/pintle-store-");
  let s = await openLmdbStore(dir);
  const b = (t: string) => Buffer.from(t);
  await s.create("/a/x", b("1"));
  await Promise.all([
    s.update("/a/x", b("2"), 2),
    s.create("/a/y", Buffer.alloc(10000)),
    s.create("/b", b("3")),
  ]);
  await s.delete("/a/x");
  await s.close();
  s = await openLmdbStore(dir);
  expect(s.revision).toBe(6);
  const seen: string[] = [];
  s.watch("/a/", 0, {
    onEvents: (es) => {
      for (const e of es) seen.push(`${e.type} ${e.key} ${e.revision} ${e.previous?.modRevision}`);
    },
  });
  const range = await s.range("/a/", { revision: 4 });
  expect(range.entries.map((e) => e.key)).toEqual(["/a/x", "/a/y"]);
  expect(seen).toEqual(["put /a/x 2 undefined", "put /a/x 3 2", "put /a/y 4 undefined", "delete /a/x 6 3"]);
  await expect(openLmdbStore(dir)).rejects.toThrow("in use by this process");
  await s.close();
  console.log(readdirSync(dir));
  rmSync(dir, { recursive: true });
});
