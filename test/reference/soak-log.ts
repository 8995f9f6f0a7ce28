import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { packageFile } from "../../host/apimachinery/package-root.ts";
import type { Flavour } from "../../host/wasm/scheduler-module.ts";

/** One run of the soak: seeds from..to-1 of one build. A line of the log is one of these. */
export interface SoakRun {
  /** The Wasm's hash, and that of the compiled half of the host. */
  readonly core: string;
  readonly host: string;
  /** What the generators draw: the same seed is another cluster when this changes. */
  readonly drawn: string;
  readonly flavour: Flavour;
  readonly ties: "lowest" | "random";
  readonly from: number;
  readonly to: number;
  readonly disagreements: number;
  readonly seconds: number;
}

const short = (files: readonly string[]) => {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest("hex").slice(0, 12);
};

const scripts = (folder: string) =>
  readdirSync(packageFile(folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".js") && !file.includes(".test."))
    .sort()
    .map((file) => packageFile(`${folder}/${file}`));

/** What is being tested, and with what. */
export function buildHashes(flavour: Flavour): Pick<SoakRun, "core" | "host" | "drawn"> {
  const suffix = flavour === "release" ? "" : `.${flavour}`;
  return {
    core: short([packageFile(`wasm-build/out/scheduler${suffix}.wasm`)]),
    host: short([...scripts("dist/host/scheduler"), ...scripts("dist/host/wasm")]),
    drawn: short([...scripts("dist/test/reference/generator"), ...scripts("dist/test/reference/model")]),
  };
}

/** Lines of the log; a line that was cut off by a kill is left out. */
export function readLog(path: string): SoakRun[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .filter(Boolean)
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as SoakRun];
      } catch {
        process.stderr.write(`soak: a line of ${path} is not JSON: ${line}\n`);
        return [];
      }
    });
}

export function appendLog(path: string, run: SoakRun): void {
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, `${JSON.stringify(run)}\n`);
}

export interface Sum {
  readonly runs: number;
  /** A seed that was run twice with the same build, ties and generators counts once. */
  readonly seeds: number;
  readonly disagreements: number;
  readonly seconds: number;
}

export function sumOf(runs: readonly SoakRun[]): Sum {
  const intervals = [...runs].sort((a, b) => a.from - b.from);
  const upTo = new Map<string, number>();
  let seeds = 0;
  for (const { core, host, drawn, ties, from, to } of intervals) {
    const key = [core, host, drawn, ties].join();
    const begin = Math.max(from, upTo.get(key) ?? 0);
    seeds += Math.max(0, to - begin);
    upTo.set(key, Math.max(to, upTo.get(key) ?? 0));
  }
  const total = (of: (run: SoakRun) => number) => runs.reduce((sum, run) => sum + of(run), 0);
  return {
    runs: runs.length,
    seeds,
    disagreements: total((run) => run.disagreements),
    seconds: Math.round(total((run) => run.seconds)),
  };
}
