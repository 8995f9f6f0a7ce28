import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { buildCluster } from "./cluster.ts";
import { readManifests } from "./manifests.ts";
import { place } from "./place.ts";

const folder = mkdtempSync(join(tmpdir(), "pintle-gangs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const node = (name: string) =>
  `{apiVersion: v1, kind: Node, metadata: {name: ${name}}, status: {allocatable: {cpu: 4, memory: 8Gi, pods: 10}}}`;
/** A gang of so many; 0: the basic policy. */
const group = (name: string, minCount: number) =>
  `{apiVersion: scheduling.k8s.io/v1alpha2, kind: PodGroup, metadata: {name: ${name}}, spec: {schedulingPolicy: ${minCount === 0 ? "{basic: {}}" : `{gang: {minCount: ${minCount}}}`}}}`;
/** Pods of one core each, by their names; of a group, and on a node, where these are said. */
const pods = (names: string, ofGroup = "", onNode = "") =>
  names
    .split(" ")
    .map(
      (name) =>
        `{apiVersion: v1, kind: Pod, metadata: {name: ${name}}, spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 1}}}]` +
        `${ofGroup && `, schedulingGroup: {podGroupName: ${ofGroup}}`}${onNode && `, nodeName: ${onNode}`}}}`,
    );

/** Who was placed, in the order of the input, and why the others were not. */
async function simulate(...documents: (string | string[])[]) {
  const file = join(folder, "all.yaml");
  writeFileSync(file, documents.flat().join("\n---\n"));
  const { placements, unscheduled } = await place(buildCluster(readManifests([file])), {
    seed: 0,
    ties: "lowest",
  });
  return {
    placed: placements.map(({ pod }) => pod.replace("default/", "")).join(" "),
    why: [...new Set(unscheduled.map(({ message }) => message.split(" no new claims")[0]))],
  };
}

const TOO_FEW = "pod group is unschedulable, waiting for minCount pods from a gang to be scheduled";
const FULL = "0/1 nodes are available: 1 Insufficient cpu.";

test.each([
  { name: "a gang that fits", documents: [group("g", 3), pods("a b c", "g")], placed: "a b c", why: [] },
  {
    name: "one that does not leaves its room to others",
    documents: [group("g", 5), pods("a b c d e", "g"), pods("u v w")],
    placed: "u v w",
    why: [TOO_FEW, FULL],
  },
  {
    name: "a gang is decided about where its first pod stands",
    documents: [pods("u"), pods("a", "g"), pods("v w"), pods("b c", "g"), group("g", 3)],
    placed: "u a b c",
    why: [FULL],
  },
  {
    name: "those that are bound count",
    documents: [group("g", 3), pods("a", "g", "n1"), pods("b c", "g")],
    placed: "a b c",
    why: [],
  },
  {
    name: "too few pods are given",
    documents: [group("g", 3), pods("a b", "g"), pods("x")],
    placed: "x",
    why: ["waiting for minCount pods from a gang to appear in scheduling queue"],
  },
  {
    name: "a basic group",
    documents: [group("g", 0), pods("a b c d e", "g")],
    placed: "a b c d",
    why: [FULL],
  },
  { name: "a group that is not given", documents: [pods("a b c d e", "g")], placed: "a b c d", why: [FULL] },
])("$name", async ({ documents, placed, why }) => {
  expect(await simulate(node("n1"), ...documents)).toEqual({ placed, why });
});
