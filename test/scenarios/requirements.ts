import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { packageFile } from "../../host/apimachinery/package-root.ts";

/**
 * A test whose real component is missing fails in CI and elsewhere is skipped with a loud line.
 *
 * @returns whether the test may run
 */
export function requireComponent(name: string, present: boolean): boolean {
  if (present) return true;
  if (process.env["CI"] === "true") throw new Error(`${name} is missing, and CI must have it`);
  process.stderr.write(`\n*** SKIPPED: ${name} is missing on this machine ***\n`);
  return false;
}

/** kubectl 1.27 or newer: older ones ask for API versions that 1.36 no longer serves. */
export function hasKubectl(): boolean {
  try {
    const version = execFileSync("kubectl", ["version", "--client", "-o", "json"], { encoding: "utf8" });
    const { minor } = (JSON.parse(version) as { clientVersion: { minor: string } }).clientVersion;
    return requireComponent(`kubectl >= 1.27 (found 1.${minor})`, Number.parseInt(minor, 10) >= 27);
  } catch {
    return requireComponent("kubectl", false);
  }
}

/** Programs that are called by name, all of them in Debian. */
export function hasPrograms(...names: readonly string[]): boolean {
  const missing = names.filter((name) => {
    try {
      execFileSync("sh", ["-c", `command -v ${name}`], { stdio: "ignore" });
      return false;
    } catch {
      return true;
    }
  });
  return requireComponent(names.join(", "), missing.length === 0);
}

/** The real manifests beside the checkout; they are inputs of the project, not part of it. */
export const MANIFESTS = packageFile("../shared/data/manifests");

export function hasManifests(): boolean {
  return requireComponent("../shared/data/manifests", existsSync(MANIFESTS));
}
