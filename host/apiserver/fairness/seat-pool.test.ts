import { beforeEach, describe, expect, test } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { deal, type Queuing } from "./fair-queues.ts";
import { type LevelLimits, PriorityLevel } from "./priority-level.ts";
import { type Seated, SeatPool } from "./seat-pool.ts";

const QUEUES: Queuing = { queues: 64, handSize: 6, queueLengthLimit: 50 };

let clock: VirtualClock;
let pool: SeatPool;
let levels: Map<string, PriorityLevel>;
/** What happened, in order: `a in`, `b time-out`. */
let told: string[];
let leaving: Map<string, () => void>;

beforeEach(() => {
  clock = new VirtualClock();
  pool = new SeatPool(clock);
  told = [];
  leaving = new Map();
});

/** `{ work: "4" }`: a level of 4 seats; `"4 lends 2"`, `"4 borrows 1"`, `"4 rejects"`, `"exempt"`. */
function have(shorthand: Record<string, string>, queuing = QUEUES): void {
  levels = new Map(
    Object.entries(shorthand).map(([name, text]) => {
      const after = (word: string) => new RegExp(`${word} (\\d+)`).exec(text)?.[1];
      const limits: LevelLimits = {
        uid: name,
        isExempt: text === "exempt",
        nominalSeats: Number.parseInt(text, 10) || 0,
        lendableSeats: Number(after("lends") ?? 0),
        ...(after("borrows") === undefined ? {} : { borrowableSeats: Number(after("borrows")) }),
        ...(text.endsWith("rejects") ? {} : { queuing }),
      };
      return [name, new PriorityLevel(name, limits, clock)];
    }),
  );
  pool.setLevels([...levels.values()]);
}

/** `ask("a", "work bob 3")`: request a, of bob, three seats wide. */
async function ask(
  name: string,
  text: string,
  more: { bytes?: number; onGone?: (l: () => void) => void } = {},
) {
  const [level = "", flow = "", seats = "1"] = text.split(" ");
  const answer = (seated: Seated) => {
    told.push(`${name} ${"refused" in seated ? seated.refused : "in"}`);
    if ("leave" in seated) leaving.set(name, seated.leave);
  };
  const seated = pool.enter({
    level: levels.get(level)!,
    flow,
    seats: Number(seats),
    bytes: more.bytes ?? 0,
    maxWaitMs: 15_000,
    onGone: more.onGone ?? (() => {}),
  });
  if (seated instanceof Promise) void seated.then(answer);
  else answer(seated);
  await clock.advance(0);
}

async function leave(...names: string[]) {
  for (const name of names) {
    leaving.get(name)!();
    await clock.advance(0);
  }
}

describe("seats", () => {
  test("what finds none waits, and goes on in order", async () => {
    have({ work: "2" });
    for (const name of ["a", "b", "c", "d"]) await ask(name, "work bob");
    expect(told).toEqual(["a in", "b in"]);
    await leave("b", "a");
    expect(told).toEqual(["a in", "b in", "c in", "d in"]);
  });

  test("leaving twice frees one", async () => {
    have({ work: "1" });
    for (const name of ["a", "b", "c"]) await ask(name, "work bob");
    await leave("a", "a");
    expect(told).toEqual(["a in", "b in"]);
  });

  test("an exempt level never waits and takes nothing", async () => {
    have({ work: "1", exempt: "exempt" });
    await ask("w", "work bob");
    for (const name of ["a", "b", "c"]) await ask(name, "exempt root");
    expect(told).toEqual(["w in", "a in", "b in", "c in"]);
    expect(levels.get("exempt")!.executing).toBe(3);
  });

  test("a level without queues refuses at once", async () => {
    have({ rest: "1 rejects" });
    await ask("a", "rest bob");
    await ask("b", "rest bob");
    expect(told).toEqual(["a in", "b concurrency-limit"]);
  });

  test("a wide request takes its width, at most 15 % of the level", async () => {
    have({ work: "20" });
    await ask("list", "work bob 10");
    expect(levels.get("work")!.seatsInUse).toBe(3);
    await leave("list");
    expect(levels.get("work")!.seatsInUse).toBe(0);
  });
});

describe("lending", () => {
  test("idle seats that are lendable are lent, the others kept", async () => {
    have({ low: "2", high: "4 lends 3" });
    for (const name of ["a", "b", "c", "d", "e", "f"]) await ask(name, "low bob");
    expect(told).toEqual(["a in", "b in", "c in", "d in", "e in"]);
    await ask("h", "high ann");
    expect(told.at(-1)).toBe("h in");
  });

  test("what was lent comes back to its level before anybody else gets it", async () => {
    have({ low: "1", high: "3 lends 3" });
    for (const name of ["a", "b", "c", "d", "e"]) await ask(name, "low bob");
    for (const name of ["h", "i"]) await ask(name, "high ann");
    expect(told).toEqual(["a in", "b in", "c in", "d in"]);
    await leave("a", "b", "c");
    expect(told.slice(4)).toEqual(["h in", "i in", "e in"]);
  });

  test("nobody borrows more than allowed", async () => {
    have({ low: "1 borrows 1", high: "8 lends 8" });
    for (const name of ["a", "b", "c"]) await ask(name, "low bob");
    expect(told).toEqual(["a in", "b in"]);
  });
});

describe("queues", () => {
  test("a flow that waits a lot leaves its turn to one that comes now and then", async () => {
    have({ work: "1" });
    await ask("a0", "work alice");
    for (let i = 1; i <= 20; i++) await ask(`a${i}`, "work alice");
    await ask("b", "work bob");
    while (!told.includes("b in")) await leave(told.at(-1)!.split(" ")[0]!);
    // Alice's hand is six queues: bob waits for one of each, and for the one that is being served.
    expect(told.length).toBeLessThanOrEqual(8);
  });

  test("turns are counted by time: who takes long waits longer", async () => {
    have({ work: "1" }, { queues: 64, handSize: 1, queueLengthLimit: 50 });
    await ask("first", "work carol");
    for (let i = 0; i < 4; i++) await ask(`list${i}`, "work alice");
    for (let i = 0; i < 20; i++) await ask(`get${i}`, "work bob");
    await leave("first");
    for (let step = 0; step < 12; step++) {
      const name = told.at(-1)!.split(" ")[0]!;
      await clock.advance(name.startsWith("list") ? 1000 : 10);
      await leave(name);
    }
    // A list has taken as long as a hundred of the others.
    expect(told.filter((one) => one.startsWith("list"))).toHaveLength(1);
  });

  test("a full queue refuses; other flows are dealt others", async () => {
    have({ work: "1" }, { queues: 64, handSize: 1, queueLengthLimit: 2 });
    for (const name of ["a", "b", "c", "d"]) await ask(name, "work alice");
    expect(told).toEqual(["a in", "d queue-full"]);
    const others = Array.from({ length: 20 }, (_, at) => `user-${at}`);
    for (const user of others) await ask(user, `work ${user}`);
    expect(told.filter((one) => one.endsWith("queue-full")).length).toBeLessThan(5);
  });

  test("who waits too long is refused, and whoever comes after is not held up by it", async () => {
    have({ work: "1" });
    await ask("a", "work bob");
    await ask("b", "work bob");
    await clock.advance(10_000);
    await ask("c", "work bob");
    await clock.advance(5_000);
    expect(told).toEqual(["a in", "b time-out"]);
    await leave("a");
    expect(told.at(-1)).toBe("c in");
  });

  test("nobody is served who has gone", async () => {
    have({ work: "1" });
    let gone = () => {};
    await ask("a", "work bob");
    await ask("b", "work bob", {
      onGone: (listener) => {
        gone = listener;
      },
    });
    gone();
    await clock.advance(0);
    await leave("a");
    expect(told).toEqual(["a in", "b cancelled"]);
    expect(levels.get("work")!.isIdle).toBe(true);
  });

  test("bodies that wait are bounded", async () => {
    have({ work: "1" });
    await ask("a", "work bob");
    await ask("b", "work bob", { bytes: 255 * 1024 * 1024 });
    await ask("c", "work bob", { bytes: 2 * 1024 * 1024 });
    await ask("d", "work bob", { bytes: 1024 });
    expect(told).toEqual(["a in", "c queue-full"]);
    await leave("a");
    await leave("b");
    expect(told.slice(2)).toEqual(["b in", "d in"]);
  });

  test("a level that goes serves what it has", async () => {
    have({ work: "1", other: "2" });
    await ask("a", "work bob");
    await ask("b", "work bob");
    pool.setLevels([levels.get("other")!]);
    expect(pool.levels.map(({ name }) => name)).toEqual(["other", "work"]);
    await leave("a");
    await leave("b");
    expect(told).toEqual(["a in", "b in"]);
    expect(pool.levels.map(({ name }) => name)).toEqual(["other"]);
  });
});

test("whoever is refused stays away the longer the more it goes on", async () => {
  have({ work: "1 rejects" });
  const level = levels.get("work")!;
  const seconds: number[] = [];
  for (let at = 0; at < 70; at++) {
    seconds.push(level.refuse());
    await clock.advance(1000);
  }
  expect([...new Set(seconds)]).toEqual([1, 2, 4, 8, 16, 32]);
  await clock.advance(100_000);
  expect(level.refuse()).toBe(1);
});

test("a hand: different cards, always the same for a name, evenly dealt", () => {
  expect(deal("alice", 64, 6)).toEqual(deal("alice", 64, 6));
  const dealt = new Map<number, number>();
  for (let at = 0; at < 2000; at++) {
    const hand = deal(`user-${at}`, 64, 6);
    expect(new Set(hand).size).toBe(6);
    for (const card of hand) dealt.set(card, (dealt.get(card) ?? 0) + 1);
  }
  const counts = [...dealt.values()];
  expect(dealt.size).toBe(64);
  // 187.5 on average.
  expect(Math.min(...counts)).toBeGreaterThan(130);
  expect(Math.max(...counts)).toBeLessThan(250);
  expect(deal("alice", 3, 6)).toHaveLength(3);
});
