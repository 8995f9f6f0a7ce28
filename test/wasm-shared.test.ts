import { readdirSync, readFileSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import { describe, expect, test } from "vitest";
import { packageFile } from "../host/apimachinery/package-root.ts";

// The traps of several instances on one memory (shared/spec/wasm-core.md, section 3).

const NODES = 40;
const CLASSES = 2;
type Enum = Readonly<Record<string, WebAssembly.Global>>;

interface Core {
  readonly [name: string]: unknown;
  reserve(...rows: number[]): number;
  setIndexMode(mode: number): void;
  scheduleBatch(first: number, count: number): number;
  tableAddress(table: number): number;
}

function instanceOn(memory: WebAssembly.Memory): Core {
  const module = new WebAssembly.Module(readFileSync(packageFile("wasm-build/out/scheduler.shared.wasm")));
  return instantiateSync<Record<string, unknown>>(module, { env: { memory } }).exports as unknown as Core;
}

const numberOf = (core: Core, group: string, member: string): number => (core[group] as Enum)[member]!.value;

function put(
  core: Core,
  memory: WebAssembly.Memory,
  [table, fields, row]: readonly [string, string, number],
  values: Record<string, number>,
): void {
  const view = new DataView(memory.buffer);
  const start = core.tableAddress(numberOf(core, "Table", table)) + row * numberOf(core, fields, "bytes");
  for (const [name, value] of Object.entries(values)) {
    const field = numberOf(core, fields, name);
    const isDouble = field >>> 16 === 3;
    if (isDouble) view.setFloat64(start + (field & 0xffff), value, true);
    else view.setInt32(start + (field & 0xffff), value, true);
  }
}

/** A memory with a small cluster in it, laid out by the first of two instances on it. */
function cluster(): { readonly cores: readonly [Core, Core]; readonly memory: WebAssembly.Memory } {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  const cores = [instanceOn(memory), instanceOn(memory)] as const;
  const [core] = cores;
  const none = Array<number>(9).fill(0);
  expect(core.reserve(NODES, 4, CLASSES, 1, 1, 64, 1, 4, 1, 1, 1, 1, 1, 1, 1, ...none)).toBe(0);
  for (let slot = 0; slot < NODES; slot++)
    put(core, memory, ["nodes", "NodeField", slot], {
      allocatableMilliCpu: 4_000 + 500 * (slot % 3),
      allocatableMemory: 2 ** 33,
      allocatablePods: 20,
      attributeSet: 1,
    });
  put(core, memory, ["state", "StateField", 0], { nodeLimit: NODES, nodeCount: NODES });
  for (let cls = 0; cls < CLASSES; cls++) {
    const cpu = 300 + 200 * cls;
    const requests = { requestMilliCpu: cpu, scoreMilliCpu: cpu, nonZeroMilliCpu: cpu };
    const bytes = { requestMemory: 2 ** 28, scoreMemory: 2 ** 28, nonZeroMemory: 2 ** 28 };
    put(core, memory, ["classes", "ClassField", cls], { ...requests, ...bytes });
    put(core, memory, ["verdicts", "VerdictField", 4 * cls], { refusals: 1 });
  }
  return { cores, memory };
}

/** Places pods of the classes in turn, a batch by each of the instances in turn. */
function place(cores: readonly Core[], memory: WebAssembly.Memory): number[] {
  const slots: number[] = [];
  for (let batch = 0; batch < 8; batch++) {
    const core = cores[batch % cores.length]!;
    for (let i = 0; i < 16; i++)
      put(core, memory, ["requests", "RequestField", i], { podClass: i % CLASSES });
    expect(core.scheduleBatch(0, 16)).toBe(16);
    const results = core.tableAddress(numberOf(core, "Table", "results")) / 4;
    slots.push(...new Int32Array(memory.buffer).slice(results, results + 16));
  }
  return slots;
}

describe("two instances of a core on one shared memory", () => {
  test("go on where the other stopped, indexes included, as one instance would", () => {
    const both = cluster();
    both.cores[1].setIndexMode(numberOf(both.cores[0], "IndexMode", "on"));
    const alone = cluster();
    const scanned = place([alone.cores[0]], alone.memory);
    expect(new Set(scanned).size).toBeGreaterThan(10);
    expect(place(both.cores, both.memory)).toEqual(scanned);
  });

  test("the second finds the tables reserved", () => {
    const { cores } = cluster();
    const already = numberOf(cores[1], "Code", "alreadyReserved");
    expect(cores[1].reserve(...Array<number>(24).fill(1))).toBe(already);
  });
});

describe("the sources of the cores", () => {
  const files = readdirSync(packageFile("assembly"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => [file, readFileSync(packageFile(`assembly/${file}`), "utf8")] as const);
  const having = (pattern: RegExp) => files.filter(([, text]) => pattern.test(text)).map(([file]) => file);

  // Node 20's baseline compiler loses a local that lives across memory.atomic.wait32: whoever waits does so in JavaScript.
  test("wait for nothing", () => expect(having(/\batomic\s*[.<]/)).toEqual([]));
  // A Wasm global is an instance's own, so what is kept is kept in tables.
  test("keep nothing in variables of a module", () => expect(having(/^(?:export )?let /m)).toEqual([]));
  // Every runtime keeps its allocator in globals: two instances would hand out the same address.
  test("allocate nothing", () => expect(having(/\bnew [A-Z]|\bheap\.|StaticArray|Uint8Array/)).toEqual([]));
});
