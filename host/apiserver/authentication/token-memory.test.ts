import { expect, test } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import type { TokenOutcome } from "./token-authenticator.ts";
import { TokenMemory } from "./token-memory.ts";

const user = { name: "u", groups: [] };
const POD = "/registry/pods/default/p";

/** A memory in front of an authenticator that counts how often it is asked, and answers what it is told to. */
function remembering(answer: (token: string) => TokenOutcome | Promise<TokenOutcome>) {
  const clock = new VirtualClock();
  const store = createMemoryStore({ clock });
  const memory = new TokenMemory(store, clock);
  const asked: string[] = [];
  const authenticate = memory.before((token) => {
    asked.push(token);
    return answer(token);
  });
  return { clock, store, memory, asked, authenticate };
}

test("a valid token is looked at once in ten seconds, an invalid one each time", async () => {
  const { clock, asked, authenticate } = remembering((token) =>
    token === "good" ? { user, audiences: [] } : undefined,
  );
  for (const token of ["good", "good", "bad", "bad"]) await authenticate(token);
  expect(asked).toEqual(["good", "bad", "bad"]);
  await clock.advance(9_999);
  await authenticate("good");
  expect(asked.length).toBe(3);
  await clock.advance(1);
  await authenticate("good");
  expect(asked.length).toBe(4);
});

test("an answer for some audiences is none for others", async () => {
  const { asked, authenticate } = remembering(() => ({ user, audiences: [] }));
  await authenticate("t");
  await authenticate("t", ["a"]);
  await authenticate("t", ["a", "b"]);
  await authenticate("t", ["a"]);
  expect(asked.length).toBe(3);
});

test("a token goes with what it stands on, and others stay", async () => {
  const { store, asked, authenticate } = remembering((token) => ({
    user,
    audiences: [],
    standsOn: token === "bound" ? [POD] : [],
  }));
  await store.create(POD, Buffer.from("{}"));
  for (const token of ["bound", "free", "bound", "free"]) await authenticate(token);
  await store.delete(POD);
  for (const token of ["bound", "free"]) await authenticate(token);
  expect(asked).toEqual(["bound", "free", "bound"]);
});

test("what goes while a token is looked at leaves nothing to remember", async () => {
  let release = () => {};
  const looking = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { store, asked, authenticate } = remembering(async () => {
    await looking;
    return { user, audiences: [], standsOn: [POD] };
  });
  await store.create(POD, Buffer.from("{}"));
  const first = authenticate("t");
  await store.delete(POD);
  release();
  await first;
  await authenticate("t");
  expect(asked).toEqual(["t", "t"]);
});

test("ten thousand are remembered, and then the oldest goes", async () => {
  const { asked, authenticate } = remembering(() => ({ user, audiences: [] }));
  for (let i = 0; i <= 10_000; i++) await authenticate(`t${i}`);
  asked.length = 0;
  for (const token of ["t1", "t10000", "t0"]) await authenticate(token);
  expect(asked).toEqual(["t0"]);
});
