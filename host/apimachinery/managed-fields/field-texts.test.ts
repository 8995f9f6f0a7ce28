import { expect, test } from "vitest";
import { FieldTexts } from "./field-texts.ts";

const text = (name: string) => `{"f:${name}":{}}`;
/** Room for a hundred texts of this length in each generation, since none may be longer than a hundredth. */
const LENGTH = text("000").length;
const filled = (from: number, to: number, texts: FieldTexts) => {
  for (let i = from; i < to; i++) texts.setOf(text(String(i).padStart(3, "0")));
};

test("a text gives the same set each time, and the set its text", () => {
  const texts = new FieldTexts(100 * LENGTH);
  const set = texts.setOf(text("000"));
  expect(set).toEqual({ "f:000": {} });
  expect(texts.setOf(text("000"))).toBe(set);
  expect(texts.textOf(set)).toBe(text("000"));
});

test("the text of a set that nobody read is written", () => {
  expect(new FieldTexts(100).textOf({ "f:b": {}, "f:a": { ".": {} } })).toBe('{"f:b":{},"f:a":{".":{}}}');
});

test("what is not asked for in two generations is forgotten, what is asked for stays", () => {
  const texts = new FieldTexts(100 * LENGTH);
  const [kept, forgotten] = [texts.setOf(text("000")), texts.setOf(text("001"))];
  filled(2, 150, texts);
  expect(texts.setOf(text("000"))).toBe(kept);
  filled(150, 249, texts);
  expect(texts.setOf(text("000"))).toBe(kept);
  expect(texts.textOf(kept)).toBe(text("000"));
  expect(texts.setOf(text("001"))).not.toBe(forgotten);
  expect(texts.textOf(forgotten)).toBe(text("001"));
});

test("a text that is too long is read each time", () => {
  const texts = new FieldTexts(100 * LENGTH);
  const long = text("a name that is longer");
  expect(texts.setOf(long)).not.toBe(texts.setOf(long));
});

test("a text that is not as it would be written is not kept: it would come back as it came", () => {
  const texts = new FieldTexts(1e6);
  const set = texts.setOf('{ "f:\\u0061":{}}');
  expect(texts.textOf(set)).toBe('{"f:a":{}}');
});
