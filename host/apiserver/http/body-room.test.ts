import { expect, test } from "vitest";
import { BodyRoom } from "./body-room.ts";

test("each connection has its share of the room, and what is given back can be taken again", () => {
  const room = new BodyRoom(10, 4);
  const [a, b, c] = [{}, {}, {}];
  expect(room.take(a, 4)).toBe(true);
  expect(room.take(a, 1)).toBe(false);
  expect(room.take(b, 4)).toBe(true);
  expect(room.take(c, 3)).toBe(false);
  expect(room.take(c, 2)).toBe(true);
  room.giveBack(a, 4);
  expect(room.take(c, 2)).toBe(true);
  expect(room.take(a, 3)).toBe(false);
  expect(room.take(a, 2)).toBe(true);
});
