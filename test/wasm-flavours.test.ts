import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { instantiate } from "@assemblyscript/loader";
import { describe, expect, test } from "vitest";
import { packageFile } from "../host/apimachinery/package-root.ts";

const FLAVOURS = ["scheduler.wasm", "scheduler.scalar.wasm", "scheduler.shared.wasm"];
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

  test("every flavour gives the same self-test hash, and so does the debug build", async () => {
    const hashes = await Promise.all([...FLAVOURS, "scheduler.debug.wasm"].map(selfTest));
    // Changes only when a decision does: then say why in the commit.
    expect(hashes).toEqual(Array(4).fill(2938148977));
  });

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
