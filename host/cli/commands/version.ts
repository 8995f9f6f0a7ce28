import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { packageFile } from "../../apimachinery/package-root.ts";
import { KUBERNETES_VERSION, packageVersion } from "../../apimachinery/version.ts";
import { outputFlag } from "../flags.ts";

/**
 * `pintle version`. JSON: `{"version","kubernetes","node","cores":{"scheduler.wasm":"<sha256>",…}}`; `cores` are the
 * builds that ship, so that two installations can be compared.
 */
export function versionCommand(): Command {
  return new Command("version")
    .description("print the version, the Kubernetes level and the hashes of the built cores")
    .addOption(outputFlag("json"))
    .action(({ output }: { output: string }) => {
      const facts = {
        version: packageVersion(),
        kubernetes: KUBERNETES_VERSION,
        node: process.version,
        cores: coreHashes(),
      };
      process.stdout.write(output === "json" ? `${JSON.stringify(facts, null, 2)}\n` : inWords(facts));
    });
}

function coreHashes(): Record<string, string> {
  const folder = packageFile("wasm-build/out");
  const files = readdirSync(folder).filter((file) => file.endsWith(".wasm") && !file.includes("debug"));
  return Object.fromEntries(
    files.sort().map((file) => [
      file,
      createHash("sha256")
        .update(readFileSync(join(folder, file)))
        .digest("hex"),
    ]),
  );
}

function inWords(facts: {
  version: string;
  kubernetes: string;
  node: string;
  cores: Record<string, string>;
}): string {
  const cores = Object.entries(facts.cores).map(
    ([file, hash]) => `${file.padEnd(25)} sha256:${hash.slice(0, 16)}`,
  );
  return [
    `pintle ${facts.version}`,
    `Kubernetes ${facts.kubernetes}`,
    `Node.js ${facts.node}`,
    ...cores,
    "",
  ].join("\n");
}
