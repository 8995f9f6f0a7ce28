/**
 * The whole check, in order: formatting and lint, build, types, two builds of the Wasm compared, tests.
 * Each step stops the run with its own exit code.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";

function step(name, command, args) {
  console.log(`\n== ${name}`);
  const { status } = spawnSync(command, args, { stdio: "inherit" });
  if (status !== 0) {
    console.error(`check: ${name} failed`);
    process.exit(status ?? 1);
  }
}

function wasmHashes() {
  const directory = "wasm-build/out/";
  return readdirSync(directory)
    .filter((file) => file.endsWith(".wasm"))
    .sort()
    .map(
      (file) =>
        `${createHash("sha256")
          .update(readFileSync(directory + file))
          .digest("hex")}  ${file}`,
    )
    .join("\n");
}

step("format and lint", "npx", ["biome", "check", "--error-on-warnings", "."]);
step("build", "npm", ["run", "build"]);
const first = wasmHashes();
step("build the Wasm again", "node", ["wasm-build/build.mjs", "--force"]);
const second = wasmHashes();
if (first === "" || first !== second) {
  console.error(`check: two builds of the Wasm differ\n${first}\n--\n${second}`);
  process.exit(1);
}
console.log(first);
step("tests", "npx", ["vitest", "run"]);
