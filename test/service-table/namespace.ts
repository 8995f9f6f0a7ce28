import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../embedding/hosts.ts";
import { requireComponent } from "../scenarios/requirements.ts";

/** What loading rules into a kernel takes, beside root. */
const PROGRAMS = [
  "unshare",
  "iptables-legacy-restore",
  "iptables-nft-restore",
  "ip6tables-nft-restore",
  "nft",
];

/**
 * Whether rules can be loaded into a network namespace here. Without root it is skipped, whoever asks: a fresh machine
 * passes what needs none. With root, what is missing is a failure in CI.
 */
export function hasNamespaces(more: readonly string[] = []): boolean {
  if (process.getuid?.() !== 0) {
    process.stderr.write("\n*** SKIPPED: loading rules into a kernel needs root ***\n");
    return false;
  }
  const missing = [...PROGRAMS, ...more].filter((name) => findProgram(name) === undefined);
  if (missing.length > 0)
    return requireComponent(
      `${missing.join(", ")} (apt-get install iptables nftables iproute2 util-linux)`,
      false,
    );
  try {
    execFileSync("unshare", ["-n", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return requireComponent("the right to make network namespaces", false);
  }
}

/**
 * Runs a shell script in a new network namespace, where `$DIR` holds the files.
 *
 * @returns what it printed; throws with its stderr when a command fails
 */
export function inNamespace(script: string, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "pintle-namespace-"));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return execFileSync("unshare", ["-n", "sh", "-ec", script], {
      encoding: "utf8",
      env: { ...process.env, DIR: folder, XTABLES_LOCKFILE: join(folder, "xtables.lock") },
      maxBuffer: 1 << 28,
      stdio: ["ignore", "pipe", "pipe"],
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
