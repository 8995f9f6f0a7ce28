import { readdirSync, writeFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import type { Measurement, ReportedCase, Scale, Suite } from "./suite.ts";

/**
 * `npm run bench -- SUITE [--case NAME] [--json FILE]`: runs the cases of one suite, a line each.
 * SUITE is a file of this folder; without one, the suites are listed.
 */
const NOT_SUITES = ["run", "suite"];

const program = new Command("bench")
  .argument("[suite]", "a file of bench/")
  .option("--case <name>", "only this case (the long ones run only so)")
  .option("--json <file>", "also write the results there, as one JSON array")
  .option("--nodes <n>", "scales the cases that have nodes", count)
  .option("--pods <n>", "scales the cases that have pods", count)
  .action(run);

await program.parseAsync();

async function run(
  name: string | undefined,
  options: Scale & { case?: string; json?: string },
): Promise<void> {
  const names = suiteNames();
  if (name === undefined || !names.includes(name))
    program.error(
      `${name === undefined ? "which suite?" : `no suite ${name};`} there are: ${names.join(", ")}`,
    );
  const { suite } = (await import(`./${name}.js`)) as { suite: Suite };
  const chosen = suite.cases.filter((one) =>
    options.case === undefined ? one.onlyWhenNamed !== true : one.name === options.case,
  );
  if (chosen.length === 0)
    program.error(
      `${name} has no case ${options.case}; there are: ${suite.cases.map((one) => one.name).join(", ")}`,
    );
  const reports: ReportedCase[] = [];
  for (const one of chosen) {
    const measured = await one.run({ nodes: options.nodes, pods: options.pods });
    for (const measurement of Array.isArray(measured)
      ? (measured as Measurement[])
      : [measured as Measurement]) {
      const report = reported(name!, one.name, measurement);
      reports.push(report);
      console.log(inWords(report));
    }
  }
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(reports, null, 2)}\n`);
}

function suiteNames(): string[] {
  return readdirSync(resolve(import.meta.dirname))
    .filter((file) => file.endsWith(".js"))
    .map((file) => basename(file, ".js"))
    .filter((name) => !NOT_SUITES.includes(name))
    .sort();
}

function count(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("not a whole number");
  return Number(text);
}

function reported(suite: string, name: string, { params, unit, value, peer }: Measurement): ReportedCase {
  return {
    suite,
    case: name,
    params,
    unit,
    value: rounded(value),
    peer: peer === undefined ? null : { name: peer.name, value: rounded(peer.value) },
    ratio: peer === undefined ? null : rounded(value / peer.value),
  };
}

/** Four digits that count: figures of a benchmark have no more. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

function inWords({ suite, case: name, params, unit, value, peer, ratio }: ReportedCase): string {
  const details = Object.entries(params).map(([key, one]) => `${key}=${one}`);
  const beside = peer === null ? "" : `   ${peer.name}: ${peer.value} ${unit}, ratio ${ratio}`;
  return `${suite} ${name.padEnd(24)} ${String(value).padStart(9)} ${unit}${beside}   ${details.join(" ")}`.trimEnd();
}
