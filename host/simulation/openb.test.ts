import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { requireComponent } from "../../test/scenarios/requirements.ts";
import { packageFile } from "../apimachinery/package-root.ts";
import { buildCluster } from "./cluster.ts";
import { readOpenb } from "./openb.ts";
import { place } from "./place.ts";

const folder = mkdtempSync(join(tmpdir(), "pintle-openb-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const NODE_HEADING = "sn,cpu_milli,memory_mib,gpu,model";
const POD_HEADING =
  "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time";

function write(nodes: readonly string[], pods: readonly string[]): string {
  writeFileSync(join(folder, "openb_node_list_all_node.csv"), [NODE_HEADING, ...nodes, ""].join("\n"));
  writeFileSync(join(folder, "openb_pod_list_default.csv"), [POD_HEADING, ...pods, ""].join("\r\n"));
  return folder;
}

async function placed(nodes: readonly string[], pods: readonly string[]) {
  const cluster = buildCluster({ all: [], skipped: [] }, readOpenb(write(nodes, pods)));
  return place(cluster, { seed: 0, ties: "lowest" });
}

test("GPUs are counted in thousandths, whatever the boundaries, and models are node affinity", async () => {
  const { placements, unscheduled, stats } = await placed(
    ["plain,32000,65536,0,", "two-t4,32000,65536,2,T4", "one-p100,32000,65536,1,P100"],
    [
      "shares-700,1000,1024,1,700,,LS,Running,0,1,0",
      "shares-on-p100,1000,1024,1,400,V100M16|P100,LS,Failed,0,1,0",
      "two-whole,1000,1024,2,1000,,LS,Pending,0,1,",
      "another-600,1000,1024,1,600,,BE,Succeeded,0,1,0",
      "no-gpu,1000,1024,0,0,,BE,Succeeded,0,1,0",
      "on-v100,1000,1024,1,10,V100M16,LS,Running,0,1,0",
    ],
  );
  // 700 on the two T4s (least allocated), so two whole ones fit nowhere; 600 + 700 fit beside each other.
  expect(Object.fromEntries(placements.map(({ pod, node }) => [pod.slice("default/".length), node]))).toEqual(
    {
      "shares-700": "two-t4",
      "shares-on-p100": "one-p100",
      "another-600": "two-t4",
      "no-gpu": "plain",
    },
  );
  expect(unscheduled.map(({ pod, nodes }) => [pod, nodes["two-t4"]])).toEqual([
    ["default/two-whole", ["Insufficient openb/gpu-milli"]],
    ["default/on-v100", ["node(s) didn't match Pod's node affinity/selector"]],
  ]);
  expect(stats).toMatchObject({
    nodes: 3,
    pods: 6,
    placed: 4,
    allocated: { "openb/gpu-milli": Number((1700 / 3000).toFixed(4)) },
  });
});

test.each([
  { name: "a letter", line: "n,x,1,0,", says: /line 2: cpu_milli: Invalid value: "x"/ },
  { name: "a negative count", line: "n,-1,1,0,", says: /line 2: cpu_milli: Invalid value: "-1"/ },
  { name: "too few cells", line: "n,1", says: /line 2: gpu: Required value/ },
])("$name is one line with file, line and column", ({ line, says }) => {
  expect(() => readOpenb(write([line], []))).toThrow(says);
});

test("a folder without the trace", () => {
  expect(() => readOpenb(join(folder, "absent"))).toThrow(/^no such file or directory: .*openb_node_list/);
});

const trace = packageFile("../shared/data/openb");
test.skipIf(!requireComponent("../shared/data/openb", existsSync(trace)))("the whole trace", async () => {
  const cluster = buildCluster({ all: [], skipped: [] }, readOpenb(trace));
  const { stats, placements, unscheduled } = await place(cluster, { seed: 0, ties: "lowest" });
  expect([stats.nodes, stats.pods]).toEqual([1523, 8152]);
  expect(placements.length + unscheduled.length).toBe(8152);
  // What is allocated is what is offered, at most.
  for (const ratio of Object.values(stats.allocated)) expect(ratio).toBeLessThanOrEqual(1);
  expect(stats.allocated["openb/gpu-milli"]).toBeGreaterThan(0.9);
});
