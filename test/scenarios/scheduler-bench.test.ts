import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { accessTo } from "../../bench/measuring/pintle-up.ts";
import { audit } from "../../bench/scheduling/audit.ts";
import { Bindings } from "../../bench/scheduling/bindings.ts";
import { ClusterLoad } from "../../bench/scheduling/cluster-load.ts";
import type { ReportedCase } from "../../bench/suite.ts";
import { packageFile } from "../../host/apimachinery/package-root.ts";
import { startCluster } from "../../host/main.ts";
import { removeFolder, run, temporaryFolder } from "./pintle-process.ts";

/** The suite `scheduler-e2e` in a short form: it runs, and has no figure to show for pods that are not bound. */

test("the suite starts a cluster, counts bindings and says what they cost", async () => {
  const folder = temporaryFolder();
  const file = join(folder, "figures.json");
  const bench = [packageFile("dist/bench/run.js"), "scheduler-e2e", "--case", "SchedulingWithMixedChurn"];
  try {
    const ran = await run(process.execPath, [...bench, "--nodes", "20", "--pods", "60", "--json", file]);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    const [figures] = JSON.parse(readFileSync(file, "utf8")) as ReportedCase[];
    expect(figures).toMatchObject({
      suite: "scheduler-e2e",
      case: "SchedulingWithMixedChurn",
      unit: "pods/s",
    });
    expect(figures!.params).toMatchObject({ nodes: 20, pods: 60, inFlight: 64 });
    for (const name of ["seconds", "p50Ms", "p99Ms", "cpuUs", "clientBusy"])
      expect(figures!.params[name], name).toBeGreaterThan(0);
    expect([figures!.value > 0, figures!.ratio! > 0]).toEqual([true, true]);
  } finally {
    removeFolder(folder);
  }
});

test("a run in which some pods find no node fails, and says how many", async () => {
  const folder = temporaryFolder();
  const cluster = await startCluster({ nodes: 0, store: "memory", dataDir: join(folder, "data"), seed: 1 });
  // Six pods that bear none of their kind beside them, and four nodes.
  const shape = { shape: "SchedulingPodAntiAffinity", nodes: 4, pods: 6 };
  const load = await ClusterLoad.open({
    ...shape,
    access: accessTo({ folder }),
    protocol: "h1",
    stallMs: 1_000,
  });
  try {
    await load.prepare();
    // One of the initial pods is scaled to four nodes: it has one of them.
    await expect(load.measure()).rejects.toThrow(
      /^3 of 6 pods were not bound, measured-\d among them: no binding in 1000 ms$/,
    );
    await expect(load.audit()).rejects.toThrow(/^pod measured-\d has no node$/);
  } finally {
    load.close();
    await cluster.stop();
    removeFolder(folder);
  }
});

test.each([
  ["a pod with a node", "ADDED metadata:{name:web} spec:{nodeName:n1}", ["web"]],
  ["a pod without one", "ADDED metadata:{name:web} spec:{}", []],
  ["an empty name of a node", "ADDED metadata:{name:web} spec:{nodeName:}", []],
  ["a nomination", "MODIFIED metadata:{name:web} status:{nominatedNodeName:n1}", []],
  ["a bound pod that goes", "DELETED metadata:{name:web} spec:{nodeName:n1}", []],
  [
    "the same pod again",
    "ADDED metadata:{name:web} spec:{nodeName:n1} / MODIFIED metadata:{name:web} spec:{nodeName:n1}",
    ["web"],
  ],
])("the watch counts %s as it is", (_, events, wants) => {
  const lines = events.split(" / ").map((words) => {
    const [type, ...parts] = words.split(" ");
    const object = parts.map((part) =>
      part.replace(/(\w+):\{(?:(\w+):(\w*))?\}/, (_, at, key, value) =>
        key === undefined ? `"${at}":{}` : `"${at}":{"${key}":"${value}"}`,
      ),
    );
    return `{"type":"${type}","object":{${object.join(",")}}}\n`;
  });
  const silent = {
    follow: () => {},
    close: () => {},
    stall: () => {},
    ask: () => Promise.reject(new Error()),
  };
  const bindings = new Bindings(silent, 1_000);
  // In pieces that end anywhere.
  for (const letter of lines.join("")) bindings.take(letter);
  expect([...bindings.seenMs.keys()]).toEqual(wants);
});

/** `web@n1` is a measured pod on node n1, which offers one CPU and two pods; every pod asks for half a CPU. */
test.each([
  ["all have nodes", "a@n1 b@n1", "a b", undefined],
  ["one has none", "a@n1 b@", "a b", "pod b has no node"],
  ["one is not there", "a@n1", "a b", "the API shows 1 of 2 measured pods"],
  ["one is where no node is", "a@n1 b@n9", "a b", "pod b is on a node that never was: n9"],
  ["one is on a node that has gone", "a@n1 b@n2", "a b", undefined],
  ["a node has too much, of others", "a@n1 b@n1 c@n1", "a b", "node n1 has too much"],
])("the audit: %s", (_, shown, measured, wants) => {
  const nodes = [
    { metadata: { name: "n1" }, status: { allocatable: { cpu: "1", memory: "1Gi", pods: "2" } } },
  ];
  const pods = shown.split(" ").map((words) => {
    const [name, nodeName] = words.split("@");
    const containers = [{ name: "c", resources: { requests: { cpu: "500m", memory: "1Mi" } } }];
    return { metadata: { name }, spec: { nodeName, containers } };
  });
  const judged = () => audit(nodes, pods, new Set(measured.split(" ")), new Set(["n1", "n2"]));
  if (wants === undefined) expect(judged).not.toThrow();
  else expect(judged).toThrow(wants);
});
