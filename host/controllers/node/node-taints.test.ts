import { expect, test } from "vitest";
import type { V1Node, V1Taint } from "../../api/generated/types.ts";
import { evictingTaint, wantedLabels, wantedTaints } from "./node-taints.ts";

const NOW = Date.parse("2026-01-01T00:10:00Z");

/** "Ready=False MemoryPressure=True unschedulable" */
function node(text: string, taints: string[] = []): V1Node {
  const words = text.split(" ").filter(Boolean);
  const conditions = words.flatMap((word) => {
    const [type = "", status] = word.split("=");
    return status === undefined ? [] : [{ type, status }];
  });
  return {
    spec: { ...(words.includes("unschedulable") ? { unschedulable: true } : {}), taints: taints.map(taint) },
    status: { conditions },
  };
}

/** "not-ready:NoSchedule" of node.kubernetes.io, or "mine/key:NoExecute" */
function taint(text: string): V1Taint {
  const [key = "", effect = ""] = text.split(":");
  return { key: key.includes("/") ? key : `node.kubernetes.io/${key}`, effect };
}

const short = ({ key, effect, timeAdded }: V1Taint) =>
  `${key.replace("node.kubernetes.io/", "")}:${effect}${timeAdded ? "*" : ""}`;

// What is new has its time, shown as *.
test.each([
  ["Ready=True", ["not-ready:NoSchedule"], []],
  ["Ready=False", [], ["not-ready:NoSchedule*"]],
  ["Ready=Unknown", ["not-ready:NoSchedule"], ["unreachable:NoSchedule*"]],
  [
    "Ready=True MemoryPressure=True DiskPressure=True PIDPressure=True NetworkUnavailable=True",
    [],
    [
      "memory-pressure:NoSchedule*",
      "disk-pressure:NoSchedule*",
      "pid-pressure:NoSchedule*",
      "network-unavailable:NoSchedule*",
    ],
  ],
  ["Ready=True MemoryPressure=False", ["memory-pressure:NoSchedule"], []],
  ["Ready=True unschedulable", [], ["unschedulable:NoSchedule*"]],
  [
    "Ready=True",
    ["unschedulable:NoSchedule", "mine/a:NoSchedule", "mine/b:NoExecute"],
    ["mine/a:NoSchedule", "mine/b:NoExecute"],
  ],
  [
    "Ready=False",
    ["mine/a:NoSchedule", "not-ready:NoSchedule"],
    ["mine/a:NoSchedule", "not-ready:NoSchedule"],
  ],
  ["Ready=False", ["not-ready:PreferNoSchedule"], ["not-ready:PreferNoSchedule", "not-ready:NoSchedule*"]],
  // A node that has said nothing yet keeps what it came with only if its conditions call for it.
  ["", ["not-ready:NoSchedule"], []],
])("%s with %j", (text, taints, wants) => {
  expect(wantedTaints(node(text, taints), undefined, NOW).map(short)).toEqual(wants);
});

test.each([
  ["Ready=False", ["not-ready:NoSchedule"], "not-ready", ["not-ready:NoSchedule", "not-ready:NoExecute*"]],
  [
    "Ready=Unknown",
    ["not-ready:NoExecute"],
    "unreachable",
    ["unreachable:NoSchedule*", "unreachable:NoExecute*"],
  ],
  ["Ready=True", ["unreachable:NoExecute", "unreachable:NoSchedule"], undefined, []],
])("evicts: %s with %j", (text, taints, evicting, wants) => {
  const of = node(text, taints);
  expect(evictingTaint(of)).toBe(evicting && `node.kubernetes.io/${evicting}`);
  expect(wantedTaints(of, evictingTaint(of), NOW).map(short)).toEqual(wants);
});

test("labels of old follow those of today", () => {
  const labels = {
    "kubernetes.io/os": "linux",
    "beta.kubernetes.io/arch": "arm",
    "kubernetes.io/arch": "amd64",
    a: "b",
  };
  expect(wantedLabels({ metadata: { labels } })).toEqual({
    ...labels,
    "beta.kubernetes.io/os": "linux",
    "beta.kubernetes.io/arch": "amd64",
  });
  expect(wantedLabels({ metadata: { labels: { "beta.kubernetes.io/os": "linux" } } })).toEqual({
    "beta.kubernetes.io/os": "linux",
  });
});
