import { describe, expect, test } from "vitest";
import type { V1Pod } from "../api/generated/types.ts";
import { delayMs, loadStages, matchStage, parseGoDuration, parsePath, parseStage, valueAt } from "./stage.ts";

/** A pod in words: "Running deleting bound …"; what is not said is not there. */
function pod(words: string): V1Pod {
  const has = (word: string) => words.split(" ").includes(word);
  const phase = ["Pending", "Running", "Succeeded", "Failed"].find(has);
  const exitCode = /exit=(\d+)/.exec(words)?.[1];
  return {
    metadata: {
      name: "web",
      generation: has("changed") ? 2 : 1,
      ...(has("deleting") || has("stopping")
        ? { deletionTimestamp: "2026-01-01T00:00:00Z", deletionGracePeriodSeconds: has("forced") ? 0 : 30 }
        : {}),
      ...(exitCode === undefined ? {} : { annotations: { "pintle.io/exit-code": exitCode } }),
    },
    spec: {
      containers: [],
      restartPolicy: has("Never") ? "Never" : has("OnFailure") ? "OnFailure" : "Always",
      ...(has("bound") ? { nodeName: "node-1" } : {}),
    },
    status: {
      ...(phase === undefined ? {} : { phase }),
      ...(has("seen") ? { startTime: "2026-01-01T00:00:00Z" } : {}),
      observedGeneration: has("deleting") ? 0 : 1,
    },
  };
}

describe("the stages that come with the package", () => {
  const stages = loadStages();
  test.each([
    { is: "Pending", wants: undefined },
    { is: "Pending bound", wants: "pod-start" },
    { is: "Pending bound seen", wants: "pod-ready" },
    { is: "Running bound seen", wants: "pod-keep" },
    { is: "Succeeded bound seen", wants: undefined },
    { is: "Failed bound seen", wants: undefined },
    { is: "Running bound seen Never exit=1", wants: "pod-exit" },
    { is: "Running bound seen Always exit=1", wants: "pod-keep" },
    { is: "Running bound seen OnFailure exit=0", wants: "pod-succeed" },
    { is: "Running bound seen OnFailure exit=1", wants: "pod-keep" },
    { is: "Running bound seen deleting", wants: "pod-terminate" },
    { is: "Pending bound deleting", wants: "pod-terminate" },
    { is: "Running bound seen stopping", wants: "pod-stop" },
    { is: "Failed bound seen stopping", wants: "pod-delete" },
    { is: "Succeeded bound seen stopping", wants: "pod-delete" },
    { is: "Failed bound seen stopping forced", wants: undefined },
  ])("$is: $wants", ({ is, wants }) => {
    expect(matchStage(stages, pod(is))?.name).toBe(wants);
  });

  test("nothing waits beyond the pod's grace", () => {
    const deleting = pod("Running bound seen stopping");
    const stop = matchStage(stages, deleting)!;
    expect(delayMs(stop, deleting)).toBe(250);
    expect(delayMs(stop, { ...deleting, metadata: { deletionGracePeriodSeconds: 0 } })).toBe(0);
  });
});

test.each([
  { path: "status.phase", wants: "Running" },
  { path: "status.conditions[Ready].status", wants: "True" },
  { path: "spec.containers[web].image", wants: "nginx" },
  { path: "metadata.annotations[pintle.io/exit-code]", wants: "3" },
  { path: "metadata.finalizers", wants: undefined },
  { path: "metadata.labels.app", wants: undefined },
])("the path $path finds $wants", ({ path, wants }) => {
  const object = {
    metadata: { annotations: { "pintle.io/exit-code": "3" }, finalizers: [] },
    spec: { containers: [{ name: "web", image: "nginx" }] },
    status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
  };
  expect(valueAt(object, parsePath(path))).toBe(wants);
});

test.each([
  { text: "5s", wants: 5000 },
  { text: "1m30s", wants: 90_000 },
  { text: "1.5h", wants: 5_400_000 },
  { text: "250ms", wants: 250 },
  { text: "0", wants: 0 },
  { text: "5", wants: undefined },
  { text: "soon", wants: undefined },
])("the duration $text is $wants ms", ({ text, wants }) => {
  expect(parseGoDuration(text)).toBe(wants);
});

test.each([
  { name: "no name", text: "selector: []", wants: "stage x.yaml: name is missing" },
  {
    name: "an unknown operator",
    text: "{name: a, selector: [{key: b, operator: Is}]}",
    wants: "unknown operator Is",
  },
  { name: "an unknown status", text: "{name: a, next: {status: dancing}}", wants: "unknown status dancing" },
  {
    name: "nothing to differ from",
    text: "{name: a, selector: [{key: b, operator: Differs}]}",
    wants: "needs as",
  },
])("a stage with $name is refused", ({ text, wants }) => {
  expect(() => parseStage(text, "x.yaml")).toThrow(wants);
});
