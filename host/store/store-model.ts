import { expect } from "vitest";
import { type Random, seededRandom } from "../apimachinery/random.ts";
import type { Store } from "./store.ts";
import { type Engine, sideBySide } from "./store-contract.ts";
import { inWords, recorder, settled, text } from "./store-shorthand.ts";

interface Value {
  readonly value: string;
  readonly created: number;
  readonly modified: number;
}

/** The plainest store there is: a map per revision, and the events in words. */
class Model {
  /** The keys at each revision; index 0 and 1 are the empty store. */
  readonly states: ReadonlyMap<string, Value>[] = [new Map(), new Map()];
  readonly events: { key: string; revision: number; words: string }[] = [];

  get revision(): number {
    return this.states.length - 1;
  }

  write(verb: string, key: string, expected: number | undefined, value: string): string {
    const keys = new Map(this.states.at(-1));
    const current = keys.get(key);
    const there = current === undefined ? "nothing" : entry(key, current);
    const holds =
      verb === "create"
        ? current === undefined
        : current !== undefined && (expected === undefined || current.modified === expected);
    if (!holds) return `no: ${there}`;
    const revision = this.states.length;
    const was = current === undefined ? "" : ` was ${current.value}@${current.modified}`;
    let outcome: string;
    if (verb === "delete") {
      keys.delete(key);
      this.events.push({ key, revision, words: `${revision} delete ${key}${was}` });
      outcome = `gone ${revision}: ${there}`;
    } else {
      const next = { value, created: current?.created ?? revision, modified: revision };
      keys.set(key, next);
      this.events.push({ key, revision, words: `${revision} put ${key}=${value}${was}` });
      outcome = entry(key, next);
    }
    this.states.push(keys);
    return outcome;
  }

  range(prefix: string, revision: number, after: string | undefined, limit: number): string[] {
    const keys = [...this.states[revision]!.keys()]
      .filter((key) => key.startsWith(prefix) && (after === undefined || byteOrder(key, after) > 0))
      .sort(byteOrder);
    const words = keys.slice(0, limit).map((key) => entry(key, this.states[revision]!.get(key)!));
    return [...words, `+${keys.length - words.length}`];
  }
}

function entry(key: string, { value, created, modified }: Value): string {
  return `${key}=${value} created ${created} modified ${modified}`;
}

function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

const STEPS = 250;
const PREFIXES = ["", "/", "/a", "/a/", "/b/", "/b/1", "/\u{1f600}"];

/**
 * Does the same random things to a store and to the model, several at once, and compares outcomes, ranges at past
 * revisions and everything watchers are told. Same seed, same things.
 */
export async function compareWithModel(engine: Engine, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const model = new Model();
  let store = await engine.open();
  let watches: Watch[] = [];
  for (let step = 0; step < STEPS; step++) {
    const roll = random.below(100);
    if (roll < 60) await writeSome(engine, store, model, random);
    else if (roll < 80) await readSome(store, model, random);
    else if (roll < 90) watches.push(watchSome(store, random));
    else if (roll < 95 && store.revision > store.compactedRevision)
      await store.compact(between(random, Math.max(1, store.compactedRevision), store.revision));
    else if (roll === 99 && engine.reopen !== undefined) {
      await settled();
      for (const watch of watches) expect(watch.recorder.events).toEqual(expectedOf(watch, model));
      watches = [];
      store = await engine.reopen(store);
    }
    expect(store.revision).toBe(model.revision);
  }
  await settled();
  expect(watches.length).toBeGreaterThan(0);
  for (const watch of watches) expect(watch.recorder.events).toEqual(expectedOf(watch, model));
}

interface Watch {
  readonly prefix: string;
  readonly after: number;
  readonly recorder: ReturnType<typeof recorder>;
}

function watchSome(store: Store, random: Random): Watch {
  const watch = {
    prefix: pick(random, PREFIXES),
    after: between(random, store.compactedRevision, store.revision + 3),
    recorder: recorder(),
  };
  store.watch(watch.prefix, watch.after, watch.recorder);
  return watch;
}

function expectedOf({ prefix, after }: Watch, model: Model): string[] {
  return model.events
    .filter((event) => event.revision > after && event.key.startsWith(prefix))
    .map((event) => event.words);
}

async function writeSome(engine: Engine, store: Store, model: Model, random: Random): Promise<void> {
  const writes: string[] = [];
  const expected: string[] = [];
  for (let i = random.below(6); i >= 0; i--) {
    const verb = pick(random, ["create", "create", "update", "update", "delete"]);
    const key = `${pick(random, ["/a/", "/b/", "/\u{1f600}/", "/\uffee/"])}${random.below(40)}`;
    const value = `v${random.below(1_000)}`;
    const current = model.states.at(-1)!.get(key)?.modified;
    // Mostly what is there, sometimes a revision that is wrong, and for a delete sometimes none.
    const guess = random.below(5) === 0 ? random.below(model.revision + 2) : (current ?? 1);
    const revision = verb === "create" || (verb === "delete" && random.below(2) === 0) ? undefined : guess;
    expected.push(model.write(verb, key, revision, value));
    writes.push(`${verb} ${key}${revision === undefined ? "" : `@${revision}`} ${value}`);
  }
  expect(await sideBySide(engine, store, writes)).toEqual(expected);
}

async function readSome(store: Store, model: Model, random: Random): Promise<void> {
  const prefix = pick(random, PREFIXES);
  const revision = between(random, Math.max(1, store.compactedRevision), store.revision);
  const keys = [...model.states[revision]!.keys()];
  const after = random.below(2) === 0 || keys.length === 0 ? undefined : pick(random, keys);
  const limit = random.below(2) === 0 ? Number.POSITIVE_INFINITY : random.below(10);
  const range = await store.range(prefix, { revision, after, limit });
  expect([...range.entries.map(inWords), `+${range.remaining}`]).toEqual(
    model.range(prefix, revision, after, limit),
  );
  const key = `/a/${random.below(40)}`;
  const found = await store.get(key, { revision });
  expect(text(found?.value)).toBe(model.states[revision]!.get(key)?.value ?? "");
}

function between(random: Random, low: number, high: number): number {
  return low + random.below(high - low + 1);
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[random.below(items.length)]!;
}
