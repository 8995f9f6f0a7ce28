import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { instantiate } from "@assemblyscript/loader";
import { describe, expect, test } from "vitest";
import { packageFile } from "../host/apimachinery/package-root.ts";

/** The self-test's hash of each core. It changes only when a decision does: then say why in the commit. */
const CORES = { scheduler: 3183983780, "service-table": 3676720627 };
const flavoursOf = (core: string) => [`${core}.wasm`, `${core}.scalar.wasm`, `${core}.shared.wasm`];
const FLAVOURS = Object.keys(CORES).flatMap(flavoursOf);
/** Section numbers of the Wasm binary format. */
const START_SECTION = 8;
const DATA_SECTION = 11;

const bytesOf = (file: string) => readFileSync(packageFile(`wasm-build/out/${file}`));

async function selfTest(file: string): Promise<number> {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  const imports = file.includes("shared") ? { env: { memory } } : {};
  const { exports } = await instantiate<{ selfTest(): number }>(bytesOf(file), imports);
  return exports.selfTest() >>> 0;
}

/** The numbers of a module's sections, in order. */
function sections(bytes: Uint8Array): number[] {
  const found: number[] = [];
  for (let at = 8; at < bytes.length; ) {
    found.push(bytes[at++]!);
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      size += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    at += size;
  }
  return found;
}

describe("the built cores", () => {
  test.each(FLAVOURS)("%s imports nothing (shared: only its memory)", (file) => {
    const names = WebAssembly.Module.imports(new WebAssembly.Module(bytesOf(file))).map(
      (one) => `${one.module}.${one.name}`,
    );
    expect(names).toEqual(file.includes("shared") ? ["env.memory"] : []);
  });

  // Either would run again in every instance on a shared memory, over the state of the others.
  test.each(FLAVOURS)("%s has no data and no start function", (file) => {
    const found = sections(bytesOf(file));
    expect(found).not.toContain(DATA_SECTION);
    expect(found).not.toContain(START_SECTION);
  });

  test.each(Object.entries(CORES))(
    "every flavour of %s gives the hash %i, and so does the debug build",
    async (core, hash) => {
      const hashes = await Promise.all([...flavoursOf(core), `${core}.debug.wasm`].map(selfTest));
      expect(hashes).toEqual(Array(4).fill(hash));
    },
  );

  test("they were built from the sources that are here", () => {
    const hash = createHash("sha256");
    const sources = readdirSync(packageFile("assembly"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .sort();
    const others = [
      "../asconfig.json",
      "../wasm-build/build.mjs",
      "../node_modules/assemblyscript/package.json",
    ];
    for (const file of [...sources, ...others])
      hash
        .update(file)
        .update("\0")
        .update(readFileSync(packageFile(`assembly/${file}`)));
    expect(bytesOf("sources.sha256").toString()).toBe(hash.digest("hex"));
  });
});
