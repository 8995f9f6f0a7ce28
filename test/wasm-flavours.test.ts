import { readFileSync } from "node:fs";
import { instantiate } from "@assemblyscript/loader";
import { describe, expect, test } from "vitest";
import { packageFile } from "../host/apimachinery/package-root.ts";

const flavours = ["scheduler.wasm", "scheduler.scalar.wasm", "scheduler.shared.wasm"];

async function selfTest(file: string): Promise<number> {
  const memory = new WebAssembly.Memory({ initial: 1024, maximum: 65536, shared: true });
  const imports = file.includes("shared") ? { env: { memory } } : {};
  const { exports } = await instantiate<{ selfTest(): number }>(
    readFileSync(packageFile(`wasm-build/out/${file}`)),
    imports,
  );
  return exports.selfTest() >>> 0;
}

describe("the built cores", () => {
  test.each(flavours)("%s imports nothing (shared: only its memory)", (file) => {
    const module = new WebAssembly.Module(readFileSync(packageFile(`wasm-build/out/${file}`)));
    const names = WebAssembly.Module.imports(module).map((one) => `${one.module}.${one.name}`);
    expect(names).toEqual(file.includes("shared") ? ["env.memory"] : []);
  });

  test("every flavour gives the same self-test hash", async () => {
    const hashes = await Promise.all(flavours.map(selfTest));
    expect(new Set(hashes).size).toBe(1);
  });
});
