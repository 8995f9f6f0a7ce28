// @ts-check
/**
 * Builds each core in its flavours into wasm-build/out/: NAME.wasm (SIMD), NAME.scalar.wasm, NAME.shared.wasm,
 * NAME.debug.wasm, and NAME.d.ts. The declarations also go to host/wasm/generated/, where the host's own compilation
 * sees them: a field name that the core does not have does not compile. Skips when no source has changed since
 * (`--force` builds anyway).
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = `${root}wasm-build/out/`;
const declarations = `${root}host/wasm/generated/`;
const CORES = [
  { name: "scheduler", entry: "assembly/scheduler/index.ts" },
  { name: "service-table", entry: "assembly/service-table/index.ts" },
];
const FLAVOURS = [
  { target: "release", file: (/** @type {string} */ name) => `${name}.wasm` },
  { target: "scalar", file: (/** @type {string} */ name) => `${name}.scalar.wasm` },
  { target: "shared", file: (/** @type {string} */ name) => `${name}.shared.wasm` },
  { target: "debug", file: (/** @type {string} */ name) => `${name}.debug.wasm` },
];

function sourcesHash() {
  const hash = createHash("sha256");
  const files = readdirSync(`${root}assembly`, { recursive: true, encoding: "utf8" }).filter((f) =>
    f.endsWith(".ts"),
  );
  const extra = [
    "../asconfig.json",
    "../wasm-build/build.mjs",
    "../node_modules/assemblyscript/package.json",
  ];
  for (const file of [...files.sort(), ...extra])
    hash
      .update(file)
      .update("\0")
      .update(readFileSync(`${root}assembly/${file}`));
  return hash.digest("hex");
}

/**
 * Writes what the compiler made. Its JavaScript bindings are left out: nobody uses them, the host opens views instead.
 *
 * @param {{ name: string }} core
 * @param {string} name
 * @param {string | Uint8Array} contents
 */
function write(core, name, contents) {
  if (name.endsWith(".js")) return;
  writeFileSync(root + name, contents);
  if (name.endsWith(".d.ts")) writeFileSync(`${declarations}${core.name}-exports.ts`, contents);
}

const stamp = `${out}sources.sha256`;
const hash = sourcesHash();
const declared = CORES.every((core) => existsSync(`${declarations}${core.name}-exports.ts`));
const fresh = declared && existsSync(stamp) && readFileSync(stamp, "utf8") === hash;
if (fresh && !process.argv.includes("--force")) {
  console.log("wasm: up to date");
} else {
  mkdirSync(out, { recursive: true });
  mkdirSync(declarations, { recursive: true });
  for (const core of CORES) {
    for (const flavour of FLAVOURS) {
      const outFile = `wasm-build/out/${flavour.file(core.name)}`;
      const bindings = flavour.target === "release" ? ["--bindings", "raw"] : [];
      const args = [
        core.entry,
        "--config",
        "asconfig.json",
        "--baseDir",
        root,
        "--target",
        flavour.target,
        "--outFile",
        outFile,
        ...bindings,
      ];
      const { error, stderr } = await asc.main(args, {
        writeFile: (name, contents) => write(core, name, contents),
      });
      if (error) {
        console.error(`wasm: ${outFile}: ${error.message}\n${stderr.toString()}`);
        process.exit(1);
      }
      console.log(`wasm: ${outFile} ${readFileSync(root + outFile).length} bytes`);
    }
  }
  writeFileSync(stamp, hash);
}
