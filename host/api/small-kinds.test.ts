import { expect, test } from "vitest";
import { parse } from "yaml";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Kind } from "./kind.ts";
import { validateMetadata } from "./metadata.ts";
import * as registry from "./registry.ts";
import { createErrors, inWords, updated } from "./rule-rows.ts";

function object(text: string, kind: Kind, name = "a"): KubernetesObject {
  const metadata = { name, uid: "u", ...(kind.namespaced ? { namespace: "default" } : {}) };
  return { metadata, ...(parse(text) as object) };
}

const CLASS = "{driverName: a.io, parameters: {a: b}}";
const PARENT = "{parentRef: {resource: services, namespace: default, name: a}}";
const OPERATOR = "spec.scopeSelector.matchExpressions";

// A manifest of the kind, and the words of the API server. Source: api-policy 6.3, 6.5; where the sheet says nothing, pkg/apis/*/validation.
test.each<[Kind, string, string[]]>([
  [registry.ServiceCIDR, "spec: {}", ["spec.cidrs: Required value: at least one CIDR required"]],
  [registry.ServiceCIDR, "spec: {cidrs: [10.1.0.0/24, 'fd00::/112']}", []],
  [
    registry.ServiceCIDR,
    "spec: {cidrs: [10.1.0.1/24]}",
    ['spec.cidrs[0]: Invalid value: "10.1.0.1/24": must not have bits set beyond the prefix length'],
  ],
  [
    registry.ServiceCIDR,
    "spec: {cidrs: [x]}",
    ['spec.cidrs[0]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'],
  ],
  [
    registry.ServiceCIDR,
    "spec: {cidrs: [10.1.0.0/24, 10.2.0.0/24]}",
    [
      'spec.cidrs: Invalid value: {"CIDRs":["10.1.0.0/24","10.2.0.0/24"]}: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96',
    ],
  ],
  [registry.IPAddress, "{}", ["spec.parentRef: Required value"]],
  [
    registry.IPAddress,
    "spec: {parentRef: {name: a/b}}",
    [
      "spec.parentRef.resource: Required value",
      "spec.parentRef.name: Invalid value: \"a/b\": may not contain '/'",
    ],
  ],
  [
    registry.PriorityClass,
    "{value: 1, preemptionPolicy: X}",
    ['preemptionPolicy: Unsupported value: "X": supported values: "PreemptLowerPriority", "Never"'],
  ],
  [
    registry.RuntimeClass,
    "{handler: a, overhead: {podFixed: {cpu: '-1'}}}",
    ['overhead.podFixed[cpu]: Invalid value: "-1": must be greater than or equal to 0'],
  ],
  [
    registry.ControllerRevision,
    "revision: -1",
    [
      "revision: Invalid value: -1: must be greater than or equal to 0",
      "data: Required value: data is mandatory",
    ],
  ],
  [
    registry.ResourceQuota,
    "spec: {hard: {pods: '1'}, scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In}, {scopeName: PriorityClass, operator: Exists, values: [x]}]}}",
    [
      `${OPERATOR}.values: Required value: must be at least one value when \`operator\` is 'In' or 'NotIn' for scope selector`,
      `${OPERATOR}.values: Invalid value: ["x"]: must be no value when \`operator\` is 'Exist' or 'DoesNotExist' for scope selector`,
    ],
  ],
  [
    registry.ResourceQuota,
    "spec: {hard: {requests.cpu: '1'}, scopes: [BestEffort]}",
    ['spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource'],
  ],
  [
    registry.ResourceQuota,
    "spec: {hard: {pods: '1'}, scopes: [Terminating, NotTerminating]}",
    ['spec.scopes: Invalid value: ["Terminating","NotTerminating"]: conflicting scopes'],
  ],
  [
    registry.ResourceQuota,
    "spec: {hard: {pods: '1', limits.memory: 1Gi, requests.example.com/gpu: '1'}, scopes: [NotBestEffort]}",
    [],
  ],
  [
    registry.CSINode,
    "spec: {drivers: [{name: a, nodeID: ''}, {name: a, nodeID: n}]}",
    ["spec.drivers[0].nodeID: Required value", 'spec.drivers[1].name: Duplicate value: "a"'],
  ],
  [
    registry.CSIDriver,
    "spec: {fsGroupPolicy: X}",
    [
      'spec.fsGroupPolicy: Unsupported value: "X": supported values: "File", "None", "ReadWriteOnceWithFSType"',
    ],
  ],
  [
    registry.VolumeAttachment,
    "spec: {source: {}}",
    [
      "spec.attacher: Required value",
      "spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName",
      "spec.nodeName: Required value",
    ],
  ],
  [
    registry.VolumeAttributesClass,
    "{}",
    ["driverName: Required value", "parameters: Required value: must have at least one key-value pair"],
  ],
  [registry.VolumeAttributesClass, CLASS, []],
  [registry.CSIStorageCapacity, "{}", ["storageClassName: Required value"]],
  [
    registry.StorageClass,
    "{provisioner: a, parameters: {'': x}}",
    ['parameters: Invalid value: "": field can not be empty.'],
  ],
  [
    registry.StatefulSet,
    "spec: {serviceName: a.b, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}",
    ['spec.serviceName: Invalid value: "a.b": must not contain dots'],
  ],
  [
    registry.Job,
    "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}",
    [
      'spec.selector: Invalid value: {"matchLabels":{"a":"b","batch.kubernetes.io/controller-uid":"u"}}: `selector` not auto-generated',
    ],
  ],
  [
    registry.ResourceClaim,
    "spec: {devices: {requests: [{name: A}, {name: b, exactly: {}}, {name: b, exactly: {deviceClassName: c, count: -1}}], constraints: [{requests: [z]}]}}",
    [
      'spec.devices.requests[2].name: Duplicate value: "b"',
      expect.stringMatching(/^spec\.devices\.requests\[0\]\.name: Invalid value: "A": a lowercase/),
      "spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required",
      "spec.devices.requests[1].exactly.deviceClassName: Required value",
      "spec.devices.requests[2].exactly.count: Invalid value: -1: must be greater than zero",
      "spec.devices.constraints[0].requests[0]: Invalid value: \"z\": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'",
    ] as string[],
  ],
  [
    registry.ResourceClaimTemplate,
    "spec: {spec: {devices: {requests: [{name: a, exactly: {deviceClassName: c}}, {name: b, firstAvailable: [{name: x, deviceClassName: c}]}], constraints: [{requests: [a, b/x]}]}}}",
    [],
  ],
  [
    registry.ResourceSlice,
    "spec: {driver: '', pool: {}, nodeName: n, allNodes: true, devices: [{name: a}, {name: a}]}",
    [
      "spec.driver: Required value",
      "spec.pool.name: Required value",
      "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero",
      "spec: Invalid value: null: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set",
      'spec.devices[1].name: Duplicate value: "a"',
    ],
  ],
  [
    registry.EventsV1Event,
    "{reason: r, action: a, type: Normal, reportingController: c, reportingInstance: i, regarding: {}}",
    ["eventTime: Required value"],
  ],
] as [Kind, string, string[]][])("$0.kind %s", (kind, text, wants) => {
  expect(createErrors(kind, object(text, kind))).toEqual(wants);
});

test.each([
  ["10.0.0.1", []],
  ["fd00::7", []],
  ["10.0.0.01", ['metadata.name: Invalid value: "10.0.0.01": ParseAddr("10.0.0.01"): unable to parse IP']],
  ["x", ['metadata.name: Invalid value: "x": ParseAddr("x"): unable to parse IP']],
  ["FD00::7", ['metadata.name: Invalid value: "FD00::7": must be a canonical format IP address']],
  ["fd00:0::7", ['metadata.name: Invalid value: "fd00:0::7": must be a canonical format IP address']],
])("an IPAddress is named as Go prints it: %s", (name, wants) => {
  const kind = registry.IPAddress as Kind;
  expect(inWords(validateMetadata(kind, object(`spec: ${PARENT}`, kind, name)))).toEqual(wants);
});

test.each<[Kind, string, Record<string, unknown>, string[]]>([
  [registry.ServiceCIDR, "spec: {cidrs: [10.1.0.0/24]}", { "spec.cidrs": ["10.1.0.0/24", "fd00::/112"] }, []],
  [
    registry.ServiceCIDR,
    "spec: {cidrs: [10.1.0.0/24]}",
    { "spec.cidrs": ["10.2.0.0/24"] },
    ['spec.cidrs: Invalid value: ["10.2.0.0/24"]: field is immutable'],
  ],
  [
    registry.IPAddress,
    `spec: ${PARENT}`,
    { "spec.parentRef": { resource: "services", name: "b" } },
    ['spec.parentRef: Invalid value: {"resource":"services","name":"b"}: field is immutable'],
  ],
  [
    registry.VolumeAttributesClass,
    CLASS,
    { driverName: "b.io" },
    ['driverName: Invalid value: "b.io": field is immutable'],
  ],
] as [Kind, string, Record<string, unknown>, string[]][])(
  "$0.kind %s cannot become %j",
  (kind, text, fields, wants) => {
    expect(updated(kind, object(text, kind), fields)).toEqual(wants);
  },
);
