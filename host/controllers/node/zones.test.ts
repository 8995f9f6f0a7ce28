import { expect, test } from "vitest";
import type { V1Node } from "../../api/generated/types.ts";
import { Zones } from "./zones.ts";

/** "n1 a ready", "n2 a", "n3 b dead excluded" */
function node(text: string): V1Node {
  const [name = "", zone = "", ready, excluded] = text.split(" ");
  const labels = {
    "topology.kubernetes.io/zone": zone,
    ...(excluded ? { "node.kubernetes.io/exclude-disruption": "" } : {}),
  };
  return {
    metadata: { name, labels },
    status: { conditions: [{ type: "Ready", status: ready === "ready" ? "True" : "Unknown" }] },
  };
}

function zonesOf(nodes: readonly string[]): Zones {
  const zones = new Zones();
  for (const text of nodes) zones.note(node(text));
  return zones;
}

const many = (count: number, zone: string, ready: string) =>
  Array.from({ length: count }, (_, index) => `${zone}${ready}${index} ${zone} ${ready}`);

test.each([
  ["one of three", ["x a dead", ...many(2, "a", "ready")], 0],
  ["two of three are still too few to doubt", ["x a dead", "y a dead", "z a ready"], 0],
  ["three of five, in a small zone", [...many(3, "a", "dead"), ...many(2, "a", "ready")], undefined],
  ["most of a large zone", [...many(40, "a", "dead"), ...many(20, "a", "ready")], 0],
  ["a whole zone, but not the other", [...many(3, "a", "dead"), ...many(1, "b", "ready")], 0],
  ["all of all zones", [...many(3, "a", "dead"), ...many(1, "b", "dead")], undefined],
  ["the only node", ["x a dead"], undefined],
  ["all that count", ["x a dead", "y a ready excluded"], undefined],
])("%s: the first has its turn in %s", (_, nodes, wants) => {
  expect(zonesOf(nodes).askTurn(nodes[0]!.split(" ")[0]!, 1000)).toBe(wants);
});

test("one node in ten seconds, in the order in which they asked", () => {
  const zones = zonesOf(["x a dead", "y a dead", "z a ready", "other b ready"]);
  expect([zones.askTurn("x", 0), zones.askTurn("y", 0), zones.askTurn("x", 1)]).toEqual([0, 10_000, 0]);
  zones.leaveQueue("x");
  expect([zones.askTurn("y", 9_000), zones.askTurn("y", 10_000)]).toEqual([1000, 0]);
});

test("a large zone in disruption takes a hundred seconds a node", () => {
  const zones = zonesOf([...many(40, "a", "dead"), ...many(20, "a", "ready")]);
  expect([zones.askTurn("adead0", 0), zones.askTurn("adead1", 0), zones.askTurn("adead2", 0)]).toEqual([
    0, 100_000, 200_000,
  ]);
});

test("when the last node falls silent all are looked at again, and when one comes back", () => {
  const zones = zonesOf(["x a dead", "y b ready"]);
  expect(zones.isDark).toBe(false);
  expect(zones.note(node("y b dead"))).toEqual(["x", "y"]);
  expect(zones.isDark).toBe(true);
  expect(zones.note(node("x a ready"))).toEqual(["x", "y"]);
  expect(zones.isDark).toBe(false);
  expect(zones.forget("x")).toEqual(["y"]);
  expect(zones.isDark).toBe(true);
});

test("a node that moves to another zone waits there", () => {
  const zones = zonesOf(["x a dead", "y a dead", "z a ready", "w b ready"]);
  zones.askTurn("x", 0);
  expect(zones.askTurn("y", 0)).toBe(10_000);
  zones.note(node("y b dead"));
  expect(zones.askTurn("y", 0)).toBe(0);
});
