import { describe, expect, test } from "vitest";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Kind } from "./kind.ts";
import * as registry from "./registry.ts";
import { created, type Fields, overwrite, updated } from "./rule-rows.ts";

const metadata = { name: "a", namespace: "default", uid: "u" };
const selector = { matchLabels: { a: "b" } };
const labels = { metadata: { labels: { a: "b" } } };
const podSpec = { containers: [{ name: "c", image: "i" }] };
const template = { ...labels, spec: podSpec };
const onFailure = { ...labels, spec: { ...podSpec, restartPolicy: "OnFailure" } };
const cluster = { metadata: { name: "a", uid: "u" } };

// A good object of each kind.
const GOOD: Readonly<Record<string, object>> = {
  StatefulSet: { metadata, spec: { selector, template } },
  DaemonSet: { metadata, spec: { selector, template } },
  ReplicaSet: { metadata, spec: { selector, template } },
  ReplicationController: { metadata, spec: { template } },
  Job: { metadata, spec: { template: onFailure } },
  CronJob: { metadata, spec: { schedule: "*/5 * * * *", jobTemplate: { spec: { template: onFailure } } } },
  ConfigMap: { metadata },
  Secret: { metadata },
  PersistentVolumeClaim: {
    metadata,
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  },
  PersistentVolume: {
    ...cluster,
    spec: { accessModes: ["ReadWriteOnce"], capacity: { storage: "1Gi" }, hostPath: { path: "/a" } },
  },
  HorizontalPodAutoscaler: {
    metadata,
    spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" } },
  },
  PodDisruptionBudget: { metadata, spec: { minAvailable: 1 } },
  Role: { metadata, rules: [{ verbs: ["get"], apiGroups: [""], resources: ["pods"] }] },
  RoleBinding: { metadata, roleRef: { kind: "Role", name: "r" } },
  Ingress: { metadata, spec: { defaultBackend: { service: { name: "web", port: { number: 80 } } } } },
  NetworkPolicy: { metadata, spec: { podSelector: {} } },
  Node: cluster,
  Lease: { metadata, spec: {} },
  PriorityClass: { ...cluster, value: 1 },
  StorageClass: { ...cluster, provisioner: "p" },
  EndpointSlice: { metadata, addressType: "IPv4", endpoints: [{ addresses: ["10.0.0.1"] }] },
  Endpoints: { metadata, subsets: [{ addresses: [{ ip: "10.0.0.1" }] }] },
  ResourceQuota: { metadata, spec: { hard: { pods: "1" } } },
  LimitRange: { metadata, spec: { limits: [{ type: "Container", max: { cpu: "1" } }] } },
  Event: { metadata, involvedObject: { namespace: "default" } },
};

function kindOf(name: string): Kind {
  return registry.KINDS.find((kind) => kind.kind === name && !kind.stored)!;
}

test.each(Object.keys(GOOD))("a good %s, and the same again", (name) => {
  expect(created(kindOf(name), overwrite(GOOD[name]! as KubernetesObject, {}))).toEqual([]);
  expect(updated(kindOf(name), GOOD[name]! as KubernetesObject, {})).toEqual([]);
});

// The texts are those captured in api-wire 22 and api-policy 6.5.
describe("what create says of", () => {
  test.each<[string, Fields, string[]]>([
    [
      "StatefulSet",
      { "spec.podManagementPolicy": "Foo" },
      ["spec.podManagementPolicy: Invalid value: \"Foo\": must be 'OrderedReady' or 'Parallel'"],
    ],
    [
      "StatefulSet",
      { "spec.updateStrategy": { type: "OnDelete", rollingUpdate: { partition: 1 } } },
      [
        'spec.updateStrategy.rollingUpdate: Invalid value: {"Partition":1,"MaxUnavailable":null}: only allowed for updateStrategy \'RollingUpdate\'',
      ],
    ],
    [
      "StatefulSet",
      { "spec.persistentVolumeClaimRetentionPolicy.whenScaled": "Foo" },
      [
        'spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Foo": supported values: "Retain", "Delete"',
      ],
    ],
    [
      "DaemonSet",
      { "spec.selector": undefined },
      [
        'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`',
      ],
    ],
    [
      "DaemonSet",
      { "spec.updateStrategy.rollingUpdate": { maxUnavailable: 0 } },
      ["spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"],
    ],
    [
      "DaemonSet",
      { "spec.updateStrategy.rollingUpdate": { maxSurge: 1 } },
      [
        "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero",
      ],
    ],
    [
      "Job",
      { "spec.template.spec.restartPolicy": undefined },
      ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ],
    [
      "Job",
      { "spec.completionMode": "Indexed", "spec.parallelism": 1 },
      ["spec.completions: Required value: when completion mode is Indexed"],
    ],
    [
      "Job",
      { "spec.managedBy": "foo" },
      ['spec.managedBy: Invalid value: "foo": must be a domain-prefixed path (such as "acme.io/foo")'],
    ],
    [
      "CronJob",
      { "spec.schedule": "x" },
      ['spec.schedule: Invalid value: "x": expected exactly 5 fields, found 1: [x]'],
    ],
    [
      "CronJob",
      { "spec.schedule": "61 * * * *" },
      ['spec.schedule: Invalid value: "61 * * * *": end of range (61) above maximum (59): 61'],
    ],
    [
      "CronJob",
      { "spec.schedule": "* * * * 7" },
      ['spec.schedule: Invalid value: "* * * * 7": end of range (7) above maximum (6): 7'],
    ],
    [
      "CronJob",
      { "spec.schedule": "a * * * *" },
      [
        'spec.schedule: Invalid value: "a * * * *": failed to parse int from a: strconv.Atoi: parsing "a": invalid syntax',
      ],
    ],
    [
      "CronJob",
      { "spec.schedule": "*/0 * * * *" },
      ['spec.schedule: Invalid value: "*/0 * * * *": step of range should be a positive number: */0'],
    ],
    [
      "CronJob",
      { "spec.schedule": "@every x" },
      [
        'spec.schedule: Invalid value: "@every x": failed to parse duration @every x: time: invalid duration "x"',
      ],
    ],
    ["CronJob", { "spec.schedule": "0 12 ? JAN MON-FRI" }, []],
    ["CronJob", { "spec.schedule": "@every 1h30m" }, []],
    [
      "CronJob",
      { "spec.timeZone": "Foo/Bar" },
      ['spec.timeZone: Invalid value: "Foo/Bar": unknown time zone Foo/Bar'],
    ],
    [
      "ConfigMap",
      { data: { a: "x" }, binaryData: { a: "eA==" } },
      ['data[a]: Invalid value: "a": duplicate of key present in binaryData'],
    ],
    [
      "ConfigMap",
      { data: { "a b": "x" } },
      [
        "data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
      ],
    ],
    [
      "ConfigMap",
      { data: { a: "x".repeat(1_048_577) } },
      ["[]: Too long: may not be more than 1048576 bytes"],
    ],
    [
      "Secret",
      { type: "kubernetes.io/tls" },
      ["data[tls.crt]: Required value", "data[tls.key]: Required value"],
    ],
    [
      "Secret",
      { type: "kubernetes.io/dockerconfigjson", stringData: { ".dockerconfigjson": "" } },
      ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": unexpected end of JSON input'],
    ],
    [
      "PersistentVolumeClaim",
      { spec: {} },
      [
        "spec.accessModes: Required value: at least 1 access mode is required",
        "spec.resources[storage]: Required value",
      ],
    ],
    [
      "PersistentVolume",
      { "spec.hostPath": undefined, "spec.capacity": undefined },
      ["spec.capacity: Required value", "spec: Required value: must specify a volume type"],
    ],
    [
      "PersistentVolume",
      { "spec.nfs": { server: "s", path: "/" } },
      ["spec.nfs: Forbidden: may not specify more than 1 volume type"],
    ],
    [
      "HorizontalPodAutoscaler",
      { "spec.maxReplicas": 0, "spec.scaleTargetRef": {} },
      [
        "spec.maxReplicas: Required value: must be set and greater than 0",
        "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
        "spec.scaleTargetRef.kind: Required value",
        "spec.scaleTargetRef.name: Required value",
      ],
    ],
    [
      "PodDisruptionBudget",
      { "spec.maxUnavailable": 1 },
      [
        'spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set',
      ],
    ],
    [
      "Role",
      { rules: [{ resources: ["pods"] }] },
      [
        "rules[0].verbs: Required value: verbs must contain at least one value",
        "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
      ],
    ],
    [
      "RoleBinding",
      { roleRef: { kind: "X" } },
      [
        'roleRef.kind: Unsupported value: "X": supported values: "Role", "ClusterRole"',
        "roleRef.name: Required value",
      ],
    ],
    [
      "Ingress",
      { spec: {} },
      ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"],
    ],
    [
      "Ingress",
      { "spec.rules": [{ host: "1.2.3.4", http: { paths: [{ path: "a", pathType: "Exact" }] } }] },
      [
        'spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
        'spec.rules[0].http.paths[0].path: Invalid value: "a": must be an absolute path',
        'spec.rules[0].http.paths[0].backend: Invalid value: "": resource or service backend is required',
      ],
    ],
    [
      "NetworkPolicy",
      { "spec.ingress": [{ from: [{}, { ipBlock: { cidr: "10.0.0.0/8", except: ["11.0.0.0/8"] } }] }] },
      [
        "spec.ingress[0].from[0]: Required value: must specify a peer",
        'spec.ingress[0].from[1].ipBlock.except[0]: Invalid value: "11.0.0.0/8": must be a strict subset of `cidr`',
      ],
    ],
    [
      "NetworkPolicy",
      { "spec.ingress": [{ ports: [{ port: 5, endPort: 4 }] }] },
      ["spec.ingress[0].ports[0].endPort: Invalid value: 5: must be greater than or equal to `port`"],
    ],
    [
      "Node",
      { "spec.taints": [{ key: "k", effect: "X" }] },
      [
        'metadata.taints[0].effect: Unsupported value: "X": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
      ],
    ],
    [
      "Node",
      { "spec.taints": [0, 1].map(() => ({ key: "c", effect: "NoSchedule" })) },
      [
        'metadata.taints[1]: Duplicate value: {"Key":"c","Value":"","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair',
      ],
    ],
    [
      "Lease",
      { "spec.leaseDurationSeconds": 0 },
      ["spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"],
    ],
    [
      "PriorityClass",
      { "metadata.name": "system-x" },
      [
        "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-x is not a known system priority class",
      ],
    ],
    [
      "PriorityClass",
      { value: 2_000_000_000 },
      ["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"],
    ],
    [
      "EndpointSlice",
      { endpoints: [{ addresses: [] }, { addresses: ["127.0.0.1"] }] },
      [
        "endpoints[0].addresses: Required value: must contain at least 1 address",
        'endpoints[1].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      ],
    ],
    ["Endpoints", { "metadata.name": "kubernetes", subsets: [{ addresses: [{ ip: "127.0.0.1" }] }] }, []],
    [
      "Endpoints",
      { subsets: [{}] },
      ["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"],
    ],
    [
      "ResourceQuota",
      { "spec.hard": { foo: "1", pods: "1500m" } },
      [
        'spec.hard[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
        'spec.hard[foo]: Invalid value: "foo": must be a standard resource for quota',
        'spec.hard[pods]: Invalid value: "1500m": must be an integer',
      ],
    ],
    [
      "LimitRange",
      { "spec.limits": [{ type: "Container", min: { cpu: "2" }, max: { cpu: "1" }, default: { cpu: "2" } }] },
      [
        'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
        'spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than max value 1',
        'spec.limits[0].default[cpu]: Invalid value: "2": default value 2 is greater than max value 1',
      ],
    ],
    [
      "Event",
      { "involvedObject.namespace": "other" },
      ['involvedObject.namespace: Invalid value: "other": does not match event.namespace'],
    ],
  ])("%s with %j", (name, fields, wants) => {
    expect(created(kindOf(name), overwrite(GOOD[name]! as KubernetesObject, fields))).toEqual(wants);
  });
});

describe("what update says of", () => {
  test.each<[string, Fields, string[]]>([
    [
      "StatefulSet",
      { "spec.serviceName": "other" },
      [
        "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
      ],
    ],
    ["StatefulSet", { "spec.replicas": 3, "spec.template.spec.containers.0.image": "j" }, []],
    ["Job", { "spec.completions": 5 }, ["spec.completions: Invalid value: 5: field is immutable"]],
    ["Job", { "spec.parallelism": 5, "spec.suspend": true }, []],
    ["Secret", { type: "foo" }, ['type: Invalid value: "foo": field is immutable']],
    [
      "RoleBinding",
      { roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" } },
      [
        'roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"ClusterRole","Name":"view"}: cannot change roleRef',
      ],
    ],
    ["PriorityClass", { value: 2 }, ["value: Forbidden: may not be changed in an update."]],
    ["StorageClass", { provisioner: "q" }, ['provisioner: Invalid value: "q": field is immutable']],
    [
      "PersistentVolumeClaim",
      { "spec.accessModes": ["ReadWriteMany"] },
      [
        "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
      ],
    ],
    ["PersistentVolumeClaim", { "spec.volumeName": "pv" }, []],
    [
      "PersistentVolume",
      { "spec.hostPath.path": "/b" },
      ["spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation"],
    ],
  ])("%s with %j", (name, fields, wants) => {
    expect(updated(kindOf(name), GOOD[name]! as KubernetesObject, fields)).toEqual(wants);
  });

  test("an immutable ConfigMap: labels only", () => {
    const held = { metadata, data: { a: "x" }, immutable: true } as KubernetesObject;
    expect(updated(registry.ConfigMap, held, { "metadata.labels": { a: "b" } })).toEqual([]);
    expect(updated(registry.ConfigMap, held, { "data.a": "y", immutable: false })).toEqual([
      "immutable: Forbidden: field is immutable when `immutable` is set",
      "data: Forbidden: field is immutable when `immutable` is set",
    ]);
  });
});
