import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { packageFile } from "../../host/apimachinery/package-root.ts";
import { run } from "../scenarios/pintle-process.ts";
import { requireComponent } from "../scenarios/requirements.ts";
import { findNode, findProgram, hashInChromium, hashInInterpreter, hashInNode } from "./hosts.ts";

/** The same bytes decide the same wherever they run: selfTest returns the hash of 3,000 placements, or 10,000 packets. */
const CORES = ["scheduler", "service-table"].flatMap((core) => {
  const expected = expectedHash(core);
  return ["wasm", "scalar.wasm", "shared.wasm"].map((flavour) => ({
    name: `${core}.${flavour}`,
    path: packageFile(`wasm-build/out/${core}.${flavour}`),
    expected,
  }));
});

/** What this process gets; that it is the right number is test/wasm-flavours.test.ts's to say. */
function expectedHash(core: string): number {
  const module = new WebAssembly.Module(readFileSync(packageFile(`wasm-build/out/${core}.wasm`)));
  const { exports } = new WebAssembly.Instance(module, {});
  return (exports as { selfTest(): number }).selfTest() >>> 0;
}

describe.each(["20", "22", "24"])("Node.js %s", (major) => {
  const node = findNode(major);
  const present = requireComponent(`Node.js ${major} (.ci/run installs it)`, node !== undefined);
  test.skipIf(!present).each(CORES)("$name", async ({ path, expected }) => {
    expect(await hashInNode(node!, path)).toBe(expected);
  });
  test.skipIf(!present)("is that version", async () => {
    expect((await run(node!, ["--version"])).stdout).toMatch(new RegExp(`^v${major}\\.`));
  });
});

describe("Chromium, headless", () => {
  const chromium = findProgram("chromium");
  test.skipIf(!requireComponent("chromium", chromium !== undefined)).each(CORES)(
    "$name",
    async ({ path, expected }) => {
      expect(await hashInChromium(chromium!, readFileSync(path))).toBe(expected);
    },
  );
});

describe("wasm-interp", () => {
  const interpreter = findProgram("wasm-interp");
  // It cannot give a module its memory.
  const importless = CORES.filter(({ name }) => !name.includes("shared"));
  test.skipIf(!requireComponent("wasm-interp (wabt)", interpreter !== undefined)).each(importless)(
    "$name",
    async ({ path, expected }) => {
      expect(await hashInInterpreter(interpreter!, path)).toBe(expected);
    },
  );
});

test("the call in docs/embedding.md does what it says", async () => {
  const text = readFileSync(packageFile("docs/embedding.md"), "utf8");
  const [code] = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map((match) => match[1]!);
  const said = /console\.log\(slots.*\/\/ (.*)$/m.exec(code!)![1]!;
  const lines = code!.split("\n").filter((line) => line.trim() !== "" && !line.trim().startsWith("//"));
  expect(lines.length).toBeLessThanOrEqual(45);
  // From the standard input, so that `pintle` means this package.
  const ran = await run(process.execPath, ["--input-type=module", "-"], { input: code! });
  expect([ran.code, ran.stderr, ran.stdout]).toEqual([0, "", `${said}\n`]);
});
