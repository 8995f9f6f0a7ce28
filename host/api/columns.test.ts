import { describe, expect, test } from "vitest";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { formatDuration } from "./duration.ts";
import * as registry from "./registry.ts";

const NOW = "2026-01-02T00:00:00Z";
const nowMs = Date.parse(NOW);
const metadata = { name: "a", namespace: "default", creationTimestamp: "2026-01-01T23:55:00Z" };

/** Cells of one object, as `kubectl get -o wide` shows them; those from `column` on. */
function row(apiVersion: string, kind: string, object: object): string {
  const of = registry.findKindByName(apiVersion, kind)!;
  const whole = { metadata, ...object } as KubernetesObject;
  return of.columns!.map((column) => column.cell(whole, nowMs)).join(" | ");
}

const headers = (apiVersion: string, kind: string) =>
  registry
    .findKindByName(apiVersion, kind)!
    .columns!.map((column) => (column.priority ? `${column.name}*` : column.name))
    .join(", ");

test.each([
  ["90s", 90],
  ["119s", 119],
  ["2m", 120],
  ["2m5s", 125],
  ["9m59s", 599],
  ["10m", 605],
  ["179m", 179 * 60 + 59],
  ["3h", 3 * 3600],
  ["7h59m", 8 * 3600 - 1],
  ["8h", 8 * 3600 + 59],
  ["47h", 48 * 3600 - 1],
  ["2d", 48 * 3600],
  ["7d23h", 8 * 86400 - 1],
  ["8d", 8 * 86400],
  ["729d", 730 * 86400 - 1],
  ["2y", 730 * 86400],
  ["2y1d", 731 * 86400],
  ["8y", 8 * 365 * 86400 + 86400],
  ["0s", -1],
  ["<invalid>", -2],
])("%s is %d seconds", (text, seconds) => {
  expect(formatDuration(seconds * 1000)).toBe(text);
});

// Source: api-wire 13.
test.each([
  ["v1", "Pod", "Name, Ready, Status, Restarts, Age, IP*, Node*, Nominated Node*, Readiness Gates*"],
  ["v1", "Service", "Name, Type, Cluster-IP, External-IP, Port(s), Age, Selector*"],
  [
    "v1",
    "Node",
    "Name, Status, Roles, Age, Version, Internal-IP*, External-IP*, OS-Image*, Kernel-Version*, Container-Runtime*",
  ],
  ["apps/v1", "Deployment", "Name, Ready, Up-to-date, Available, Age, Containers*, Images*, Selector*"],
  ["apps/v1", "ReplicaSet", "Name, Desired, Current, Ready, Age, Containers*, Images*, Selector*"],
  [
    "apps/v1",
    "DaemonSet",
    "Name, Desired, Current, Ready, Up-to-date, Available, Node Selector, Age, Containers*, Images*, Selector*",
  ],
  ["batch/v1", "Job", "Name, Status, Completions, Duration, Age, Containers*, Images*, Selector*"],
  [
    "v1",
    "Event",
    "Last Seen, Type, Reason, Object, Subobject*, Source*, Message, First Seen*, Count*, Name*",
  ],
  [
    "v1",
    "PersistentVolume",
    "Name, Capacity, Access Modes, Reclaim Policy, Status, Claim, StorageClass, VolumeAttributesClass, Reason, Age, VolumeMode*",
  ],
  ["discovery.k8s.io/v1", "EndpointSlice", "Name, AddressType, Ports, Endpoints, Age"],
])("%s %s shows %s", (apiVersion, kind, wants) => {
  expect(headers(apiVersion, kind)).toBe(wants);
});

// A container is written "state:detail ready restarts", e.g. "waiting:CrashLoopBackOff - 3".
function container(text: string, index: number) {
  const [what = "", ready, restarts = "0"] = text.split(" ");
  const [state = "", detail] = what.split(":");
  const states: Readonly<Record<string, object>> = {
    waiting: { waiting: { reason: detail } },
    running: { running: {} },
    done: { terminated: { exitCode: 0, reason: "Completed" } },
    failed: { terminated: { exitCode: 1, reason: detail } },
    exit: { terminated: { exitCode: Number(detail) } },
    signal: { terminated: { exitCode: 137, signal: Number(detail) } },
  };
  return {
    name: `c${index}`,
    ready: ready === "ready",
    restartCount: Number(restarts),
    state: states[state],
    ...(restarts === "0"
      ? {}
      : { lastState: { terminated: { exitCode: 1, finishedAt: "2026-01-01T23:59:00Z" } } }),
  };
}

describe("a pod's readiness, status and restarts", () => {
  test.each<
    [string, { phase?: string; init?: string[]; main?: string[]; more?: object; deleted?: true }, string]
  >([
    ["new", { phase: "Pending", main: [] }, "0/1 | Pending | 0"],
    ["running", { phase: "Running", main: ["running ready"] }, "1/1 | Running | 0"],
    [
      "crashing",
      { phase: "Running", main: ["waiting:CrashLoopBackOff - 3"] },
      "0/1 | CrashLoopBackOff | 3 (60s ago)",
    ],
    ["creating", { phase: "Pending", main: ["waiting:ContainerCreating"] }, "0/1 | ContainerCreating | 0"],
    ["completed", { phase: "Succeeded", main: ["done"] }, "0/1 | Completed | 0"],
    ["failed", { phase: "Failed", main: ["failed:Error"] }, "0/1 | Error | 0"],
    ["killed", { phase: "Failed", main: ["signal:9"] }, "0/1 | Signal:9 | 0"],
    ["exited", { phase: "Failed", main: ["exit:3"] }, "0/1 | ExitCode:3 | 0"],
    ["evicted", { phase: "Failed", main: [], more: { reason: "Evicted" } }, "0/1 | Evicted | 0"],
    ["half done, not ready", { phase: "Running", main: ["done", "running ready"] }, "1/2 | NotReady | 0"],
    [
      "half done, ready",
      {
        phase: "Running",
        main: ["done", "running ready"],
        more: { conditions: [{ type: "Ready", status: "True" }] },
      },
      "1/2 | Running | 0",
    ],
    [
      "first init",
      { phase: "Pending", init: ["running", "waiting:PodInitializing"], main: [] },
      "0/1 | Init:0/2 | 0",
    ],
    [
      "second init",
      { phase: "Pending", init: ["done", "waiting:PodInitializing"], main: [] },
      "0/1 | Init:1/2 | 0",
    ],
    [
      "init cannot start",
      { phase: "Pending", init: ["waiting:ErrImagePull"], main: [] },
      "0/1 | Init:ErrImagePull | 0",
    ],
    ["init failed", { phase: "Pending", init: ["failed:Error"], main: [] }, "0/1 | Init:Error | 0"],
    ["init exited", { phase: "Pending", init: ["exit:2"], main: [] }, "0/1 | Init:ExitCode:2 | 0"],
    [
      "gated",
      {
        phase: "Pending",
        main: [],
        more: { conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }] },
      },
      "0/1 | SchedulingGated | 0",
    ],
    ["being deleted", { phase: "Running", main: ["running ready"], deleted: true }, "1/1 | Terminating | 0"],
    ["deleted when done", { phase: "Succeeded", main: ["done"], deleted: true }, "0/1 | Completed | 0"],
    [
      "lost",
      { phase: "Running", main: ["running ready"], more: { reason: "NodeLost" }, deleted: true },
      "1/1 | Unknown | 0",
    ],
  ])("%s", (_name, { phase, init = [], main = [], more, deleted }, wants) => {
    const count = Math.max(main.length, 1);
    const names = (length: number) => Array.from({ length }, (_, index) => ({ name: `c${index}` }));
    const pod = {
      metadata: { ...metadata, ...(deleted ? { deletionTimestamp: NOW } : {}) },
      spec: { containers: names(count), initContainers: names(init.length) },
      status: {
        phase,
        initContainerStatuses: init.map(container),
        containerStatuses: main.map(container),
        ...more,
      },
    };
    expect(row("v1", "Pod", pod)).toBe(`a | ${wants} | 5m | <none> | <none> | <none> | <none>`);
  });
});

describe("cells of", () => {
  const template = { metadata: {}, spec: { containers: [{ name: "c", image: "i:1" }] } };
  const selector = { matchLabels: { b: "2", a: "1" } };
  test.each<[string, string, object, string]>([
    [
      "apps/v1",
      "Deployment",
      {
        spec: { replicas: 3, selector, template },
        status: { readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 },
      },
      "a | 1/3 | 2 | 1 | 5m | c | i:1 | a=1,b=2",
    ],
    [
      "v1",
      "Service",
      {
        spec: {
          type: "LoadBalancer",
          clusterIPs: ["10.96.0.9"],
          ports: [
            { port: 80, nodePort: 30080, protocol: "TCP" },
            { port: 53, protocol: "UDP" },
          ],
        },
        status: { loadBalancer: { ingress: [{ hostname: "localhost" }] } },
      },
      "a | LoadBalancer | 10.96.0.9 | localhost | 80:30080/TCP,53/UDP | 5m | <none>",
    ],
    [
      "v1",
      "Service",
      { spec: { type: "ExternalName", externalName: "example.com" } },
      "a | ExternalName | <none> | example.com | <none> | 5m | <none>",
    ],
    [
      "v1",
      "Node",
      {
        metadata: {
          ...metadata,
          labels: { "node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": "" },
        },
        spec: { unschedulable: true },
        status: {
          conditions: [{ type: "Ready", status: "True" }],
          nodeInfo: { kubeletVersion: "v1.36.2", kernelVersion: "6.1", architecture: "amd64" },
          addresses: [{ type: "InternalIP", address: "10.0.0.1" }],
        },
      },
      "a | Ready,SchedulingDisabled | control-plane,worker | 5m | v1.36.2 | 10.0.0.1 | <none> | <unknown> | 6.1 (amd64) | <unknown>",
    ],
    [
      "v1",
      "Endpoints",
      {
        subsets: [
          {
            addresses: ["1", "2", "3", "4"].map((last) => ({ ip: `10.0.0.${last}` })),
            ports: [{ port: 80 }],
          },
        ],
      },
      "a | 10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more... | 5m",
    ],
    ["discovery.k8s.io/v1", "EndpointSlice", { addressType: "IPv4" }, "a | IPv4 | <unset> | <unset> | 5m"],
    [
      "batch/v1",
      "Job",
      {
        spec: { completions: 3, template, selector },
        status: { succeeded: 1, startTime: "2026-01-01T23:58:00Z" },
      },
      "a | Running | 1/3 | 2m | 5m | c | i:1 | a=1,b=2",
    ],
    [
      "autoscaling/v2",
      "HorizontalPodAutoscaler",
      {
        spec: {
          scaleTargetRef: { kind: "Deployment", name: "web" },
          minReplicas: 1,
          maxReplicas: 3,
          metrics: [
            {
              type: "Resource",
              resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } },
            },
          ],
        },
      },
      "a | Deployment/web | cpu: <unknown>/80% | 1 | 3 | 0 | 5m",
    ],
    [
      "v1",
      "Event",
      {
        involvedObject: { kind: "Pod", name: "web" },
        type: "Normal",
        reason: "Scheduled",
        message: "Successfully assigned\n",
        reportingComponent: "default-scheduler",
        eventTime: "2026-01-01T23:59:30.000000Z",
      },
      "30s | Normal | Scheduled | pod/web |  | default-scheduler | Successfully assigned | 30s | 1 | a",
    ],
    [
      "v1",
      "PersistentVolumeClaim",
      {
        spec: { volumeName: "pv", storageClassName: "fast", volumeMode: "Filesystem" },
        status: {
          phase: "Bound",
          capacity: { storage: "1Gi" },
          accessModes: ["ReadWriteMany", "ReadWriteOnce"],
        },
      },
      "a | Bound | pv | 1Gi | RWO,RWX | fast | <unset> | 5m | Filesystem",
    ],
    [
      "v1",
      "ResourceQuota",
      { status: { hard: { pods: "5", "limits.cpu": "2" }, used: { pods: "1" } } },
      "a | pods: 1/5 | limits.cpu: 0/2 | 5m",
    ],
    [
      "rbac.authorization.k8s.io/v1",
      "RoleBinding",
      {
        roleRef: { kind: "ClusterRole", name: "view" },
        subjects: [
          { kind: "User", name: "ann" },
          { kind: "User", name: "bob" },
          { kind: "ServiceAccount", namespace: "ns", name: "sa" },
        ],
      },
      "a | ClusterRole/view | 5m | ann, bob |  | ns/sa",
    ],
  ])("%s %s", (apiVersion, kind, object, wants) => {
    expect(row(apiVersion, kind, object)).toBe(wants);
  });
});

test("every kind that can be listed shows its name", () => {
  const nameless = registry.KINDS.filter(
    ({ columns }) => columns !== undefined && !columns.some((column) => column.name === "Name"),
  );
  expect(nameless).toEqual([]);
});
