import { describe, expect, test } from "vitest";
import {
  decodeBase64,
  decodeDuration,
  decodeMicroTime,
  decodeTime,
  formatDuration,
} from "./decode-scalar.ts";

const LAYOUT = '"2006-01-02T15:04:05Z07:00"';

describe("times", () => {
  test.each([
    ["2024-02-29T23:59:59Z", "2024-02-29T23:59:59Z"],
    ["2024-01-01T00:30:00+01:00", "2023-12-31T23:30:00Z"],
    ["2024-01-01T00:00:00.999999999Z", "2024-01-01T00:00:00Z"],
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"],
  ])("%s is %s", (text, wants) => {
    expect(decodeTime(text)).toBe(wants);
  });

  test.each([
    ["", `parsing time "" as ${LAYOUT}: cannot parse "" as "2006"`],
    ["2024", `parsing time "2024" as ${LAYOUT}: cannot parse "" as "-"`],
    ["2024-01-01", `parsing time "2024-01-01" as ${LAYOUT}: cannot parse "" as "T"`],
    [
      "2024-01-01 00:00:00Z",
      `parsing time "2024-01-01 00:00:00Z" as ${LAYOUT}: cannot parse " 00:00:00Z" as "T"`,
    ],
    ["2024-01-01T00:00:00", `parsing time "2024-01-01T00:00:00" as ${LAYOUT}: cannot parse "" as "Z07:00"`],
    ["2024-13-01T00:00:00Z", 'parsing time "2024-13-01T00:00:00Z": month out of range'],
    ["2023-02-29T00:00:00Z", 'parsing time "2023-02-29T00:00:00Z": day out of range'],
    ["2023-02-28T24:00:00Z", 'parsing time "2023-02-28T24:00:00Z": hour out of range'],
    ["9999-12-31T23:59:59-01:00", "Time.MarshalJSON: year outside of range [0,9999]"],
    ["2024-01-01T00:00:00Zx", 'parsing time "2024-01-01T00:00:00Zx": extra text: "x"'],
  ])("%j is refused", (text, message) => {
    expect(() => decodeTime(text)).toThrow(message);
  });

  test("a MicroTime has six places", () => {
    expect(decodeMicroTime("2024-01-01T00:00:00.123456Z")).toBe("2024-01-01T00:00:00.123456Z");
    expect(() => decodeMicroTime("2024-01-01T00:00:00Z")).toThrow(
      'parsing time "2024-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"',
    );
  });
});

describe("base64", () => {
  test.each([
    ["", ""],
    ["aGk=", "aGk="],
    ["aG\r\nk=", "aGk="],
    ["aGl=", "aGk="],
  ])("%j is %s", (text, wants) => {
    expect(decodeBase64(text)).toBe(wants);
  });

  test.each([
    ["!", 0],
    ["aG!k", 2],
    ["a", 0],
    ["aGkx\naG", 5],
    ["aGk", 0],
    ["=", 0],
    ["aG=", 3],
    ["aG=x", 2],
    ["aGk=x", 4],
    ["aGk_", 3],
  ])("%j is illegal at byte %i", (text, byte) => {
    expect(() => decodeBase64(text)).toThrow(`illegal base64 data at input byte ${byte}`);
  });
});

describe("durations", () => {
  test.each([
    ["0", "0s"],
    ["1h30m", "1h30m0s"],
    ["90s", "1m30s"],
    ["1.5s", "1.5s"],
    ["20ms", "20ms"],
    ["-5m", "-5m0s"],
  ])("%s is %s", (text, wants) => {
    expect(decodeDuration(text)).toBe(wants);
  });

  test.each([["foo"], [""], ["5"], ["1h-5m"]])("%j is refused", (text) => {
    expect(() => decodeDuration(text)).toThrow(`time: invalid duration ${JSON.stringify(text)}`);
  });

  test("small ones", () => {
    expect([1, 1500, 1_500_000].map(formatDuration)).toEqual(["1ns", "1.5µs", "1.5ms"]);
  });
});
