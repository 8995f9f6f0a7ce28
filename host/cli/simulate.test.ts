import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { removeFolder, runPintle, temporaryFolder } from "../../test/scenarios/pintle-process.ts";
import { packageFile } from "../apimachinery/package-root.ts";
import { progressBar } from "./output/progress.ts";

const folder = temporaryFolder();
afterAll(() => removeFolder(folder));

const EXAMPLE = packageFile("examples/04-simulate");
const run = (...words: string[]) => runPintle(["simulate", ...words]);

describe("pintle simulate", () => {
  test("JSON as the contract has it, and the same bytes each time", async () => {
    const ties = ["--ties", "random", "--seed", "7"];
    const [first, again] = await Promise.all([
      run("-f", EXAMPLE, "-o", "json", ...ties),
      run("-f", EXAMPLE, "-o", "json", ...ties),
    ]);
    expect([first.code, first.stderr, again.stdout]).toEqual([0, "", first.stdout]);
    const { placements, unscheduled, stats } = JSON.parse(first.stdout);
    expect(stats).toMatchObject({ nodes: 3, pods: 10, placed: 9, seconds: 0 });
    expect(placements).toHaveLength(9);
    expect(placements[0]).toEqual({ pod: "default/agent-0", node: "small-a" });
    expect(unscheduled).toEqual([
      {
        pod: "default/web-4",
        message: expect.stringMatching(/^0\/3 nodes are available: 1 node\(s\) had untolerated taint/),
        nodes: {
          "small-a": ["Insufficient cpu"],
          "small-b": ["Insufficient cpu"],
          "batch-b": [expect.stringContaining("untolerated taint")],
        },
      },
    ]);
  });

  test("files in the order given, and a table for people", async () => {
    const ran = await run("-f", join(EXAMPLE, "workloads.yaml"), "-f", join(EXAMPLE, "nodes.yaml"));
    expect([ran.code, ran.stderr]).toEqual([0, ""]);
    expect(ran.stdout).toMatch(/^NODE +PODS +WHICH\nsmall-a +3 +default\/agent-0, default\/web-/);
    expect(ran.stdout).toMatch(/^batch-b +3 +default\/agent-2, default\/train-0, default\/train-1$/m);
    expect(ran.stdout).toMatch(/^unscheduled: 1: default\/web-4\n {2}0\/3 nodes are available: /m);
    expect(ran.stdout).toMatch(/\nplaced 9 of 10 pods on 3 of 3 nodes\n$/);
  });

  test("by the profiles of a configuration; its mistakes and what has no effect are told", async () => {
    const file = (name: string, profile: string) => {
      const path = join(folder, name);
      const head = "{apiVersion: kubescheduler.config.k8s.io/v1, kind: KubeSchedulerConfiguration, ";
      writeFileSync(path, `${head}percentageOfNodesToScore: 5, profiles: [${profile}]}`);
      return path;
    };
    const [packing, bad] = [
      file(
        "packing.yaml",
        "{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: MostAllocated}}}]}",
      ),
      file("bad.yaml", "{plugins: {score: {enabled: [{name: Mine}, {name: NodeName}]}}}"),
    ];
    const cluster = join(folder, "cluster.yaml");
    const nodes = ["a", "b"].map(
      (name) =>
        `{apiVersion: v1, kind: Node, metadata: {name: ${name}}, status: {allocatable: {cpu: 4, memory: 4Gi, pods: 9}}}`,
    );
    const pods = ["p", "q", "r"].map(
      (name) =>
        `{apiVersion: v1, kind: Pod, metadata: {name: ${name}}, spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 1, memory: 1Gi}}}]}}`,
    );
    writeFileSync(cluster, [...nodes, ...pods].join("\n---\n"));
    const [packed, refused, absent] = await Promise.all([
      run("-f", cluster, "--config", packing, "-o", "json"),
      run("-f", EXAMPLE, "--config", bad),
      run("-f", EXAMPLE, "--config", join(folder, "none.yaml")),
    ]);
    const ignored = `pintle: ${packing}: percentageOfNodesToScore is ignored: all nodes are filtered and scored\n`;
    expect([packed.code, packed.stderr]).toEqual([0, ignored]);
    const places = JSON.parse(packed.stdout).placements.map(({ node }: { node: string }) => node);
    expect(places).toEqual(["a", "a", "a"]);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      `pintle: ${bad}: KubeSchedulerConfiguration.kubescheduler.config.k8s.io "" is invalid: [profiles[0].plugins.score.enabled[0].name: Not found: "Mine", profiles[0].plugins.score.enabled[1].name: Invalid value: "NodeName": plugin "NodeName" does not extend score plugin]\n`,
    ]);
    expect([absent.code, absent.stderr]).toEqual([1, expect.stringContaining("none.yaml")]);
  });

  test("says how it is used", async () => {
    const [simulate, explain] = await Promise.all([run("--help"), runPintle(["explain", "pod", "--help"])]);
    expect([simulate.code, simulate.stdout]).toEqual([0, expect.stringMatching(/^Usage: pintle simulate /)]);
    expect([explain.code, explain.stdout]).toEqual([0, expect.stringMatching(/^Usage: pintle explain pod /)]);
  });

  test("a mistake is one line and exit code 1; nothing to place is wrong usage", async () => {
    const bad = join(folder, "bad.yaml");
    writeFileSync(bad, "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {}}");
    const runs = await Promise.all([
      run("-f", bad),
      run("-f", join(folder, "absent")),
      run(),
      run("--ties", "no"),
    ]);
    expect(runs.map(({ code, stdout }) => [code, stdout])).toEqual([
      [1, ""],
      [1, ""],
      [2, ""],
      [2, ""],
    ]);
    expect(runs[0]!.stderr).toBe(`pintle: ${bad}: Pod "p" is invalid: spec.containers: Required value\n`);
    expect(runs[1]!.stderr).toBe(`pintle: no such file or directory: ${join(folder, "absent")}\n`);
    expect(runs[2]!.stderr).toBe("error: nothing to place: give -f FILE_OR_DIR or --openb DIR\n");
  });
});

test("a progress bar is drawn on a terminal, and only when a percent has passed", () => {
  const written: string[] = [];
  const screen = (isTTY: boolean) => ({ isTTY, write: (text: string) => written.push(text) });
  const bar = progressBar(screen(true), "placing");
  for (const done of [0, 1, 500]) bar.show(done, 1000);
  bar.clear();
  expect(written.map((text) => text.slice(4))).toEqual([
    `placing ${"░".repeat(30)} 0% 0/1000`,
    `placing ${"█".repeat(15)}${"░".repeat(15)} 50% 500/1000`,
    "",
  ]);
  written.length = 0;
  progressBar(screen(false), "placing").show(1, 2);
  expect(written).toEqual([]);
});
