import { describe, expect, test } from "vitest";
import type { V1Pod, V1PodAffinityTerm, V1TopologySpreadConstraint } from "../api/generated/types.ts";
import type { FieldError } from "../apimachinery/field-error.ts";
import { readPodTopology } from "./topology-facts.ts";

const labels = { app: "web", hash: "1" };

function read(spec: Partial<NonNullable<V1Pod["spec"]>>) {
  const errors: FieldError[] = [];
  const pod: V1Pod = {
    metadata: { name: "p", namespace: "prod", labels },
    spec: { containers: [], ...spec },
  };
  const topology = readPodTopology(pod, errors);
  return { topology, fields: errors.map(({ field }) => field) };
}

const constraint: V1TopologySpreadConstraint = {
  maxSkew: 1,
  topologyKey: "zone",
  whenUnsatisfiable: "DoNotSchedule",
  labelSelector: { matchLabels: { app: "web" } },
};

describe("mistakes are errors with their field", () => {
  const at = "spec.topologySpreadConstraints[0]";
  const strange = { matchExpressions: [{ key: "app", operator: "Like", values: ["w"] }] };
  const term: V1PodAffinityTerm = { topologyKey: "zone", labelSelector: strange };
  const terms = [{ ...term, labelSelector: {} }, term];
  const path = "requiredDuringSchedulingIgnoredDuringExecution";
  test.each([
    {
      name: "maxSkew 0",
      spec: { topologySpreadConstraints: [{ ...constraint, maxSkew: 0 }] },
      at: `${at}.maxSkew`,
    },
    {
      name: "another action",
      spec: { topologySpreadConstraints: [{ ...constraint, whenUnsatisfiable: "Maybe" }] },
      at: `${at}.whenUnsatisfiable`,
    },
    {
      name: "another operator",
      spec: { topologySpreadConstraints: [{ ...constraint, labelSelector: strange }] },
      at: `${at}.labelSelector.matchExpressions[0].operator`,
    },
    {
      name: "in an affinity term",
      spec: { affinity: { podAntiAffinity: { [path]: terms } } },
      at: `spec.affinity.podAntiAffinity.${path}[1].labelSelector.matchExpressions[0].operator`,
    },
  ])("$name", ({ spec, at: field }) => {
    const { fields } = read(spec);
    expect(fields).toEqual([field]);
  });
});

describe("what a term says", () => {
  const termOf = (more: Partial<V1PodAffinityTerm>) => {
    const term = { topologyKey: "zone", labelSelector: { matchLabels: { app: "web" } }, ...more };
    return read({
      affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } },
    }).topology.affinity[0]!;
  };
  const app = { key: "app", operator: "=", values: ["web"] };
  test.each([
    { name: "neither names nor selects: its own namespace", more: {}, namespaces: ["prod"] },
    { name: "selects: none by name", more: { namespaceSelector: {} }, namespaces: [] },
    { name: "names: once each", more: { namespaces: ["b", "a", "b"] }, namespaces: ["a", "b"] },
  ])("$name", ({ more, namespaces }) => {
    expect(termOf(more).namespaces).toEqual(namespaces);
  });

  test.each([
    {
      name: "matchLabelKeys",
      more: { matchLabelKeys: ["hash", "absent"] },
      wants: [app, { key: "hash", operator: "in", values: ["1"] }],
    },
    {
      name: "mismatchLabelKeys",
      more: { mismatchLabelKeys: ["hash"] },
      wants: [app, { key: "hash", operator: "notin", values: ["1"] }],
    },
    {
      name: "but nothing stays nothing",
      more: { labelSelector: undefined, matchLabelKeys: ["hash"] },
      wants: [],
    },
  ])("$name", ({ more, wants }) => {
    expect(termOf(more).selector.requirements).toEqual(wants);
  });
});
