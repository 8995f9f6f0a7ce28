import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { V1ResourceQuota } from "../api/generated/types.ts";
import type { Kind } from "../api/kind.ts";
import { findKindByName } from "../api/registry.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { type ObservedQuota, reconcileQuota } from "./resource-quota.ts";

const NOW = Date.parse("2026-01-01T00:10:00Z");

/** What is written as used for objects such as `v1/Pod {spec: …}`; undefined when nothing is written. */
function used(hard: string, objects: readonly string[], status = "{}", spec = "") {
  const quota = parse(
    `{metadata: {name: q}, spec: {hard: {${hard}}${spec}}, status: ${status}}`,
  ) as V1ResourceQuota;
  const observed: ObservedQuota["objects"] = objects.map((text) => {
    const [, apiVersion = "", name = "", body = ""] = /^(.*)\/(\w+) (.*)$/.exec(text) ?? [];
    return { kind: findKindByName(apiVersion, name)! as Kind, object: parse(body) as KubernetesObject };
  });
  const change = reconcileQuota({ quota, objects: observed }, NOW).find((one) => one.do === "status");
  if (change?.do !== "status") return undefined;
  return (change.object(undefined) as V1ResourceQuota).status?.used;
}

const pod = (rest: string) =>
  `v1/Pod {spec: {containers: [{name: c, resources: {requests: {cpu: 500m}}}]}, ${rest}}`;

describe("resource quota", () => {
  test.each([
    [
      "pods: '9', cpu: '9', requests.cpu: '9'",
      [pod("status: {}"), pod("status: {phase: Running}")],
      { pods: "2", cpu: "1", "requests.cpu": "1" },
    ],
    [
      "pods: '9', count/pods: '9'",
      [pod("status: {phase: Failed}"), pod("status: {}")],
      { pods: "1", "count/pods": "2" },
    ],
    [
      "pods: '9'",
      [pod('metadata: {deletionTimestamp: "2026-01-01T00:09:00Z", deletionGracePeriodSeconds: 30}')],
      { pods: "0" },
    ],
    [
      "services: '9', services.nodeports: '9', services.loadbalancers: '9'",
      ["v1/Service {spec: {type: LoadBalancer, ports: [{port: 1}, {port: 2}]}}"],
      { services: "1", "services.nodeports": "2", "services.loadbalancers": "1" },
    ],
    [
      "services.nodeports: '9'",
      [
        "v1/Service {spec: {type: LoadBalancer, allocateLoadBalancerNodePorts: false, ports: [{port: 1}, {port: 2, nodePort: 3}]}}",
      ],
      { "services.nodeports": "1" },
    ],
    [
      "requests.storage: 9Gi, persistentvolumeclaims: '9', s.storageclass.storage.k8s.io/requests.storage: 9Gi",
      ["v1/PersistentVolumeClaim {spec: {storageClassName: s, resources: {requests: {storage: 2Gi}}}}"],
      {
        "requests.storage": "2Gi",
        persistentvolumeclaims: "1",
        "s.storageclass.storage.k8s.io/requests.storage": "2Gi",
      },
    ],
    [
      "count/deployments.apps: '9', configmaps: '9'",
      ["apps/v1/Deployment {}", "v1/ConfigMap {}", "v1/ConfigMap {}"],
      { "count/deployments.apps": "1", configmaps: "2" },
    ],
  ])("{%s}", (hard, objects, expected) => {
    expect(used(hard, objects)).toEqual(expected);
  });

  test("writes nothing when nothing is otherwise", () => {
    expect(used("pods: '1'", [], "{hard: {pods: '1'}, used: {pods: '0'}}")).toBeUndefined();
    expect(used("pods: '1'", [], "{hard: {pods: '2'}, used: {pods: '0'}}")).toEqual({ pods: "0" });
  });

  test.each([
    ["scopes: [NotTerminating]", pod("a: b"), "1"],
    ["scopes: [Terminating]", pod("a: b"), "0"],
    ["scopes: [BestEffort]", pod("a: b"), "0"],
    [
      "scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: [high]}]}",
      "v1/Pod {spec: {priorityClassName: high, containers: []}}",
      "1",
    ],
    [
      "scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: DoesNotExist}]}",
      "v1/Pod {spec: {priorityClassName: high, containers: []}}",
      "0",
    ],
    [
      "scopes: [CrossNamespacePodAffinity]",
      "v1/Pod {spec: {containers: [], affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: k, namespaces: [x]}]}}}}",
      "1",
    ],
  ])("%s of %s: %s", (spec, object, count) => {
    expect(used("pods: '9'", [object], "{}", `, ${spec}`)).toEqual({ pods: count });
  });
});
