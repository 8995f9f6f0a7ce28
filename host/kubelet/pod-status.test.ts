import { describe, expect, test } from "vitest";
import type { V1ContainerStatus, V1Pod, V1PodStatus } from "../api/generated/types.ts";
import { runtimeImageName } from "./container-status.ts";
import { affectedContainers, nextStatus } from "./pod-status.ts";
import type { StatusName } from "./stage.ts";

const START_MS = Date.UTC(2026, 0, 1);

/** A pod whose containers are written "web", "init:setup", "sidecar:proxy". */
function pod(containers: string, more: Partial<V1Pod["spec"]> = {}): V1Pod {
  const named = containers.split(" ").map((text) => text.split(":") as [string, string?]);
  const initContainers = named.flatMap(([how, name]) =>
    name === undefined
      ? []
      : [{ name, image: how, ...(how === "sidecar" ? { restartPolicy: "Always" } : {}) }],
  );
  return {
    metadata: { name: "p", namespace: "default", uid: "u1", generation: 1 },
    spec: {
      nodeName: "node-1",
      containers: named.flatMap(([how, name]) => (name === undefined ? [{ name: how, image: "nginx" }] : [])),
      ...(initContainers.length === 0 ? {} : { initContainers }),
      ...more,
    },
    status: {
      phase: "Pending",
      qosClass: "BestEffort",
      conditions: [{ type: "PodScheduled", status: "True", lastTransitionTime: "2025-12-31T23:59:59Z" }],
    },
  };
}

/** Lets statuses follow each other, a second apart. */
function going(before: V1Pod, names: readonly StatusName[], exitCode = 143): V1Pod {
  let now: V1Pod = before;
  names.forEach((name, i) => {
    const around = { nowMs: START_MS + i * 1000, hostIP: "172.18.0.2", podIP: "10.128.0.2", exitCode };
    now = { ...now, status: nextStatus(name, now, around) };
  });
  return now;
}

function inWords(status: V1PodStatus | undefined): string {
  const container = (one: V1ContainerStatus) => {
    const [[state, detail] = ["?", {}]] = Object.entries(one.state ?? {});
    const why = { reason: "", ...(detail as object) }.reason;
    return `${one.name}=${state}${why ? `(${why})` : ""}${one.ready ? "+" : ""}`;
  };
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return [status?.phase, ...all.map(container)].join(" ");
}

const conditionsInWords = (status: V1PodStatus | undefined) =>
  status?.conditions?.map(({ type, status: is, reason }) => `${type}=${is}${reason ? `(${reason})` : ""}`);

describe("containers", () => {
  test.each([
    {
      name: "are created first",
      containers: "web",
      to: ["starting"],
      wants: "Pending web=waiting(ContainerCreating)",
    },
    { name: "then run", containers: "web", to: ["starting", "running"], wants: "Running web=running+" },
    {
      name: "wait for init containers",
      containers: "init:setup sidecar:proxy web",
      to: ["starting"],
      wants:
        "Pending setup=waiting(PodInitializing) proxy=waiting(PodInitializing) web=waiting(PodInitializing)",
    },
    {
      name: "run beside sidecars, after init containers",
      containers: "init:setup sidecar:proxy web",
      to: ["starting", "running"],
      wants: "Running setup=terminated(Completed)+ proxy=running+ web=running+",
    },
    {
      name: "are listed by name",
      containers: "web api",
      to: ["starting", "running"],
      wants: "Running api=running+ web=running+",
    },
    {
      name: "end on SIGTERM, the completed ones as they were",
      containers: "init:setup sidecar:proxy web",
      to: ["starting", "running", "stopped"],
      wants: "Failed setup=terminated(Completed)+ proxy=terminated(Error) web=terminated(Error)",
    },
    {
      name: "that never started stay so",
      containers: "web",
      to: ["starting", "stopped"],
      wants: "Failed web=waiting(ContainerCreating)",
    },
  ] as const)("$name", ({ containers, to, wants }) => {
    expect(inWords(going(pod(containers), to).status)).toBe(wants);
  });

  test("that all exit with 0 make the pod Succeeded", () => {
    const { status } = going(pod("web"), ["starting", "running", "stopped"], 0);
    expect(inWords(status)).toBe("Succeeded web=terminated(Completed)");
    expect(status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({
      exitCode: 0,
      startedAt: "2026-01-01T00:00:01Z",
      finishedAt: "2026-01-01T00:00:02Z",
    });
  });
});

describe("conditions", () => {
  test.each([
    {
      to: ["starting"],
      wants: [
        "PodReadyToStartContainers=False",
        "Initialized=True",
        "Ready=False(ContainersNotReady)",
        "ContainersReady=False(ContainersNotReady)",
        "PodScheduled=True",
      ],
    },
    {
      to: ["starting", "running"],
      wants: [
        "PodReadyToStartContainers=True",
        "Initialized=True",
        "Ready=True",
        "ContainersReady=True",
        "PodScheduled=True",
      ],
    },
    {
      to: ["starting", "running", "stopped"],
      wants: [
        "PodReadyToStartContainers=False",
        "Initialized=True",
        "Ready=False(PodFailed)",
        "ContainersReady=False(PodFailed)",
        "PodScheduled=True",
      ],
    },
  ] as const)("after $to", ({ to, wants }) => {
    expect(conditionsInWords(going(pod("web"), to).status)).toEqual(wants);
  });

  test("of a pod that succeeded", () => {
    const { status } = going(pod("web"), ["starting", "running", "stopped"], 0);
    expect(conditionsInWords(status)).toEqual([
      "PodReadyToStartContainers=False",
      "Initialized=True(PodCompleted)",
      "Ready=False(PodCompleted)",
      "ContainersReady=False(PodCompleted)",
      "PodScheduled=True",
    ]);
  });

  test("name the containers that are not ready, and the init containers that have not completed", () => {
    const { status } = going(pod("init:setup sidecar:proxy web api"), ["starting"]);
    const messages = Object.fromEntries(status!.conditions!.map(({ type, message }) => [type, message]));
    expect(messages["Initialized"]).toBe("containers with incomplete status: [setup proxy]");
    expect(messages["ContainersReady"]).toBe("containers with unready status: [proxy web api]");
  });

  test("keep their time while their status stays, and others' stay untouched", () => {
    const foreign = { type: "example.com/up", status: "False", reason: "Mine" };
    const before = pod("web");
    before.status!.conditions!.push(foreign);
    const { status } = going(before, ["starting", "running"]);
    expect(status?.conditions?.[0]).toEqual(foreign);
    const times = Object.fromEntries(status!.conditions!.map((one) => [one.type, one.lastTransitionTime]));
    expect(times).toMatchObject({
      PodScheduled: "2025-12-31T23:59:59Z",
      Initialized: "2026-01-01T00:00:00Z",
      Ready: "2026-01-01T00:00:01Z",
    });
  });

  test.each([
    { gate: undefined, wants: 'corresponding condition of pod readiness gate "g" does not exist.' },
    { gate: "False", wants: 'the status of pod readiness gate "g" is not "True", but False' },
    { gate: "True", wants: undefined },
  ])("a readiness gate that is $gate", ({ gate, wants }) => {
    const gated = pod("web", { readinessGates: [{ conditionType: "g" }] });
    if (gate !== undefined) gated.status!.conditions!.push({ type: "g", status: gate });
    const { status } = going(gated, ["starting", "running"]);
    const ready = status?.conditions?.find((one) => one.type === "Ready");
    expect([ready?.status, ready?.message]).toEqual([wants === undefined ? "True" : "False", wants]);
  });
});

test("a running pod stays exactly as it is", () => {
  const running = going(pod("init:setup sidecar:proxy web"), ["starting", "running"]);
  expect(going(running, ["running"]).status).toEqual(running.status);
});

test("a deletion that is seen changes nothing but the generation", () => {
  const running = going(pod("web"), ["starting", "running"]);
  const deleting = { ...running, metadata: { ...running.metadata, generation: 2 } };
  const { status } = going(deleting, ["observed"]);
  expect(status?.observedGeneration).toBe(2);
  expect(status?.conditions?.map((one) => one.observedGeneration)).toEqual([2, 2, 2, 2, 2]);
  expect(conditionsInWords(status)).toEqual(conditionsInWords(running.status));
});

test("a changed image replaces its container and no other", () => {
  const running = going(pod("web api"), ["starting", "running"]);
  const [web, api] = running.spec!.containers;
  const changed = { ...running, spec: { containers: [{ ...web!, image: "nginx:2" }, api!] } };
  const { status } = going(changed, ["running"]);
  const [apiStatus, webStatus] = status!.containerStatuses!;
  expect(apiStatus).toEqual(running.status!.containerStatuses![0]);
  expect(webStatus).toMatchObject({ restartCount: 1, lastState: { terminated: { exitCode: 143 } } });
  expect(affectedContainers(running.status, status!)).toEqual({
    started: ["web"],
    restarted: ["web"],
    running: ["api", "web"],
  });
});

test.each([
  ["nginx", "docker.io/library/nginx:latest"],
  ["busybox:1.36", "docker.io/library/busybox:1.36"],
  ["grafana/grafana", "docker.io/grafana/grafana:latest"],
  ["ghcr.io/x/y:1", "ghcr.io/x/y:1"],
  ["localhost:5000/x", "localhost:5000/x:latest"],
  ["nginx@sha256:00", "docker.io/library/nginx@sha256:00"],
])("%s is known to a runtime as %s", (image, wants) => {
  expect(runtimeImageName(image)).toBe(wants);
});
