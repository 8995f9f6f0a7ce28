import { describe, expect, test } from "vitest";
import {
  asks,
  declaring,
  type HintRow,
  happened,
  node,
  placed,
  port,
  taint,
  waiting,
} from "../../../test/hint-shorthand.ts";
import { WaitingPod } from "./registration.ts";
import { helps, isRegistered } from "./table.ts";

const ROWS: readonly HintRow[] = [
  ["NodeUnschedulable", "a node that takes pods", waiting(), happened("NodeAdd", node()), true],
  [
    "NodeUnschedulable",
    "a cordoned node",
    waiting(),
    happened("NodeAdd", node({ unschedulable: true })),
    false,
  ],
  [
    "NodeUnschedulable",
    "uncordoned",
    waiting(),
    happened("NodeUpdateNodeTaint", node(), node({ unschedulable: true })),
    true,
  ],
  [
    "NodeUnschedulable",
    "another taint",
    waiting(),
    happened("NodeUpdateNodeTaint", node(), node(taint)),
    false,
  ],
  ["NodeName", "any node", waiting(), happened("NodeAdd", node()), true],
  ["TaintToleration", "a node without taints", waiting(), happened("NodeAdd", node()), true],
  ["TaintToleration", "a tainted node", waiting(), happened("NodeAdd", node(taint)), false],
  [
    "TaintToleration",
    "the taint is gone",
    waiting(),
    happened("NodeUpdateNodeTaint", node(), node(taint)),
    true,
  ],
  [
    "TaintToleration",
    "it was tolerated before",
    waiting({ tolerations: [{ operator: "Exists" }] }),
    happened("NodeUpdateNodeTaint", node(), node(taint)),
    false,
  ],
  ["TaintToleration", "a pod is gone", waiting(), happened("AssignedPodDelete", undefined, placed()), false],
  [
    "NodeAffinity",
    "a node that matches",
    waiting({ nodeSelector: { a: "b" } }),
    happened("NodeAdd", node({}, { a: "b" })),
    true,
  ],
  [
    "NodeAffinity",
    "a node that does not",
    waiting({ nodeSelector: { a: "b" } }),
    happened("NodeAdd", node()),
    false,
  ],
  [
    "NodeAffinity",
    "the label comes",
    waiting({ nodeSelector: { a: "b" } }),
    happened("NodeUpdateNodeLabel", node({}, { a: "b" }), node()),
    true,
  ],
  [
    "NodeAffinity",
    "it had the label",
    waiting({ nodeSelector: { a: "b" } }),
    happened("NodeUpdateNodeLabel", node({}, { a: "b", c: "d" }), node({}, { a: "b" })),
    false,
  ],
  [
    "NodeAffinity",
    "any change of taints",
    waiting({ nodeSelector: { a: "b" } }),
    happened("NodeUpdateNodeTaint", node(), node(taint)),
    true,
  ],
  [
    "NodePorts",
    "the port is free",
    waiting(port(80)),
    happened("AssignedPodDelete", undefined, placed(port(80))),
    true,
  ],
  [
    "NodePorts",
    "another port",
    waiting(port(80)),
    happened("AssignedPodDelete", undefined, placed(port(81))),
    false,
  ],
  [
    "NodePorts",
    "it was nowhere",
    waiting(port(80)),
    happened("AssignedPodDelete", undefined, placed({ ...port(80), nodeName: "" })),
    false,
  ],
  ["NodeResourcesFit", "a pod is gone", waiting(), happened("AssignedPodDelete", undefined, placed()), true],
  [
    "NodeResourcesFit",
    "a pod asks for less",
    waiting(),
    happened("AssignedPodUpdatePodScaleDown", placed(asks("1")), placed(asks("2"))),
    true,
  ],
  [
    "NodeResourcesFit",
    "of what it does not ask",
    waiting(asks("0")),
    happened("AssignedPodUpdatePodScaleDown", placed(asks("1")), placed(asks("2"))),
    false,
  ],
  ["NodeResourcesFit", "a node large enough", waiting(), happened("NodeAdd", node()), true],
  [
    "NodeResourcesFit",
    "a node too small even if empty",
    waiting(asks("5")),
    happened("NodeAdd", node()),
    false,
  ],
  [
    "NodeResourcesFit",
    "it grows",
    waiting(),
    happened("NodeUpdateNodeAllocatable", node({}, {}, "4"), node({}, {}, "3")),
    true,
  ],
  [
    "NodeResourcesFit",
    "it shrinks",
    waiting(),
    happened("NodeUpdateNodeAllocatable", node({}, {}, "3"), node({}, {}, "4")),
    false,
  ],
  [
    "NodeResourcesFit",
    "its labels",
    waiting(),
    happened("NodeUpdateNodeLabel", node({}, { a: "b" }), node()),
    false,
  ],
  [
    "NodeDeclaredFeatures",
    "a node declares others",
    waiting(),
    happened("NodeUpdateNodeDeclaredFeature", declaring("F"), node()),
    true,
  ],
];

describe("a pod that a plugin of nodes rejected comes back when something may help it", () => {
  test.each(ROWS.map(([plugin, why, pod, event, helped]) => ({ plugin, why, pod, event, helped })))(
    "$plugin: $why: $helped",
    ({ plugin, pod, event, helped }) => {
      expect(helps([plugin], new WaitingPod(pod), event)).toBe(helped);
    },
  );
  test("one of several plugins is enough", () => {
    const event = happened("AssignedPodDelete", undefined, placed());
    expect(helps(["NodeAffinity", "NodeResourcesFit"], new WaitingPod(waiting()), event)).toBe(true);
  });

  test("a hint that fails counts as one that hopes", () => {
    const broken = waiting({ containers: [{ name: "c", resources: { requests: { cpu: "lots" } } }] });
    expect(helps(["NodeResourcesFit"], new WaitingPod(broken), happened("NodeAdd", node()))).toBe(true);
  });

  test("a change of nothing in particular is no narrower one", () => {
    expect(isRegistered("NodeDeclaredFeatures", happened("UnschedulablePodUpdatePodLabel", placed()))).toBe(
      true,
    );
    expect(isRegistered("PodTopologySpread", happened("UnschedulablePodUpdate", placed()))).toBe(false);
  });
});
