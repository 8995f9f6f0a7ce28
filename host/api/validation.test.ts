import { describe, expect, test } from "vitest";
import type { KubernetesObject } from "../apimachinery/object.ts";
import * as registry from "./registry.ts";
import { created, type Fields, overwrite, updated } from "./rule-rows.ts";

const metadata = { name: "a", namespace: "default", uid: "u" };
const podSpec = { containers: [{ name: "c", image: "i" }] };
const pod = { metadata, spec: podSpec } as KubernetesObject;
const template = { metadata: { labels: { a: "b" } }, spec: podSpec };
const deployment = {
  metadata,
  spec: { selector: { matchLabels: { a: "b" } }, template },
} as KubernetesObject;
const service = { metadata, spec: { ports: [{ port: 80 }] } } as KubernetesObject;

// Each row: a good object of the kind with a few fields overwritten, and the words of the API server. The texts are those captured in api-wire 22 and api-policy 6.4.
describe("pod", () => {
  test.each<[string, Fields, string[]]>([
    ["a good one", {}, []],
    ["no containers", { "spec.containers": [] }, ["spec.containers: Required value"]],
    [
      "an empty container",
      { "spec.containers": [{}] },
      ["spec.containers[0].name: Required value", "spec.containers[0].image: Required value"],
    ],
    [
      "a name twice",
      { "spec.containers.1": { name: "c", image: "i" } },
      ['spec.containers[1].name: Duplicate value: "c"'],
    ],
    [
      "restartPolicy",
      { "spec.restartPolicy": "X" },
      ['spec.restartPolicy: Unsupported value: "X": supported values: "Always", "OnFailure", "Never"'],
    ],
    [
      "dnsPolicy",
      { "spec.dnsPolicy": "X" },
      [
        'spec.dnsPolicy: Unsupported value: "X": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"',
      ],
    ],
    [
      "imagePullPolicy",
      { "spec.containers.0.imagePullPolicy": "X" },
      [
        'spec.containers[0].imagePullPolicy: Unsupported value: "X": supported values: "Always", "IfNotPresent", "Never"',
      ],
    ],
    [
      "ports",
      {
        "spec.containers.0.ports": [{ name: "a" }, { name: "a", containerPort: 70000, protocol: "X" }],
      },
      [
        "spec.containers[0].ports[0].containerPort: Required value",
        'spec.containers[0].ports[1].name: Duplicate value: "a"',
        "spec.containers[0].ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
        'spec.containers[0].ports[1].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
      ],
    ],
    [
      "a host port twice",
      {
        "spec.containers.0.ports": [
          { containerPort: 1, hostPort: 80 },
          { containerPort: 2, hostPort: 80 },
        ],
      },
      ['spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"'],
    ],
    [
      "more than the limit",
      { "spec.containers.0.resources": { requests: { cpu: "2" }, limits: { cpu: "1" } } },
      [
        'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
      ],
    ],
    [
      "an unknown resource",
      { "spec.containers.0.resources": { requests: { foo: "1" } } },
      [
        'spec.containers[0].resources.requests[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
        'spec.containers[0].resources.requests[foo]: Invalid value: "foo": must be a standard resource for containers',
      ],
    ],
    [
      "a negative amount",
      { "spec.containers.0.resources": { requests: { cpu: "-1" } } },
      ['spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0'],
    ],
    [
      "half a device",
      {
        "spec.containers.0.resources": {
          requests: { "example.com/gpu": "1" },
          limits: { "example.com/gpu": "2" },
        },
      },
      [
        'spec.containers[0].resources.requests: Invalid value: "1": must be equal to example.com/gpu limit of 2',
      ],
    ],
    [
      "a mount of nothing, nowhere",
      { "spec.containers.0.volumeMounts": [{ name: "nov" }] },
      [
        'spec.containers[0].volumeMounts[0].name: Not found: "nov"',
        "spec.containers[0].volumeMounts[0].mountPath: Required value",
      ],
    ],
    [
      "a variable without a name",
      { "spec.containers.0.env": [{ value: "x" }] },
      ["spec.containers[0].env[0].name: Required value"],
    ],
    [
      "a variable with two sources",
      {
        "spec.containers.0.env": [
          { name: "A", value: "x", valueFrom: { fieldRef: { fieldPath: "foo.bar" } } },
        ],
      },
      [
        'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "foo.bar": error converting fieldPath: field label not supported: foo.bar',
        'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
      ],
    ],
    [
      "a toleration",
      { "spec.tolerations": [{ key: "k", operator: "Exists", value: "x" }] },
      ["spec.tolerations[0].operator: Invalid value: \"x\": value must be empty when `operator` is 'Exists'"],
    ],
    [
      "a probe of nothing",
      { "spec.containers.0.livenessProbe": {} },
      ["spec.containers[0].livenessProbe: Required value: must specify a handler type"],
    ],
    [
      "a host port on the host's network",
      { "spec.hostNetwork": true, "spec.containers.0.ports": [{ containerPort: 80, hostPort: 81 }] },
      [
        "spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true",
      ],
    ],
    [
      "a node affinity",
      {
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution": {
          nodeSelectorTerms: [{ matchExpressions: [{ key: "k", operator: "Foo" }] }],
        },
      },
      [
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator: Invalid value: "Foo": not a valid selector operator',
      ],
    ],
    [
      "a spread constraint",
      { "spec.topologySpreadConstraints": [{ maxSkew: 0, topologyKey: "", whenUnsatisfiable: "X" }] },
      [
        "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
        "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
        'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "X": supported values: "DoNotSchedule", "ScheduleAnyway"',
      ],
    ],
    [
      "a deadline of nothing",
      { "spec.activeDeadlineSeconds": 0 },
      ["spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"],
    ],
    [
      "a token without an account",
      { "spec.volumes": [{ name: "v", projected: { sources: [{ serviceAccountToken: { path: "t" } }] } }] },
      [
        "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set",
      ],
    ],
    [
      "a mirror of nothing",
      { "metadata.annotations": { "kubernetes.io/config.mirror": "x" } },
      [
        'metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "x": must set spec.nodeName if mirror pod annotation is set',
      ],
    ],
    [
      "two kinds of volume in one",
      { "spec.volumes": [{ name: "v", emptyDir: {}, hostPath: { path: "/a" } }] },
      ["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"],
    ],
  ])("%s", (_name, fields, wants) => {
    expect(created(registry.Pod, overwrite(pod, fields))).toEqual(wants);
  });

  const onlyThese =
    "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n";

  test.each<[string, Fields, string[]]>([
    ["may change its image", { "spec.containers.0.image": "other" }, []],
    ["may gain a toleration", { "spec.tolerations": [{ key: "k", operator: "Exists" }] }, []],
    ["may get a deadline", { "spec.activeDeadlineSeconds": 60 }, []],
    ["may not move", { "spec.nodeName": "other" }, [onlyThese]],
    ["may not ask for more", { "spec.containers.0.resources": { requests: { cpu: "1" } } }, [onlyThese]],
    [
      "may not gain a container",
      { "spec.containers.1": { name: "d", image: "i" } },
      ["spec.containers: Forbidden: pod updates may not add or remove containers"],
    ],
  ])("an existing one %s", (_name, fields, wants) => {
    expect(updated(registry.Pod, pod, fields)).toEqual(wants);
  });
});

describe("deployment", () => {
  test.each<[string, Fields, string[]]>([
    ["a good one", {}, []],
    [
      "no selector",
      { "spec.selector": undefined },
      [
        "spec.selector: Required value",
        'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`',
      ],
    ],
    [
      "an empty selector",
      { "spec.selector": {} },
      ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
    ],
    [
      "a selector for others",
      { "spec.selector": { matchLabels: { a: "c" } } },
      [
        'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`',
      ],
    ],
    [
      "negative replicas",
      { "spec.replicas": -1 },
      ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
    ],
    [
      "pods that end",
      { "spec.template.spec.restartPolicy": "Never" },
      ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ],
    [
      "no room to roll",
      { "spec.strategy.rollingUpdate": { maxSurge: 0, maxUnavailable: 0 } },
      ["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"],
    ],
    [
      "more than all",
      { "spec.strategy.rollingUpdate": { maxUnavailable: "150%" } },
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "150%": must not be greater than 100%'],
    ],
    [
      "no percent",
      { "spec.strategy.rollingUpdate": { maxSurge: "abc" } },
      [
        "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"abc\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
      ],
    ],
    [
      "another strategy",
      { "spec.strategy": { type: "Foo" } },
      [
        'spec.strategy: Unsupported value: {"Type":"Foo","RollingUpdate":null}: supported values: "Recreate", "RollingUpdate"',
      ],
    ],
    [
      "a deadline before it can be ready",
      { "spec.minReadySeconds": 600 },
      ["spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds"],
    ],
  ])("%s", (_name, fields, wants) => {
    expect(created(registry.Deployment, overwrite(deployment, fields))).toEqual(wants);
  });

  test("its selector is for ever", () => {
    const fields = {
      "spec.selector": { matchLabels: { a: "b", z: "1" } },
      "spec.template.metadata.labels": { a: "b", z: "1" },
    };
    expect(updated(registry.Deployment, deployment, fields)).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"a":"b","z":"1"}}: field is immutable',
    ]);
  });
});

describe("service", () => {
  test.each<[string, Fields, string[]]>([
    ["a good one", {}, []],
    ["no ports", { "spec.ports": [] }, ["spec.ports: Required value"]],
    ["headless and without ports", { "spec.ports": [], "spec.clusterIP": "None" }, []],
    [
      "port 0",
      { "spec.ports": [{ port: 0 }] },
      [
        "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
      ],
    ],
    [
      "two ports without names",
      { "spec.ports": [{ port: 80 }, { port: 81 }] },
      ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"],
    ],
    [
      "a port twice",
      {
        "spec.ports": [
          { name: "a", port: 80 },
          { name: "b", port: 80 },
        ],
      },
      [
        'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
      ],
    ],
    [
      "another type",
      { "spec.type": "X" },
      [
        'spec.type: Unsupported value: "X": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      ],
    ],
    [
      "no address",
      { "spec.clusterIP": "foo" },
      [
        'spec.clusterIPs[0]: Invalid value: "foo": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      ],
    ],
    [
      "a node port of none",
      { "spec.ports": [{ port: 80, nodePort: 30080 }] },
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    [
      "an affinity of nothing",
      {
        "spec.sessionAffinity": "ClientIP",
        "spec.sessionAffinityConfig": { clientIP: { timeoutSeconds: 0 } },
      },
      [
        "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than 86400",
      ],
    ],
    [
      "an address of the machine itself",
      { "spec.externalIPs": ["10.0.0.1", "127.0.0.1"] },
      [
        'spec.externalIPs[1]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      ],
    ],
    [
      "nobody's name",
      { "spec.type": "ExternalName", "spec.ports": [] },
      ["spec.externalName: Required value"],
    ],
  ])("%s", (_name, fields, wants) => {
    expect(created(registry.Service, overwrite(service, fields))).toEqual(wants);
  });

  test("its address is for ever", () => {
    const held = overwrite(service, { "spec.clusterIP": "10.0.7.7", "spec.clusterIPs": ["10.0.7.7"] });
    const fields = { "spec.clusterIP": "10.0.7.8", "spec.clusterIPs": ["10.0.7.8"] };
    expect(updated(registry.Service, held, fields)).toEqual([
      'spec.clusterIPs[0]: Invalid value: ["10.0.7.8"]: may not change once set',
    ]);
  });

  test("a node port goes with the type that needs it", () => {
    const held = overwrite(service, {
      "spec.type": "NodePort",
      "spec.ports": [{ port: 80, nodePort: 30080 }],
    });
    expect(updated(registry.Service, held, { "spec.type": "ClusterIP" })).toEqual([]);
  });
});
