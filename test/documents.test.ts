import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";

/** What the documents point at is there: relative links, and paths in code spans that begin with one of our folders. */
const root = resolve(import.meta.dirname, "..");

const documents = [
  "README.md",
  "ARCHITECTURE.md",
  ...["docs", "examples"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".md"))
      .map((file) => `${folder}/${file}`),
  ),
];

function pointedAt(document: string): string[] {
  const text = readFileSync(join(root, document), "utf8");
  const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map((match) =>
    join(dirname(document), match[1]!),
  );
  const paths = [
    ...text.matchAll(/`((?:host|assembly|test|docs|examples|bench|schema-build|wasm-build)\/[\w./-]+)`/g),
  ];
  // Generated files are there after the build; a document may name them.
  return [...links, ...paths.map((match) => match[1]!)];
}

describe("documents", () => {
  test.each(documents)("%s was merged to its end", (document) => {
    expect(readFileSync(join(root, document), "utf8")).not.toMatch(/^(<<<<<<<|>>>>>>>) /m);
  });

  test.each(documents)("%s points at what is there", (document) => {
    expect(pointedAt(document).filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});
