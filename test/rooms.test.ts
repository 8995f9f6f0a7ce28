import { readdirSync, readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

/**
 * The house as ARCHITECTURE.md draws it: what each room may import. Reads the imports of every file, so the picture
 * stays true. A room always may import itself.
 */
const ROOMS: Record<string, readonly string[]> = {
  "assembly/layout": [],
  "assembly/collections": [],
  "assembly/scheduler": ["assembly/layout", "assembly/collections"],
  "assembly/service-table": ["assembly/layout", "assembly/collections"],
  "host/apimachinery": [],
  "host/api": ["host/apimachinery"],
  "host/store": ["host/apimachinery"],
  "host/wasm": ["host/apimachinery"],
  "host/client": ["host/apimachinery", "host/api"],
  "host/security": ["host/apimachinery"],
  "host/apiserver": ["host/apimachinery", "host/api", "host/store", "host/client"],
  "host/controllers": ["host/apimachinery", "host/api", "host/client"],
  "host/scheduler": ["host/apimachinery", "host/api", "host/client", "host/wasm"],
  "host/simulation": ["host/apimachinery", "host/api", "host/scheduler", "host/wasm"],
  "host/kubelet": ["host/apimachinery", "host/api", "host/client"],
  "host/dns": ["host/apimachinery", "host/api", "host/client"],
  "host/proxy": ["host/apimachinery", "host/api", "host/client", "host/wasm"],
  "host/cluster": ["host/apimachinery", "host/client", "host/store", "host/security", "host/apiserver"],
};

/** Rooms whose import of another is narrowed to single files. */
const ONLY_FILES: Record<string, readonly string[]> = {
  "host/apiserver -> host/client": ["host/client/client.ts"],
};

const root = resolve(import.meta.dirname, "..");

function sources(folder: string): string[] {
  return readdirSync(resolve(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `${folder}/${file}`);
}

function imports(file: string): string[] {
  const text = readFileSync(resolve(root, file), "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*["'](\.{1,2}\/[^"']+)["']/g)].map((match) =>
    relative(root, resolve(root, dirname(file), match[1]!)),
  );
}

function roomOf(file: string): string {
  return file.split("/").slice(0, 2).join("/");
}

const files = ["assembly", "host"].flatMap(sources);

describe("rooms", () => {
  test("every source file stands in a known room, or is host/main.ts, or is the cli", () => {
    const strangers = files.filter(
      (file) => !(roomOf(file) in ROOMS) && file !== "host/main.ts" && roomOf(file) !== "host/cli",
    );
    expect(strangers).toEqual([]);
  });

  test("each room imports only what it may", () => {
    const broken: string[] = [];
    for (const file of files) {
      const room = roomOf(file);
      const allowed = ROOMS[room];
      // main.ts and the cli import any room's public entry; a test may wire real neighbours together.
      if (allowed === undefined || file.endsWith(".test.ts")) continue;
      for (const target of imports(file)) {
        const other = roomOf(target);
        const only = ONLY_FILES[`${room} -> ${other}`];
        if (other === room) continue;
        if (!allowed.includes(other) || (only && !only.includes(target)))
          broken.push(`${file} imports ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });

  test("nothing imports bench, examples or test, and assembly imports no host file", () => {
    const broken = files
      .filter((file) => !file.endsWith(".test.ts"))
      .flatMap((file) => imports(file).map((target) => [file, target] as const))
      .filter(
        ([file, target]) =>
          /^(bench|examples|test)\//.test(target) ||
          (file.startsWith("assembly/") && target.startsWith("host/")),
      );
    expect(broken).toEqual([]);
  });

  test("time and chance come only from clock.ts and random.ts", () => {
    const forbidden = /\bDate\.now\(|\bMath\.random\(|(?<![.\w])set(?:Timeout|Interval)\(|new Date\(\)/;
    const broken = files.filter(
      (file) =>
        file.startsWith("host/") &&
        !file.endsWith(".test.ts") &&
        !["host/apimachinery/clock.ts", "host/apimachinery/random.ts"].includes(file) &&
        forbidden.test(readFileSync(resolve(root, file), "utf8")),
    );
    expect(broken).toEqual([]);
  });
});
