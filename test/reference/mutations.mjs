// @ts-check
/**
 * `node test/reference/mutations.mjs [--files REGEXP] [--most N] [--offset N] [--every N] [--seeds N]`: changes one constant, comparison or
 * order of the core at a time in a copy of the checkout, builds it, and runs the comparison with the reference model and the tables of
 * test/reference against it. Lists the changes that nothing noticed, and exits 1 if there are any. Not part of CI: a change
 * takes seconds. Needs a built checkout (`npm run build`).
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import asc from "assemblyscript/asc";
import { EQUIVALENT } from "./mutations-equivalent.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** A change that makes a loop endless is noticed by this. */
const TIMEOUT_MS = 120_000;

const { values } = parseArgs({
  options: {
    files: { type: "string", default: "" },
    most: { type: "string", default: "100000" },
    offset: { type: "string", default: "0" },
    seeds: { type: "string", default: "150" },
    // Of the changes, the first of so many: a sample.
    every: { type: "string", default: "1" },
    list: { type: "boolean", default: false },
  },
});

/**
 * What is changed to what. A place is changed once for each row that matches there.
 *
 * @type {readonly { name: string, find: RegExp, by: (found: string) => string }[]}
 */
const CHANGES = [
  {
    name: "boundary",
    find: / (?:<|>|<=|>=) (?!<)/g,
    by: (found) => (found.includes("=") ? found.replace("=", "") : found.trimEnd().concat("= ")),
  },
  { name: "equality", find: / (?:==|!=) /g, by: (found) => (found === " == " ? " != " : " == ") },
  { name: "sum", find: / [-+] /g, by: (found) => (found === " + " ? " - " : " + ") },
  { name: "product", find: / [*/] /g, by: (found) => (found === " * " ? " / " : " * ") },
  { name: "logic", find: / (?:&&|\|\|) /g, by: (found) => (found === " && " ? " || " : " && ") },
  { name: "constant", find: /(?<![\w.])\d+(?:\.\d+(?:e-?\d+)?)?(?![\w.])/g, by: bumped },
  { name: "truth", find: /\b(?:true|false)\b/g, by: (found) => (found === "true" ? "false" : "true") },
  { name: "extreme", find: /\b(?:min|max)\(/g, by: (found) => (found === "min(" ? "max(" : "min(") },
  { name: "no call", find: /^ +(?:add|set)\w+\(.*\);$/gm, by: () => "" },
  {
    name: "flow",
    find: /\b(?:continue|break);/g,
    by: (found) => (found === "break;" ? "continue;" : "break;"),
  },
  {
    name: "order",
    // Looks ahead, so that of three lines both neighbouring pairs are found.
    find: /^(?=( +if \(.*\) return .*;\n +if \(.*\) return .*;)$)/gm,
    by: (found) => found.split("\n").reverse().join("\n"),
  },
];

/** @param {string} number */
function bumped(number) {
  if (!number.includes(".")) return String(Number(number) + 1);
  const value = Number(number);
  return value === 0 ? "1.0" : Number.isInteger(value) ? `${value + 1}.0` : String(value * 1.01);
}

/** Parts of a source that say nothing by themselves: comments, imports, assertions; and addresses, which fail at once. */
const SILENT =
  /^.*(?:<usize>|<< 2).*$|\/\*[\s\S]*?\*\/|\/\/.*|^import [\s\S]*?;$|\bassert\(.*\);|: (?:u32|i32|f64)\b/gm;

/**
 * @typedef {{ file: string, line: number, change: string, from: string, to: string, text: string, source: string }} Mutant
 * @param {string} file
 * @returns {Mutant[]}
 */
function mutantsOf(file) {
  const source = readFileSync(ROOT + file, "utf8");
  const silent = [...source.matchAll(SILENT)].map((found) => [found.index, found.index + found[0].length]);
  const mutants = [];
  for (const { name, find, by } of CHANGES)
    for (const found of source.matchAll(find)) {
      const at = found.index;
      if (silent.some(([begin, end]) => begin <= at && at < end)) continue;
      const part = found[1] ?? found[0];
      const to = by(part);
      const text = source.slice(0, at) + to + source.slice(at + part.length);
      const line = source.slice(0, at).split("\n").length;
      const whole = part.includes("\n") ? part : (source.split("\n")[line - 1] ?? "");
      mutants.push({
        file,
        line,
        change: name,
        from: whole.trim().replaceAll(/\n */g, " / "),
        to: to.trim().replaceAll(/\n */g, " / "),
        text,
        source,
      });
    }
  return mutants;
}

/** Left out: any stream of random numbers is right, and the host reads the layout from the build it loads. */
const LEFT_OUT = ["self-test", "prng", "assembly/layout/", "assembly/service-table/"];
const sources = readdirSync(`${ROOT}assembly`, { recursive: true, encoding: "utf8" })
  .map((file) => `assembly/${file}`)
  .filter((file) => file.endsWith(".ts") && !LEFT_OUT.some((one) => file.includes(one)))
  .filter((file) => new RegExp(values.files).test(file))
  .sort();

/** @param {Mutant} mutant */
const isEquivalent = ({ file, from, change, to }) =>
  EQUIVALENT.some(
    (one) =>
      file.endsWith(one.file) && from.includes(one.line) && one.change === change && (one.to ?? to) === to,
  );

const all = sources.flatMap(mutantsOf);
const equivalents = all.filter(isEquivalent);
const mutants = all
  .filter((one) => !isEquivalent(one))
  .filter((_, i) => i % Number(values.every) === 0)
  .slice(Number(values.offset), Number(values.offset) + Number(values.most));
const inWords = (/** @type {Mutant} */ one) =>
  `${one.file}:${one.line} ${one.change} -> ${one.to || "(none)"}: ${one.from}`;
if (values.list) {
  const text = mutants.map((one) => `${inWords(one)}\n`).join("");
  await new Promise((done) => process.stdout.write(text, done));
  process.exit(0);
}

const copy = `${mkdtempSync(`${tmpdir()}/pintle-mutations-`)}/`;
for (const part of [
  "package.json",
  "asconfig.json",
  "vitest.config.ts",
  ".ci",
  "assembly",
  "host",
  "test/reference",
  "dist",
  "wasm-build",
])
  cpSync(ROOT + part, copy + part, { recursive: true });
symlinkSync(`${ROOT}node_modules`, `${copy}node_modules`);

/** @param {"release" | "debug"} target */
async function build(target) {
  const file = target === "debug" ? "scheduler.debug.wasm" : "scheduler.wasm";
  const out = `wasm-build/out/${file}`;
  const options = ["--config", "asconfig.json", "--baseDir", copy, "--target", target, "--outFile", out];
  const { error } = await asc.main(["assembly/scheduler/index.ts", ...options], {
    writeFile: (name, contents) => {
      if (name.endsWith(".wasm")) writeFileSync(copy + name, contents);
    },
    readFile: (name, folder) => {
      try {
        return readFileSync(name.startsWith("/") ? name : `${folder}/${name}`, "utf8");
      } catch {
        return null;
      }
    },
  });
  return error === null;
}

/** @param {string} command @param {string[]} options */
function passes(command, options) {
  const { status } = spawnSync(command, options, {
    cwd: copy,
    timeout: TIMEOUT_MS,
    stdio: "ignore",
    killSignal: "SIGKILL",
  });
  return status === 0;
}

const SOAK = ["dist/test/reference/soak.js", "--quick", "--from-seed", "0", "--log", "/dev/null"];
/** What an index chooses, the scan has to choose: notices most changes of an index in a second. */
const SERIES = ["dist/test/reference/soak-indexes.js", "--seeds"];
const IS_OF_INDEXES = /\/indexes\/|collections\/(?:change-log|column|free-rows|score-buckets)/;
const TABLES = [
  "node_modules/.bin/vitest",
  "run",
  "test/reference",
  "--exclude",
  "**/differential.test.ts",
  "--exclude",
  "**/cluster.test.ts",
];

/** @param {Mutant} mutant @returns {Promise<"does not compile" | "series" | "seeds" | "tables" | undefined>} who noticed */
async function whoNotices(mutant) {
  writeFileSync(copy + mutant.file, mutant.text);
  try {
    if (!(await build("release"))) return "does not compile";
    if (IS_OF_INDEXES.test(mutant.file) && !passes("node", [...SERIES, values.seeds])) return "series";
    if (!passes("node", [...SOAK, "--seeds", values.seeds])) return "seeds";
    if (!(await build("debug"))) return "does not compile";
    return passes("node", [...TABLES, "--maxWorkers", "1"]) ? undefined : "tables";
  } finally {
    writeFileSync(copy + mutant.file, mutant.source);
  }
}

/** @type {Map<string, number>} */
const noticed = new Map();
const survivors = [];
try {
  if (!(await build("release")) || !passes("node", [...SOAK, "--seeds", "5"]))
    throw new Error(`the copy does not work: ${copy}`);
  for (const [i, mutant] of mutants.entries()) {
    const by = await whoNotices(mutant);
    if (by === undefined) survivors.push(mutant);
    noticed.set(by ?? "nobody", (noticed.get(by ?? "nobody") ?? 0) + 1);
    if (by === undefined) console.log(`survives: ${inWords(mutant)}`);
    if ((i + 1) % 25 === 0) console.log(`${i + 1} of ${mutants.length}`, Object.fromEntries(noticed));
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(
  `${mutants.length} changes tried, ${equivalents.length} left out as they change nothing; noticed by`,
  Object.fromEntries(noticed),
);
process.exitCode = survivors.length === 0 ? 0 : 1;
