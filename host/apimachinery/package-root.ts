import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * A file of the package that is not TypeScript (built Wasm, generated schema, stages), by its path from the package's
 * root. The same path works from source (tests) and from dist/ (installed).
 */
export function packageFile(path: string): string {
  return join(ROOT, path);
}

const ROOT = findRoot(dirname(fileURLToPath(import.meta.url)));

function findRoot(folder: string): string {
  if (existsSync(join(folder, "package.json"))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error("pintle: package.json not found above its own code");
  return findRoot(parent);
}
