import { EventEmitter } from "node:events";
import { beforeEach, expect, test } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { createLogger } from "../../apimachinery/log.ts";
import { Turns } from "../verbs/turns.ts";
import { STALL_LIMIT_MS, writeSlices } from "./sliced-body.ts";
import type { RawResponse } from "./watch-stream.ts";

/** What happened, in order: slices written, short requests answered. */
let order: string[];
let clock: VirtualClock;
let turns: Turns;
let logged: string[];

beforeEach(() => {
  order = [];
  clock = new VirtualClock();
  turns = new Turns();
  logged = [];
});

class Client extends EventEmitter {
  constructor(
    readonly name: string,
    readonly takes: boolean,
  ) {
    super();
  }
  writeHead(code: number): void {
    order.push(`${this.name} ${code}`);
  }
  /** What the server is told when the bytes have gone out. */
  flushed = () => {};
  write(bytes: Buffer, flushed: () => void): void {
    order.push(`${this.name} ${bytes}`);
    if (this.takes) flushed();
    else this.flushed = flushed;
  }
  end(): void {
    order.push(`${this.name} end`);
  }
  destroy(): void {
    order.push(`${this.name} cut`);
    this.emit("close");
  }
}

function* slices(count: number): Generator<Buffer> {
  for (let i = 1; i <= count; i++) yield Buffer.from(`${i}`);
}

function send(client: Client, body: Iterable<Buffer>): Promise<number> {
  const log = createLogger((line) => logged.push(line), "error");
  const raw = client as unknown as RawResponse;
  return writeSlices({ clock, log }, turns, raw, { code: 200, headers: {}, body });
}

test("a short request is answered between two slices, and lists take turns", async () => {
  const lists = [send(new Client("a", true), slices(3)), send(new Client("b", true), slices(2))];
  const short = (name: string) => setImmediate(() => order.push(name));
  short("GET 1");
  setImmediate(() => short("GET 2"));
  await Promise.all(lists);
  expect(order).toEqual("a 200,a 1,b 200,b 1,GET 1,a 2,GET 2,b 2,a 3,b end,a end".split(","));
});

test("nothing is made for a client that does not take what it has, until it does", async () => {
  const client = new Client("a", false);
  const sent = send(client, slices(3));
  for (let i = 0; i < 5; i++) await clock.advance(10);
  expect(order).toEqual(["a 200", "a 1"]);
  for (let i = 0; i < 3; i++) {
    client.flushed();
    for (let turn = 0; turn < 3; turn++) await clock.advance(10);
  }
  await sent;
  expect(order.slice(2)).toEqual(["a 2", "a 3", "a end"]);
});

test("a client that takes nothing for a minute is cut, and one that leaves is left", async () => {
  const stuck = send(new Client("a", false), slices(3));
  await clock.advance(STALL_LIMIT_MS);
  await stuck;
  expect(order).toEqual(["a 200", "a 1", "a cut"]);
  const gone = new Client("b", false);
  const left = send(gone, slices(3));
  gone.emit("close");
  await left;
  expect(order.slice(3)).toEqual(["b 200", "b 1"]);
});

test("what cannot be made breaks the answer off, and says so in the log", async () => {
  const broken = function* () {
    yield Buffer.from("1");
    throw new Error("not an object");
  };
  await send(new Client("a", true), broken());
  expect(order).toEqual(["a 200", "a 1", "a cut"]);
  expect(logged).toEqual([expect.stringContaining("not an object")]);
});
