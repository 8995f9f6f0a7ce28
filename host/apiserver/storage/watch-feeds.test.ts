import { beforeEach, describe, expect, test } from "vitest";
import type { Kind } from "../../api/kind.ts";
import { ConfigMap, Pod } from "../../api/registry.ts";
import { seededRandom } from "../../apimachinery/random.ts";
import { createMemoryStore, type MemoryStore } from "../../store/memory-store.ts";
import { CompactedError, type WatchEvent } from "../../store/store.ts";
import { type Selection, type Selectors, select } from "../selection.ts";
import type { Batch } from "./delivery.ts";
import { storageKey } from "./keys.ts";
import { encodeObject, Views } from "./view.ts";
import { type Follower, WatchFeeds } from "./watch-feeds.ts";

let store: MemoryStore;
let views: Views;
let feeds: WatchFeeds;

beforeEach(() => {
  store = createMemoryStore();
  views = new Views();
  feeds = new WatchFeeds(store, views);
});

const kindOf = (kind: unknown) => kind as Kind;
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** "create a/x app=web", "update a/x app=db", "delete a/x"; a pod's label `node` is its node, too. */
async function write(words: string, kind = kindOf(ConfigMap)): Promise<void> {
  const [verb, place = "", label = ""] = words.split(" ");
  const [namespace = "", name = ""] = place.split("/");
  const key = storageKey(kind, { namespace, name });
  const current = await store.get(key);
  const [label1 = "", value = ""] = label.split("=");
  const object = encodeObject({
    kind: kind.kind,
    apiVersion: "v1",
    metadata: { name, namespace, labels: label === "" ? {} : { [label1]: value } },
    ...(kind === kindOf(Pod) ? { spec: { nodeName: value } } : {}),
  });
  if (verb === "create") await store.create(key, object);
  else if (verb === "update") await store.update(key, object, current?.modRevision ?? 0);
  else await store.delete(key);
}

function all(selectors: Selectors = {}, namespace?: string, kind = kindOf(ConfigMap)): Selection {
  return select(kind, namespace, selectors);
}

class Recorder implements Follower {
  readonly told: string[] = [];
  readonly batches: Batch[] = [];
  end: Error | undefined;
  onBatches(batches: readonly Batch[]): void {
    for (const batch of batches) {
      this.batches.push(batch);
      for (const { type, view, revision } of batch.deliveries)
        this.told.push(`${type} ${view.object.metadata?.name}@${revision}`);
    }
  }
  onEnd(reason: Error): void {
    this.end = reason;
  }
}

function follow(selection: Selection, after = store.revision) {
  const recorder = new Recorder();
  return Object.assign(recorder, { cancel: feeds.follow(selection, after, recorder).cancel });
}

describe("what is told", () => {
  test.each<{ name: string; selectors: Selectors; namespace?: string; wants: string[] }>([
    {
      name: "everything",
      selectors: {},
      wants: ["ADDED x@2", "ADDED y@3", "MODIFIED x@4", "MODIFIED x@5", "DELETED x@6"],
    },
    { name: "of one namespace", selectors: {}, namespace: "b", wants: ["ADDED y@3"] },
    {
      name: "an object that starts to match is added, one that stops is deleted",
      selectors: { labelSelector: "app=db" },
      wants: ["ADDED x@4", "DELETED x@5"],
    },
    { name: "by name", selectors: { fieldSelector: "metadata.name=y" }, wants: ["ADDED y@3"] },
    {
      name: "all but a name",
      selectors: { fieldSelector: "metadata.name!=x,metadata.namespace=b" },
      wants: ["ADDED y@3"],
    },
  ])("$name", async ({ selectors, namespace, wants }) => {
    const live = follow(all(selectors, namespace));
    for (const words of [
      "create a/x app=web",
      "create b/y",
      "update a/x app=db",
      "update a/x app=web",
      "delete a/x",
    ])
      await write(words);
    await settle();
    const late = follow(all(selectors, namespace), 1);
    await settle();
    expect(live.told).toEqual(wants);
    expect(late.told).toEqual(wants);
  });
});

describe("what watchers share", () => {
  test("the batches of one selection, and so their bytes", async () => {
    const [one, two] = [follow(all()), follow(all())];
    const [web, web2] = [
      follow(all({ labelSelector: "app=web" })),
      follow(all({ labelSelector: "app=web" })),
    ];
    await write("create a/x app=web");
    await settle();
    expect(one.batches[0]).toBe(two.batches[0]);
    expect(web.batches[0]).toBe(web2.batches[0]);
    // Another selection is another batch, but of the same deliveries.
    expect(web.batches[0]!.deliveries[0]).toBe(one.batches[0]!.deliveries[0]);
    let encoded = 0;
    const bytes = [one, two].map(({ batches }) =>
      batches[0]!.bytes("form", (delivery) => {
        encoded += 1;
        return delivery.line();
      }),
    );
    expect(bytes[0]).toBe(bytes[1]);
    expect(encoded).toBe(1);
  });

  test("one watch of the store, for as long as anybody watches", async () => {
    const followers = [follow(all()), follow(all({ labelSelector: "a=b" })), follow(all({}, "a"))];
    expect(store.metrics().watchers).toBe(2);
    for (const { cancel } of followers) cancel();
    for (const { cancel } of followers) cancel();
    expect([store.metrics().watchers, feeds.watches]).toEqual([0, 0]);
  });

  test("a change is offered only to those whose field has its value, before or after", async () => {
    const asked: string[] = [];
    const nodes = ["n1", "n2", "n3"];
    const followers = nodes.map((node) => {
      const selection = all({ fieldSelector: `spec.nodeName=${node}` }, undefined, kindOf(Pod));
      const matches = selection.matches!;
      const counted: Selection = {
        ...selection,
        matches: (view) => {
          asked.push(node);
          return matches(view);
        },
      };
      return follow(counted);
    });
    await write("create a/p node=n1", kindOf(Pod));
    await write("update a/p node=n2", kindOf(Pod));
    await settle();
    expect(followers.map(({ told }) => told)).toEqual([["ADDED p@2", "DELETED p@3"], ["ADDED p@3"], []]);
    expect(new Set(asked)).toEqual(new Set(["n1", "n2"]));
    followers[1]!.cancel();
    followers[2]!.cancel();
    await write("delete a/p", kindOf(Pod));
    await settle();
    expect(followers[1]!.told).toEqual(["ADDED p@3"]);
  });
});

describe("what goes wrong", () => {
  test("a follower that throws loses its watch, and nobody else's", async () => {
    const broken = new (class extends Recorder {
      override onBatches(): void {
        throw new Error("full");
      }
    })();
    feeds.follow(all(), store.revision, broken);
    const other = follow(all());
    await write("create a/x");
    await write("create a/y");
    await settle();
    expect(broken.end?.message).toBe("full");
    expect(other.told).toEqual(["ADDED x@2", "ADDED y@3"]);
    expect(feeds.watches).toBe(1);
  });

  test("what is compacted is refused, whether others watch or not", async () => {
    await write("create a/x");
    await write("create a/y");
    await store.compact(3);
    expect(() => follow(all(), 2)).toThrow(CompactedError);
    const other = follow(all(), 3);
    expect(() => follow(all(), 2)).toThrow(CompactedError);
    await write("create a/z");
    await settle();
    expect(other.told).toEqual(["ADDED z@4"]);
  });

  test("the store's end is everybody's", async () => {
    await write("create a/x");
    const [live, late] = [follow(all()), follow(all(), 1)];
    await store.close();
    expect([live.end?.message, late.end?.message]).toEqual(["the store is closed", "the store is closed"]);
  });
});

/** What a watcher from `after` is to be told, worked out event by event from the whole log. */
function expected(
  log: readonly WatchEvent[],
  { prefix, matches = () => true }: Selection,
  after: number,
): string[] {
  return log.flatMap(({ key, revision, entry, previous }) => {
    if (revision <= after || !key.startsWith(prefix)) return [];
    const name = key.split("/").at(-1);
    const now = entry !== undefined && matches(views.of(entry));
    const before = previous !== undefined && matches(views.of(previous));
    if (now) return [`${before ? "MODIFIED" : "ADDED"} ${name}@${revision}`];
    return before ? [`DELETED ${name}@${revision}`] : [];
  });
}

test.each([1, 2, 3, 4, 5])(
  "whenever they come and go, each is told all it asked for, once (seed %i)",
  async (seed) => {
    const random = seededRandom(seed);
    const pick = <T>(choices: readonly T[]): T => choices[random.below(choices.length)]!;
    const log: WatchEvent[] = [];
    store.watch("", 1, { onEvents: (events) => void log.push(...events) });
    const choices = [
      all(),
      all({}, "a"),
      all({ labelSelector: "app=web" }),
      all({ fieldSelector: "metadata.name=x" }),
      all({ fieldSelector: "metadata.name=y" }, "b"),
      all({ fieldSelector: "metadata.namespace=a", labelSelector: "app!=web" }),
    ];
    const watchers: {
      recorder: ReturnType<typeof follow>;
      selection: Selection;
      after: number;
      until: number;
    }[] = [];
    const writes: Promise<void>[] = [];
    for (let step = 0; step < 600; step++) {
      const action = random.below(10);
      if (action < 6) {
        const place = `${pick(["a", "b"])}/${pick(["x", "y", "z"])}`;
        writes.push(
          write(`${pick(["create", "update", "update", "delete"])} ${place} app=${pick(["web", "db"])}`),
        );
      } else if (action < 8) {
        const after = pick([
          store.revision,
          store.revision,
          1 + random.below(store.revision),
          store.revision + 3,
        ]);
        const selection = pick(choices);
        watchers.push({
          recorder: follow(selection, after),
          selection,
          after,
          until: Number.POSITIVE_INFINITY,
        });
      } else if (action < 9 && watchers.length > 0) {
        const gone = pick(watchers);
        gone.recorder.cancel();
        gone.until = Math.min(gone.until, gone.recorder.told.length);
      } else for (let turns = random.below(6); turns > 0; turns--) await Promise.resolve();
    }
    await Promise.all(writes);
    await settle();
    for (const { recorder, selection, after, until } of watchers)
      expect(recorder.told).toEqual(expected(log, selection, after).slice(0, Math.min(until, 1e9)));
    expect(watchers.length).toBeGreaterThan(50);
    expect(log.length).toBeGreaterThan(100);
  },
);
