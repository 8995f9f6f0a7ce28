import { describe, expect, test } from "vitest";
import type { V1Deployment, V1DeploymentCondition, V1ReplicaSet } from "../../api/generated/types.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { inWords } from "../words.ts";
import { rolloutOf } from "./rollout.ts";
import { syncRolloutStatus } from "./status.ts";

const NOW = Date.UTC(2026, 0, 2);
const at = (secondsAgo: number) => formatTime(NOW - secondsAgo * 1000);

/** "Type Status Reason age": age in seconds, of both times. */
function condition(text: string): V1DeploymentCondition {
  const [type = "", status = "", reason = "", age = "0"] = text.split(" ");
  return {
    type,
    status,
    reason,
    message: "",
    lastUpdateTime: at(Number(age)),
    lastTransitionTime: at(Number(age)),
  };
}

const AVAILABLE = "Available True MinimumReplicasAvailable 900";

/** Of 3 wanted pods: "size replicas available" of the old and of the new set, and what the status said before. */
function synced(
  sets: { old: string; new: string },
  before: { counts: V1Deployment["status"]; conditions: string[] },
  deadline = 60,
) {
  const set = (image: string, age: number, text: string): V1ReplicaSet => {
    const [size, replicas, available] = text.split(" ").map(Number);
    return {
      metadata: { name: `web-${image}`, uid: image, creationTimestamp: at(age) },
      spec: { replicas: size, selector: {}, template: { spec: { containers: [{ name: "c", image }] } } },
      status: {
        replicas: replicas!,
        readyReplicas: available,
        availableReplicas: available,
        terminatingReplicas: 0,
        observedGeneration: 1,
      },
    };
  };
  const deployment: V1Deployment = {
    metadata: { name: "web", generation: 2 },
    spec: {
      replicas: 3,
      progressDeadlineSeconds: deadline,
      selector: {},
      strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: { spec: { containers: [{ name: "c", image: "new" }] } },
    },
    status: {
      observedGeneration: 2,
      terminatingReplicas: 0,
      ...before.counts,
      conditions: before.conditions.map(condition),
    },
  };
  const [change] = syncRolloutStatus(
    rolloutOf(deployment, [set("old", 9000, sets.old), set("new", 100, sets.new)], NOW),
  );
  if (change?.do !== "status") return change === undefined ? "nothing" : inWords(change);
  const { status } = change.object(undefined) as V1Deployment;
  const progressing = status?.conditions?.find((one) => one.type === "Progressing");
  if (progressing === undefined) return "no Progressing";
  const age = (time = "") => (NOW - Date.parse(time)) / 1000;
  const { status: holds, reason, message, lastUpdateTime, lastTransitionTime } = progressing;
  return `${holds} ${reason} updated ${age(lastUpdateTime)} changed ${age(lastTransitionTime)}: ${message}`;
}

const ROLLING = {
  replicas: 4,
  updatedReplicas: 1,
  readyReplicas: 3,
  availableReplicas: 3,
  unavailableReplicas: 1,
};

describe("Progressing", () => {
  test.each([
    {
      name: "a step forward starts the deadline again, and keeps since when it holds",
      sets: { old: "2 2 2", new: "2 2 1" },
      before: { counts: ROLLING, conditions: [AVAILABLE, "Progressing True ReplicaSetUpdated 50"] },
      wants: 'True ReplicaSetUpdated updated 0 changed 50: ReplicaSet "web-new" is progressing.',
    },
    {
      name: "nothing moved: look again a second after the deadline",
      sets: { old: "3 3 3", new: "1 1 0" },
      before: { counts: ROLLING, conditions: [AVAILABLE, "Progressing True ReplicaSetUpdated 20"] },
      wants: "again in 41000 ms",
    },
    {
      name: "nothing moved and the deadline is this second: retried",
      sets: { old: "3 3 3", new: "1 1 0" },
      before: { counts: ROLLING, conditions: [AVAILABLE, "Progressing True ReplicaSetUpdated 60"] },
      wants: "retry: the progress deadline is about to pass",
    },
    {
      name: "nothing moved for too long",
      sets: { old: "3 3 3", new: "1 1 0" },
      before: { counts: ROLLING, conditions: [AVAILABLE, "Progressing True ReplicaSetUpdated 61"] },
      wants:
        'False ProgressDeadlineExceeded updated 0 changed 0: ReplicaSet "web-new" has timed out progressing.',
    },
    {
      name: "too late, and still so",
      sets: { old: "3 3 3", new: "1 1 0" },
      before: { counts: ROLLING, conditions: [AVAILABLE, "Progressing False ProgressDeadlineExceeded 500"] },
      wants: "nothing",
    },
    {
      name: "too late, then it moves",
      sets: { old: "2 2 2", new: "2 2 1" },
      before: { counts: ROLLING, conditions: [AVAILABLE, "Progressing False ProgressDeadlineExceeded 500"] },
      wants: 'True ReplicaSetUpdated updated 0 changed 0: ReplicaSet "web-new" is progressing.',
    },
    {
      name: "at its end",
      sets: { old: "0 0 0", new: "3 3 3" },
      before: { counts: ROLLING, conditions: [AVAILABLE, "Progressing True ReplicaSetUpdated 5"] },
      wants:
        'True NewReplicaSetAvailable updated 0 changed 5: ReplicaSet "web-new" has successfully progressed.',
    },
    {
      name: "at its end, pods lost later change nothing",
      sets: { old: "0 0 0", new: "3 3 1" },
      before: {
        counts: { replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 },
        conditions: [
          "Available True MinimumReplicasAvailable 900",
          "Progressing True NewReplicaSetAvailable 800",
        ],
      },
      wants: "True NewReplicaSetAvailable updated 800 changed 800: ",
    },
    {
      name: "without a deadline there is no word on it",
      deadline: 2 ** 31 - 1,
      sets: { old: "3 3 3", new: "1 1 0" },
      before: { counts: ROLLING, conditions: [AVAILABLE, "Progressing True ReplicaSetUpdated 5"] },
      wants: "no Progressing",
    },
  ])("$name", ({ sets, before, deadline, wants }) => {
    expect(synced(sets, before, deadline)).toBe(wants);
  });
});
