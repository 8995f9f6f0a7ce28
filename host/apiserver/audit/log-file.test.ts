import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { createLogger } from "../../apimachinery/log.ts";
import { LogFile, MAX_WAITING_BYTES } from "./log-file.ts";

let folder: string;
let clock: VirtualClock;
let said: string[];
const log = createLogger((line) => said.push(line), "warn");

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pintle-audit-"));
  clock = new VirtualClock();
  said = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const path = () => join(folder, "audit.log");
const MEGABYTE = "x".repeat(1024 * 1024 - 1);

test("lines come in order, and to those that were there", async () => {
  for (const text of ["a", "b"]) {
    const file = new LogFile(path(), {}, clock, log);
    await file.check();
    for (let at = 0; at < 100; at++) file.append(`${text}${at}`);
    await file.flush();
  }
  const lines = readFileSync(path(), "utf8").trimEnd().split("\n");
  expect(lines).toHaveLength(200);
  expect([lines[0], lines[99], lines[100]]).toEqual(["a0", "a99", "b0"]);
});

test("a file that is large enough is put aside; too many and too old ones go", async () => {
  const file = new LogFile(path(), { maxSize: 2, maxBackup: 2, maxAge: 1 }, clock, log);
  const files = () => readdirSync(folder).sort();
  for (let at = 0; at < 3; at++) {
    file.append(MEGABYTE);
    await file.flush();
  }
  expect(files()).toEqual(["audit-2026-01-01T00-00-00.000.log", "audit.log"]);
  for (let at = 0; at < 6; at++) {
    await clock.advance(3_600_000);
    file.append(MEGABYTE);
    await file.flush();
  }
  expect(files()).toEqual([
    "audit-2026-01-01T04-00-00.000.log",
    "audit-2026-01-01T06-00-00.000.log",
    "audit.log",
  ]);
  await clock.advance(25 * 3_600_000);
  for (let at = 0; at < 2; at++) {
    file.append(MEGABYTE);
    await file.flush();
  }
  expect(files()).toEqual(["audit-2026-01-02T07-00-00.000.log", "audit.log"]);
});

test("what does not fit is lost, and told once a minute; nobody waits", async () => {
  const file = new LogFile(path(), {}, clock, log);
  const fits = Math.floor(MAX_WAITING_BYTES / (1024 * 1024));
  for (let at = 0; at < fits + 3; at++) file.append(MEGABYTE);
  expect(file.lost).toBe(3);
  expect(said).toHaveLength(1);
  expect(said[0]).toContain("audit events lost");
  await file.flush();
  expect(statSync(path()).size).toBe(fits * 1024 * 1024);
  file.append("again");
  await file.flush();
  expect(readFileSync(path(), "utf8").endsWith("\nagain\n")).toBe(true);
});

test("a disk that cannot be written to loses lines and not the server", async () => {
  // /dev/full answers every write as a full disk does.
  const file = new LogFile("/dev/full", {}, clock, log);
  for (const line of ["a", "b"]) file.append(line);
  await file.flush();
  await clock.advance(61_000);
  file.append("c");
  await file.flush();
  expect(file.lost).toBe(3);
  expect(said).toEqual([
    expect.stringMatching(/^error audit events lost path=\/dev\/full lost=2 why=Error: ENOSPC/),
    expect.stringMatching(/lost=3/),
  ]);
});
