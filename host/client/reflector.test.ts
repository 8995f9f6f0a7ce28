import { expect, test } from "vitest";
import { ConfigMap } from "../api/core-kinds.ts";
import type { V1ConfigMap } from "../api/generated/types.ts";
import { VirtualClock } from "../apimachinery/clock.ts";
import { ApiError } from "../apimachinery/errors.ts";
import { silentLogger } from "../apimachinery/log.ts";
import { seededRandom } from "../apimachinery/random.ts";
import type { Client, WatchOptions, WatchSink } from "./client.ts";
import { createInformer } from "./informer.ts";

/** A server that answers from a script and keeps the open watch, so that a test can speak through it. */
class ScriptedServer {
  readonly calls: string[] = [];
  lists: (() => { revision: string; items: V1ConfigMap[]; continue?: string })[] = [];
  watch: WatchSink<V1ConfigMap> | undefined;

  readonly client = {
    list: async (_: unknown, options: { continue?: string }) => {
      this.calls.push(options.continue ? `list ${options.continue}` : "list");
      const { revision, items, continue: next } = this.lists.shift()!();
      return { metadata: { resourceVersion: revision, ...(next ? { continue: next } : {}) }, items };
    },
    watch: (_: unknown, options: WatchOptions, sink: WatchSink<V1ConfigMap>) => {
      this.calls.push(`watch ${options.resourceVersion}`);
      this.watch = sink;
      return { cancel: () => this.calls.push("cancel") };
    },
  } as unknown as Client;
}

/** "a1@5": name a, uid a1, revision 5. */
function map(text: string): V1ConfigMap {
  const [, name, uid, resourceVersion] = /^([a-z])(\d+)@(\d+)$/.exec(text)!;
  return { metadata: { namespace: "w", name, uid: `${name}${uid}`, resourceVersion } };
}

function informerOf(server: ScriptedServer) {
  const clock = new VirtualClock();
  const told: string[] = [];
  const informer = createInformer({
    client: server.client,
    kind: ConfigMap,
    clock,
    random: seededRandom(1),
    log: silentLogger,
  });
  const at = (object: V1ConfigMap) => `${object.metadata?.uid}@${object.metadata?.resourceVersion}`;
  informer.addHandler({
    onAdd: (object) => told.push(`add ${at(object)}`),
    onUpdate: (old, object) => told.push(`update ${at(old)} ${at(object)}`),
    onDelete: (object) => told.push(`delete ${at(object)}`),
  });
  informer.start();
  return { clock, told, informer };
}

const listed =
  (revision: string, ...items: string[]) =>
  () => ({ revision, items: items.map(map) });

test("lists, then watches from the list's revision", async () => {
  const server = new ScriptedServer();
  server.lists = [listed("5", "a1@3", "b1@5")];
  const { clock, told, informer } = informerOf(server);
  await clock.advance(0);
  expect([informer.hasSynced, informer.revision]).toEqual([true, 5]);
  server.watch!.onEvent("MODIFIED", map("a1@6"));
  server.watch!.onEvent("DELETED", map("b1@7"));
  server.watch!.onEvent("BOOKMARK", { metadata: { resourceVersion: "9" } });
  expect(server.calls).toEqual(["list", "watch 5"]);
  expect(told).toEqual(["add a1@3", "add b1@5", "update a1@3 a1@6", "delete b1@5"]);
  expect([informer.revision, informer.lister.list().length]).toEqual([9, 1]);
});

test("reads a list page by page", async () => {
  const server = new ScriptedServer();
  server.lists = [() => ({ revision: "5", items: [map("a1@3")], continue: "TOKEN" }), listed("5", "b1@5")];
  const { clock, told } = informerOf(server);
  await clock.advance(0);
  expect(server.calls).toEqual(["list", "list TOKEN", "watch 5"]);
  expect(told).toEqual(["add a1@3", "add b1@5"]);
});

test("watches again from the last revision when a watch ends, a bookmark's included", async () => {
  const server = new ScriptedServer();
  server.lists = [listed("5")];
  const { clock } = informerOf(server);
  await clock.advance(5000);
  server.watch!.onEvent("BOOKMARK", { metadata: { resourceVersion: "8" } });
  server.watch!.onEnd();
  expect(server.calls).toEqual(["list", "watch 5", "watch 8"]);
});

test("pauses before it watches again after a failure, longer each time", async () => {
  const server = new ScriptedServer();
  server.lists = [listed("5")];
  const { clock } = informerOf(server);
  await clock.advance(0);
  const waits: number[] = [];
  for (let i = 2; i < 6; i++) {
    const startMs = clock.nowMs();
    server.watch!.onEnd(new ApiError("ServiceUnavailable", "connection refused"));
    await clock.advanceUntil(() => server.calls.length > i, 120_000);
    waits.push(clock.nowMs() - startMs);
  }
  // 800 ms doubling, each stretched by up to its own length.
  expect(waits.map((ms, i) => ms >= 800 * 2 ** i && ms < 1600 * 2 ** i)).toEqual([true, true, true, true]);
  expect(server.calls.filter((call) => call === "list")).toEqual(["list"]);
});

test("lists again when the history is gone, and tells only what differs", async () => {
  const server = new ScriptedServer();
  // a stays, b changed, c went, d was made anew under its name, e is new.
  server.lists = [
    listed("5", "a1@1", "b1@2", "c1@3", "d1@4"),
    listed("20", "a1@1", "b1@12", "d2@15", "e1@16"),
  ];
  const { clock, told } = informerOf(server);
  await clock.advance(5000);
  told.length = 0;
  server.watch!.onEnd(new ApiError("Expired", "too old resource version: 5 (11)"));
  await clock.advance(0);
  expect(told).toEqual(["delete c1@3", "update b1@2 b1@12", "delete d1@4", "add d2@15", "add e1@16"]);
  expect(server.calls).toEqual(["list", "watch 5", "list", "watch 20"]);
});

test("a list that fails is tried again", async () => {
  const server = new ScriptedServer();
  server.lists = [
    () => {
      throw new ApiError("ServiceUnavailable", "connection refused");
    },
    listed("5", "a1@1"),
  ];
  const { clock, told, informer } = informerOf(server);
  await clock.advance(0);
  expect(informer.hasSynced).toBe(false);
  await clock.advance(1600);
  expect(told).toEqual(["add a1@1"]);
});

test("stopping cancels the watch and what comes after is not told", async () => {
  const server = new ScriptedServer();
  server.lists = [listed("5")];
  const { clock, told, informer } = informerOf(server);
  await clock.advance(0);
  informer.stop();
  server.watch!.onEvent("ADDED", map("a1@6"));
  expect(server.calls).toEqual(["list", "watch 5", "cancel"]);
  expect(told).toEqual([]);
});
