import { expect, test } from "vitest";
import type { V1Taint, V1Toleration } from "../../api/generated/types.ts";
import { inWords } from "../words.ts";
import { reconcileEviction, stayOf } from "./taint-eviction.ts";

/** "unreachable", "mine=v" */
function taint(text: string): V1Taint {
  const [key = "", value] = text.split("=");
  return { key, effect: "NoExecute", ...(value === undefined ? {} : { value }) };
}

/** "unreachable 5", "unreachable" for ever, "*" all, "mine=v" */
function toleration(text: string): V1Toleration {
  const [what = "", seconds] = text.split(" ");
  const [key = "", value] = what.split("=");
  return {
    ...(key === "*" ? {} : { key }),
    operator: value === undefined ? "Exists" : "Equal",
    ...(value === undefined ? {} : { value }),
    effect: "NoExecute",
    ...(seconds === undefined ? {} : { tolerationSeconds: Number(seconds) }),
  };
}

const EVER = Number.POSITIVE_INFINITY;

test.each([
  [[], [], EVER],
  [["unreachable"], [], undefined],
  [["unreachable"], ["unreachable 5"], 5000],
  [["unreachable"], ["unreachable"], EVER],
  [["unreachable"], ["*"], EVER],
  [["unreachable"], ["unreachable 0"], 0],
  [["unreachable"], ["unreachable -3"], 0],
  [["unreachable", "mine"], ["unreachable 5"], undefined],
  [["unreachable", "mine"], ["unreachable 10", "mine"], 10_000],
  [["unreachable", "mine"], ["unreachable 10", "mine 5"], 5000],
  // The first that fits counts, not the longest.
  [["unreachable"], ["unreachable 5", "unreachable 50"], 5000],
  [["mine=v"], ["mine=w 5"], undefined],
  [["mine=v"], ["mine=v 5"], 5000],
])("taints %j, tolerations %j: %s", (taints, tolerations, wants) => {
  expect(stayOf(tolerations.map(toleration), taints.map(taint))).toBe(wants);
});

test.each([
  [{ isCancelled: false, dueMs: undefined }, []],
  [{ isCancelled: true, dueMs: undefined }, ["Normal TaintManagerEviction Cancelling deletion of Pod ns/a"]],
  [{ isCancelled: false, dueMs: 4000 }, ["again in 3000 ms"]],
  [
    { isCancelled: false, dueMs: 1000 },
    ["Normal TaintManagerEviction Marking for deletion Pod ns/a", "patch Pod a"],
  ],
])("%j", (observed, wants) => {
  const pod = { metadata: { namespace: "ns", name: "a" } };
  expect(reconcileEviction({ pod, ...observed }, 1000).map(inWords)).toEqual(wants);
});
