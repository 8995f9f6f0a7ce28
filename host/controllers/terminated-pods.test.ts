import { expect, test } from "vitest";
import type { V1Pod } from "../api/generated/types.ts";
import { reconcileGarbage } from "./terminated-pods.ts";
import { inWords } from "./words.ts";

/** `name AGE Phase [reason]` */
function pod(words: string): V1Pod {
  const [name, age, phase, reason] = words.split(" ");
  const creationTimestamp = new Date(Date.UTC(2026, 0, 1) - 1000 * Number(age)).toISOString();
  return {
    metadata: { name, namespace: "default", uid: `uid ${name}`, creationTimestamp },
    status: { phase, reason },
  };
}

test.each([
  { why: "terminated", pods: ["a 5 Failed", "b 9 Succeeded"], wants: [] },
  {
    why: "terminated",
    pods: ["a 5 Failed", "b 9 Succeeded", "c 1 Failed Evicted", "d 5 Failed"],
    wants: ["together: delete Pod c, delete Pod b"],
  },
  { why: "terminated", pods: ["b 5 Failed", "a 5 Failed", "c 5 Failed"], wants: ["together: delete Pod a"] },
  { why: "never scheduled", pods: ["a 5 Pending"], wants: ["together: patch Pod a"] },
  { why: "never scheduled", pods: [], wants: [] },
])("$why $pods: $wants", ({ why, pods, wants }) => {
  expect(reconcileGarbage({ why, pods: pods.map(pod) }, 0, 2).map(inWords)).toEqual(wants);
});
