import { describe, expect, test } from "vitest";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { pullPolicyFor } from "./pod-spec/defaults.ts";
import { qualityOfService } from "./pod-spec/quality-of-service.ts";
import { findKindByName } from "./registry.ts";

const metadata = { name: "a", namespace: "default", uid: "u-1" };
const podSpec = () => ({ containers: [{ name: "c", image: "nginx" }] });
const template = () => ({ metadata: { labels: { a: "b" } }, spec: podSpec() });

/** The object as create would store it, but for admission and allocation. */
function filled(apiVersion: string, kind: string, object: object): Record<string, unknown> {
  const of = findKindByName(apiVersion, kind)!;
  const whole = structuredClone({ metadata, ...object }) as KubernetesObject;
  of.defaults?.(whole);
  of.prepareCreate?.(whole);
  const again = structuredClone(whole);
  of.defaults?.(again);
  expect(again, "defaults of a filled object change nothing").toEqual(whole);
  return whole as unknown as Record<string, unknown>;
}

const CONTAINER = {
  name: "c",
  image: "nginx",
  resources: {},
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
  imagePullPolicy: "Always",
};
const SPEC = {
  containers: [CONTAINER],
  restartPolicy: "Always",
  terminationGracePeriodSeconds: 30,
  dnsPolicy: "ClusterFirst",
  schedulerName: "default-scheduler",
  securityContext: {},
};
const TEMPLATE = { metadata: { labels: { a: "b" } }, spec: SPEC };
const LABELS = {
  a: "b",
  "batch.kubernetes.io/controller-uid": "u-1",
  "batch.kubernetes.io/job-name": "a",
  "controller-uid": "u-1",
  "job-name": "a",
};

// The defaults are those captured in api-wire 21 and api-policy 5.
describe("a minimal", () => {
  test.each<[string, string, object, object]>([
    [
      "v1",
      "Pod",
      { spec: podSpec() },
      {
        metadata: { ...metadata, generation: 1 },
        spec: { ...SPEC, enableServiceLinks: true },
        status: { phase: "Pending", qosClass: "BestEffort" },
      },
    ],
    [
      "apps/v1",
      "Deployment",
      { spec: { template: template() }, status: { replicas: 7 } },
      {
        metadata: { ...metadata, generation: 1 },
        spec: {
          template: TEMPLATE,
          replicas: 1,
          strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "25%", maxSurge: "25%" } },
          revisionHistoryLimit: 10,
          progressDeadlineSeconds: 600,
        },
      },
    ],
    [
      "apps/v1",
      "ReplicaSet",
      { spec: { template: template() } },
      {
        metadata: { ...metadata, generation: 1 },
        spec: { template: TEMPLATE, replicas: 1 },
        status: { replicas: 0 },
      },
    ],
    [
      "apps/v1",
      "StatefulSet",
      { spec: { template: template() } },
      {
        metadata: { ...metadata, generation: 1 },
        spec: {
          template: TEMPLATE,
          replicas: 1,
          podManagementPolicy: "OrderedReady",
          updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } },
          revisionHistoryLimit: 10,
          persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
        },
        status: { replicas: 0, availableReplicas: 0 },
      },
    ],
    [
      "apps/v1",
      "DaemonSet",
      { spec: { template: template() } },
      {
        metadata: {
          ...metadata,
          generation: 1,
          annotations: { "deprecated.daemonset.template.generation": "1" },
        },
        spec: {
          template: TEMPLATE,
          updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
          revisionHistoryLimit: 10,
        },
        status: {
          currentNumberScheduled: 0,
          numberMisscheduled: 0,
          desiredNumberScheduled: 0,
          numberReady: 0,
        },
      },
    ],
    [
      "v1",
      "ReplicationController",
      { spec: { template: template() } },
      {
        metadata: { ...metadata, generation: 1, labels: { a: "b" } },
        spec: { template: TEMPLATE, replicas: 1, selector: { a: "b" } },
        status: { replicas: 0 },
      },
    ],
    [
      "batch/v1",
      "Job",
      { spec: { template: template() } },
      {
        metadata: { ...metadata, generation: 1, labels: { a: "b" } },
        spec: {
          template: { ...TEMPLATE, metadata: { labels: LABELS } },
          parallelism: 1,
          completions: 1,
          backoffLimit: 6,
          completionMode: "NonIndexed",
          suspend: false,
          podReplacementPolicy: "TerminatingOrFailed",
          manualSelector: false,
          selector: { matchLabels: { "batch.kubernetes.io/controller-uid": "u-1" } },
        },
        status: {},
      },
    ],
    [
      "batch/v1",
      "CronJob",
      { spec: { schedule: "@hourly", jobTemplate: { spec: { template: template() } } } },
      {
        metadata: { ...metadata, generation: 1 },
        spec: {
          schedule: "@hourly",
          jobTemplate: { spec: { template: TEMPLATE } },
          concurrencyPolicy: "Allow",
          suspend: false,
          successfulJobsHistoryLimit: 3,
          failedJobsHistoryLimit: 1,
        },
        status: {},
      },
    ],
    [
      "v1",
      "Service",
      { spec: { ports: [{ port: 80 }] } },
      {
        metadata,
        spec: {
          ports: [{ port: 80, protocol: "TCP", targetPort: 80 }],
          type: "ClusterIP",
          sessionAffinity: "None",
          internalTrafficPolicy: "Cluster",
        },
        status: { loadBalancer: {} },
      },
    ],
    [
      "v1",
      "Service",
      { spec: { type: "LoadBalancer", sessionAffinity: "ClientIP" } },
      {
        metadata,
        spec: {
          type: "LoadBalancer",
          sessionAffinity: "ClientIP",
          sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } },
          internalTrafficPolicy: "Cluster",
          externalTrafficPolicy: "Cluster",
          allocateLoadBalancerNodePorts: true,
        },
        status: { loadBalancer: {} },
      },
    ],
    [
      "v1",
      "Secret",
      { data: { a: "eA==", b: "eA==" }, stringData: { a: "hello" } },
      { metadata, type: "Opaque", data: { a: "aGVsbG8=", b: "eA==" } },
    ],
    [
      "v1",
      "Namespace",
      {},
      {
        metadata: { ...metadata, labels: { "kubernetes.io/metadata.name": "a" } },
        spec: { finalizers: ["kubernetes"] },
        status: { phase: "Active" },
      },
    ],
    [
      "networking.k8s.io/v1",
      "NetworkPolicy",
      { spec: { egress: [{ ports: [{ port: 53 }] }] } },
      {
        metadata: { ...metadata, generation: 1 },
        spec: {
          podSelector: {},
          egress: [{ ports: [{ port: 53, protocol: "TCP" }] }],
          policyTypes: ["Ingress", "Egress"],
        },
      },
    ],
    [
      "v1",
      "LimitRange",
      { spec: { limits: [{ type: "Container", max: { cpu: "2" }, min: { memory: "1Mi" } }] } },
      {
        metadata,
        spec: {
          limits: [
            {
              type: "Container",
              max: { cpu: "2" },
              min: { memory: "1Mi" },
              default: { cpu: "2" },
              defaultRequest: { cpu: "2", memory: "1Mi" },
            },
          ],
        },
      },
    ],
  ])("%s %s", (apiVersion, kind, object, wants) => {
    expect(filled(apiVersion, kind, object)).toEqual(wants);
  });

  test("volumes and probes", () => {
    const volumes = [
      { name: "none" },
      { name: "s", secret: { secretName: "s" } },
      { name: "h", hostPath: { path: "/" } },
      { name: "p", projected: { sources: [{ serviceAccountToken: { path: "t" } }] } },
    ];
    const container = { name: "c", image: "i", readinessProbe: { httpGet: { port: 80 } } };
    const pod = filled("v1", "Pod", { spec: { volumes, containers: [container] } });
    expect(pod["spec"]).toMatchObject({
      volumes: [
        { name: "none", emptyDir: {} },
        { name: "s", secret: { secretName: "s", defaultMode: 420 } },
        { name: "h", hostPath: { path: "/", type: "" } },
        {
          name: "p",
          projected: {
            sources: [{ serviceAccountToken: { path: "t", expirationSeconds: 3600 } }],
            defaultMode: 420,
          },
        },
      ],
      containers: [
        {
          readinessProbe: {
            httpGet: { path: "/", port: 80, scheme: "HTTP" },
            timeoutSeconds: 1,
            periodSeconds: 10,
            successThreshold: 1,
            failureThreshold: 3,
          },
        },
      ],
    });
  });

  test("requests come from limits in a pod, but not in a template", () => {
    const spec = { containers: [{ name: "c", image: "i", resources: { limits: { cpu: "1" } } }] };
    const pod = filled("v1", "Pod", { spec });
    expect(pod).toMatchObject({ spec: { containers: [{ resources: { requests: { cpu: "1" } } }] } });
    const deployment = filled("apps/v1", "Deployment", { spec: { template: { spec } } });
    expect(deployment["spec"]).not.toHaveProperty("template.spec.containers.0.resources.requests");
  });
});

test.each([
  ["nginx", "Always"],
  ["nginx:latest", "Always"],
  ["nginx:1.17", "IfNotPresent"],
  ["registry:5000/nginx", "Always"],
  ["registry:5000/nginx:1", "IfNotPresent"],
  ["nginx@sha256:abc", "IfNotPresent"],
])("%s is pulled %s", (image, policy) => {
  expect(pullPolicyFor(image)).toBe(policy);
});

// A container is written "request/limit" of CPU and of memory, `-` for none.
test.each([
  ["BestEffort", ["-/- -/-"]],
  ["Guaranteed", ["1/1 1Gi/1Gi"]],
  ["Guaranteed", ["-/1 -/1Gi", "1000m/1 1024Mi/1Gi"]],
  ["Burstable", ["1/1 -/-"]],
  ["Burstable", ["1/2 1Gi/1Gi"]],
  ["Burstable", ["1/1 1Gi/1Gi", "-/- -/-"]],
  ["BestEffort", ["0/- -/-"]],
])("%s: %j", (wants, containers) => {
  const spec = containers.map((text, index) => {
    const [cpu = "", memory = ""] = text.split(" ");
    const part = (at: 0 | 1) =>
      Object.fromEntries(
        Object.entries({ cpu: cpu.split("/")[at]!, memory: memory.split("/")[at]! }).filter(
          ([, amount]) => amount !== "-",
        ),
      );
    return { name: `c${index}`, resources: { requests: part(0), limits: part(1) } };
  });
  expect(qualityOfService({ containers: spec })).toBe(wants);
});

describe("generation", () => {
  const { defaults, prepareCreate, prepareUpdate, prepareStatusUpdate } = findKindByName(
    "apps/v1",
    "Deployment",
  )!;
  const stored = () => {
    const object = { metadata: { ...metadata }, spec: { template: template() } } as KubernetesObject;
    defaults?.(object);
    prepareCreate?.(object);
    return object;
  };
  test.each<[string, (next: Record<string, unknown>) => void, number]>([
    ["stays when labels change", (next) => Object.assign(next["metadata"]!, { labels: { x: "y" } }), 1],
    ["grows with the spec", (next) => Object.assign(next["spec"]!, { replicas: 5 }), 2],
    ["is not the client's", (next) => Object.assign(next["metadata"]!, { generation: 9 }), 1],
    ["stays when only status is sent", (next) => Object.assign(next, { status: { replicas: 3 } }), 1],
  ])("%s", (_name, change, wants) => {
    const old = stored();
    const next = structuredClone(old);
    change(next as unknown as Record<string, unknown>);
    prepareUpdate?.(next, old);
    expect(next.metadata?.generation).toBe(wants);
    expect(next).not.toHaveProperty("status");
  });

  test("/status changes status and nothing else", () => {
    const old = stored();
    const next = structuredClone(old) as KubernetesObject & { spec: { replicas: number }; status?: object };
    next.spec.replicas = 9;
    next.status = { replicas: 1 };
    prepareStatusUpdate?.(next, old);
    expect(next).toEqual({ ...old, status: { replicas: 1 } });
  });
});
