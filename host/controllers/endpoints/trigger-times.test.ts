import { expect, test } from "vitest";
import type { V1Pod, V1Service } from "../../api/generated/types.ts";
import { TriggerTimes } from "./trigger-times.ts";

const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, "0")}Z`;
const service = (second: number): V1Service => ({ metadata: { creationTimestamp: at(second) } });

/** `a 7`: pod a is ready, or not, since second 7; `a -`: it has not been looked at. */
function pod(words: string): V1Pod {
  const [uid, second] = words.split(" ");
  const ready = { type: "Ready", status: "True", lastTransitionTime: at(Number(second)) };
  return { metadata: { uid }, status: { conditions: second === "-" ? [] : [ready] } };
}

// Each step: the Service's second, its pods, and since when its endpoints are late.
test.each<[string, [number, string[], number | undefined][]]>([
  ["a new Service", [[3, [], 3]]],
  ["a new Service with older pods", [[9, ["a 5", "b 7"], 5]]],
  [
    "nothing new",
    [
      [3, ["a 5"], 3],
      [3, ["a 5"], undefined],
    ],
  ],
  [
    "a pod becomes ready",
    [
      [3, ["a -"], 3],
      [3, ["a 8"], 8],
    ],
  ],
  [
    "the earliest of two",
    [
      [3, ["a 4", "b 4"], 3],
      [3, ["a 9", "b 8"], 8],
    ],
  ],
  [
    "a pod that goes tells nothing",
    [
      [3, ["a 4", "b 5"], 3],
      [3, ["a 4"], undefined],
    ],
  ],
  [
    "a pod that comes",
    [
      [3, ["a 4"], 3],
      [3, ["a 4", "b 7"], 7],
    ],
  ],
])("%s", (_, steps) => {
  const times = new TriggerTimes();
  for (const [second, pods, wants] of steps)
    expect(times.next("default/a", service(second), pods.map(pod))).toBe(
      wants === undefined ? undefined : at(wants),
    );
});
