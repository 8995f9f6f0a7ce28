import { EventEmitter } from "node:events";
import { beforeEach, describe, expect, test } from "vitest";
import { ConfigMap } from "../../api/registry.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/log.ts";
import { seededRandom } from "../../apimachinery/random.ts";
import type { Client } from "../../client/client.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import type { Api } from "../api.ts";
import { createApiCore } from "../core.ts";
import { select } from "../selection.ts";
import type { WatchRequest } from "../verbs/watch.ts";
import {
  END_GRACE_MS,
  MAX_WAITING_BYTES,
  MAX_WAITING_EVENTS,
  type RawResponse,
  streamWatch,
} from "./watch-stream.ts";

/** A socket that takes one write and then no more until it is read. */
class SlowClient extends EventEmitter {
  text = "";
  keepsText = true;
  lines = 0;
  writes = 0;
  state: "open" | "ended" | "cut" = "open";
  reads = false;
  writeHead(): void {}
  write(bytes: Buffer): boolean {
    if (this.state === "ended") throw new Error("written after the end");
    if (this.keepsText) this.text += bytes.toString("utf8");
    for (let at = bytes.indexOf("\n"); at >= 0; at = bytes.indexOf("\n", at + 1)) this.lines += 1;
    this.writes += 1;
    return this.reads;
  }
  end(): void {
    this.state = "ended";
  }
  destroy(): void {
    this.state = "cut";
    this.emit("close");
  }
  read(): void {
    this.reads = true;
    this.emit("drain");
  }
  /** `ADDED a`, `MODIFIED a`, … */
  get events(): string[] {
    const lines = this.text.split("\n").filter(Boolean);
    return lines.map((line) => {
      const { type, object } = JSON.parse(line);
      return `${type} ${object.metadata.name ?? object.reason}`;
    });
  }
}

const LOOK = { representation: { as: "object", yaml: false }, include: "Metadata" } as const;
let clock: VirtualClock;
let api: Api;
let client: Client;

beforeEach(async () => {
  clock = new VirtualClock();
  const store = createMemoryStore({ clock });
  const core = await createApiCore({ store, clock, random: seededRandom(7), log: silentLogger });
  api = core.api;
  client = core.client("test");
});

function watchAs(slow: SlowClient, request: WatchRequest = {}): void {
  const takeOver = () => ({ raw: slow as unknown as RawResponse, headers: {} });
  streamWatch(api, select(ConfigMap, "default", {}), request, LOOK, { takeOver });
}

async function createMany(count: number, prefix = "c", data = ""): Promise<void> {
  const one = (name: string) =>
    client.create(ConfigMap, { metadata: { name, namespace: "default" }, data: { data } });
  for (let made = 0; made < count; made += 500) {
    const names = Array.from(
      { length: Math.min(500, count - made) },
      (_, index) => `${prefix}-${made + index}`,
    );
    await Promise.all(names.map(one));
  }
  await clock.advance(0);
}

describe("a client that does not read", () => {
  test("is told the rest, in order, when it does", async () => {
    const slow = new SlowClient();
    watchAs(slow, { resourceVersion: String(api.objects.store.revision) });
    await createMany(1, "first");
    await createMany(50);
    expect(slow.events).toEqual(["ADDED first-0"]);
    slow.read();
    expect(slow.events).toEqual(["ADDED first-0", ...Array.from({ length: 50 }, (_, at) => `ADDED c-${at}`)]);
  });

  test("gets a state of any size", async () => {
    await createMany(40, "c", "x".repeat(500_000)); // 20 MB
    const slow = new SlowClient();
    watchAs(slow);
    await clock.advance(0);
    expect(slow.state).toBe("open");
    slow.read();
    expect(slow.events).toHaveLength(40);
  });

  test.each([
    { by: "events", first: MAX_WAITING_EVENTS / 2, more: MAX_WAITING_EVENTS / 2 + 1500, bytes: 0 },
    { by: "bytes", first: 10, more: 20, bytes: MAX_WAITING_BYTES / 20 },
  ])("is told 410 when it falls too many $by behind", async ({ first, more, bytes }) => {
    const slow = new SlowClient();
    watchAs(slow, { resourceVersion: String(api.objects.store.revision) });
    await createMany(1, "first");
    await createMany(first, "c", "x".repeat(bytes));
    expect(slow.state).toBe("open");
    await createMany(more, "d", "x".repeat(bytes));
    // Whoever reads on learns why, and lists again; whoever does not is cut.
    expect(slow.state).toBe("ended");
    expect(slow.events).toEqual(["ADDED first-0", "ERROR Expired"]);
    expect(slow.text).toMatch(/"message":"too old resource version: \d+ \(\d+\)".*"code":410}}\n$/);
    await clock.advance(END_GRACE_MS);
    expect(slow.state).toBe("cut");
  });

  test("hears the end after everything else, once", async () => {
    const slow = new SlowClient();
    watchAs(slow, { resourceVersion: String(api.objects.store.revision), timeoutMs: 1000 });
    await createMany(1, "first");
    await createMany(2);
    await clock.advance(1000);
    expect(slow.state).toBe("open");
    slow.read();
    slow.read();
    expect(slow.state).toBe("ended");
    expect(slow.events).toHaveLength(3);
  });
});

test("200 that do not read cost hardly more than one, and 200 that read miss nothing", async () => {
  const before = process.memoryUsage();
  const from = { resourceVersion: String(api.objects.store.revision) };
  const slow = Array.from({ length: 200 }, () => new SlowClient());
  const fast = Array.from({ length: 200 }, () => new SlowClient());
  for (const one of fast) one.reads = true;
  for (const one of [...slow, ...fast]) {
    one.keepsText = one === slow[0] || one === fast[0];
    watchAs(one, from);
  }
  // Ten times what may wait for one client, in sum 30 GB if it were kept for each.
  const size = MAX_WAITING_BYTES / 100;
  const most = { bytes: 0 };
  for (let made = 0; made < 200; made += 20) {
    await createMany(20, `w${made}`, "x".repeat(size));
    const { arrayBuffers, heapUsed } = process.memoryUsage();
    most.bytes = Math.max(most.bytes, arrayBuffers + heapUsed - before.arrayBuffers - before.heapUsed);
  }
  expect(fast.map(({ lines, state }) => `${lines} ${state}`)).toEqual(fast.map(() => "200 open"));
  expect(fast[0]!.events).toEqual(
    Array.from({ length: 200 }, (_, at) => `ADDED w${at - (at % 20)}-${at % 20}`),
  );
  expect(new Set(slow.map(({ state }) => state))).toEqual(new Set(["ended"]));
  expect(slow[0]!.events.at(-1)).toBe("ERROR Expired");
  expect(slow[0]!.lines).toBeLessThan(30);
  expect(most.bytes).toBeLessThan(1024 ** 3);
});
