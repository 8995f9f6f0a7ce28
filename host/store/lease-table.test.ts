import { expect, test } from "vitest";
import { type Clock, VirtualClock } from "../apimachinery/clock.ts";
import { LeaseTable, MAX_LEASES } from "./lease-table.ts";
import { LeaseNotFoundError, StoreUnavailableError } from "./store.ts";

function granted(table: LeaseTable, ttlMs: number): string {
  const id = table.reserve();
  table.grant({ id, ttlMs });
  return id;
}

test("leases are bounded, grants that are on their way among them, and one that ends makes room", () => {
  const table = new LeaseTable(new VirtualClock(), () => {});
  const first = granted(table, 60_000);
  for (let i = 1; i < MAX_LEASES; i++) table.reserve();
  expect(() => table.reserve()).toThrow(StoreUnavailableError);
  table.remove(first);
  expect(table.reserve()).toBe(String(MAX_LEASES + 1));
  expect(() => table.reserve()).toThrow(StoreUnavailableError);
  table.release();
  expect(table.reserve()).toBe(String(MAX_LEASES + 2));
});

test("each ends within a quarter of a second of its time, however many there are", async () => {
  const clock = new VirtualClock();
  const startMs = clock.nowMs();
  const lateMs: number[] = [];
  const dueMs = new Map<string, number>();
  const table = new LeaseTable(clock, ({ empty }) => {
    for (const id of empty) {
      lateMs.push(clock.nowMs() - dueMs.get(id)!);
      table.remove(id);
    }
  });
  for (let i = 0; i < 20_000; i++) {
    const ttlMs = 1_000 + (i % 977) * 10;
    dueMs.set(granted(table, ttlMs), startMs + ttlMs);
  }
  await clock.advance(12_000);
  expect(lateMs.length).toBe(20_000);
  expect(Math.min(...lateMs)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...lateMs)).toBeLessThan(250);
});

test("of many that are due at once some wait while others have their turn; what is kept alive or revoked meanwhile does not end", async () => {
  const clock = new VirtualClock();
  const ended: number[] = [];
  const turns: string[] = [];
  const ids: string[] = [];
  const table = new LeaseTable(clock, ({ empty, keyed }) => {
    turns.push(`${empty.length} and ${keyed}`);
    if (turns.length === 1) {
      table.keepAlive(ids.at(-1)!);
      table.beginEnd(ids.at(-2)!);
      table.remove(ids.at(-2)!);
      clock.setTimeout(() => turns.push("other work"), 0);
    }
    for (const id of [...empty, ...keyed]) table.remove(id);
    ended.push(clock.monotonicMs());
  });
  const startMs = clock.monotonicMs();
  for (let i = 0; i < 15_000; i++) ids.push(granted(table, 1_000));
  table.attach(ids[0]!, "key");
  await clock.advance(1_500);
  expect(turns).toEqual([`9999 and ${ids[0]}`, "other work", "4998 and "]);
  await clock.advance(1_000);
  expect(turns.at(-1)).toBe("1 and ");
  expect(Math.max(...ended.slice(0, 2)) - startMs).toBeLessThan(1_250);
  expect(table.all().granted).toEqual([]);
});

test("an end that could not be made to last is tried again a second later", async () => {
  const clock = new VirtualClock();
  const ends: number[] = [];
  const startMs = clock.nowMs();
  const table = new LeaseTable(clock, ({ empty: [id = ""] }) => {
    ends.push(clock.nowMs() - startMs);
    if (ends.length === 3) table.remove(id);
    else table.undoEnd(id);
  });
  const id = granted(table, 1_000);
  expect(table.beginEnd(id)).toBe(true);
  expect(() => table.assertLive(id)).toThrow(LeaseNotFoundError);
  table.undoEnd(id);
  table.assertLive(id);
  await clock.advance(10_000);
  expect(ends).toEqual([1_000, 2_000, 3_000]);
});

test.each([
  { name: "forth", hours: 1 },
  { name: "back", hours: -1 },
])("a lease ends in its time when the machine's time is set $name meanwhile", async ({ hours }) => {
  const time = new VirtualClock();
  let skewMs = 0;
  const clock: Clock = {
    nowMs: () => time.nowMs() + skewMs,
    monotonicMs: () => time.monotonicMs(),
    setTimeout: (callback, delayMs) => time.setTimeout(callback, delayMs),
  };
  const ended: string[] = [];
  const table = new LeaseTable(clock, ({ empty }) => {
    ended.push(...empty);
    for (const id of empty) table.remove(id);
  });
  const [short, long] = [granted(table, 5_000), granted(table, 60_000)];
  await time.advance(1_000);
  skewMs = hours * 3_600_000;
  await time.advance(4_500);
  expect(ended).toEqual([short]);
  await time.advance(54_000);
  expect(ended).toEqual([short]);
  await time.advance(1_000);
  expect(ended).toEqual([short, long]);
});
