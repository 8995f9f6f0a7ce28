import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { packageFile } from "../../host/apimachinery/package-root.ts";
import { run, runPintle } from "../scenarios/pintle-process.ts";

/** docs/service-tables.md shows what examples/05-service-table gives. */
const EXAMPLE = packageFile("examples/05-service-table");
const text = readFileSync(packageFile("docs/service-tables.md"), "utf8");
const blocks = [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
  .filter(([, language]) => language === "")
  .map((match) => match[2]!.trimEnd().split("\n"));

test.each([
  ["iptables", 0],
  ["nftables", 1],
])("the rules shown are those of --proxy-mode %s", async (mode, block) => {
  const flags = ["--cluster-cidr", "10.128.0.0/9", "--proxy-mode", mode];
  const ran = await runPintle(["proxy", "render", "-f", EXAMPLE, ...flags]);
  expect([ran.code, ran.stderr]).toEqual([0, ""]);
  const printed = ran.stdout.split("\n");
  expect(blocks[block]!.length).toBeGreaterThan(5);
  expect(blocks[block]!.filter((line) => !printed.includes(line))).toEqual([]);
});

test("05-service-table: the table is asked, and follows a change", async () => {
  const ran = await run(process.execPath, [`${EXAMPLE}/ask.mjs`]);
  expect([ran.code, ran.stderr]).toEqual([0, ""]);
  expect(ran.stdout).toMatch(
    /^10\.128\.0\.5 > 10\.96\.0\.7:80 {2}dnat 10\.128\.\d\.\d:8080\n203\.0\.113\.5 > 192\.168\.0\.2:30080 {2}dnat \S+:8080 masquerade\n.*:443 {2}pass\nthen 10\.128\.1\.4\n$/,
  );
});
