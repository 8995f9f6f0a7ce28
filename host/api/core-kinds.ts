import { configMapRules } from "./config-map.ts";
import { kindsOf, proxySubresource } from "./define-kind.ts";
import { endpointsRules } from "./endpoints.ts";
import { eventRules } from "./event.ts";
import type * as t from "./generated/types.ts";
import { limitRangeRules } from "./limit-range.ts";
import { namespaceRules } from "./namespace.ts";
import { nodeRules } from "./node.ts";
import { persistentVolumeRules } from "./persistent-volume.ts";
import { persistentVolumeClaimRules } from "./persistent-volume-claim.ts";
import { componentStatusRules, nameAndAge } from "./plain-columns.ts";
import { podRules } from "./pod.ts";
import { podTemplateRules } from "./pod-template.ts";
import { replicationControllerRules } from "./replica-set.ts";
import { resourceQuotaRules } from "./resource-quota.ts";
import { secretRules } from "./secret.ts";
import { serviceRules } from "./service.ts";

/** The kinds of the core group. */
const core = kindsOf("", "v1");

export const Binding = core<t.V1Binding>({ kind: "Binding", plural: "bindings", verbs: ["create"] });

export const ComponentStatus = core<t.V1ComponentStatus>({
  kind: "ComponentStatus",
  plural: "componentstatuses",
  cluster: true,
  shortNames: ["cs"],
  verbs: ["get", "list"],
  ...componentStatusRules,
});

export const ConfigMap = core<t.V1ConfigMap>({
  kind: "ConfigMap",
  plural: "configmaps",
  shortNames: ["cm"],
  ...configMapRules,
});

export const Endpoints = core<t.V1Endpoints>({
  kind: "Endpoints",
  plural: "endpoints",
  shortNames: ["ep"],
  createOnUpdate: true,
  ...endpointsRules,
});

export const Event = core<t.CoreV1Event>({
  kind: "Event",
  plural: "events",
  shortNames: ["ev"],
  createOnUpdate: true,
  ...eventRules,
});

export const LimitRange = core<t.V1LimitRange>({
  kind: "LimitRange",
  plural: "limitranges",
  shortNames: ["limits"],
  createOnUpdate: true,
  ...limitRangeRules,
});

export const Namespace = core<t.V1Namespace>({
  kind: "Namespace",
  plural: "namespaces",
  cluster: true,
  shortNames: ["ns"],
  verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
  subresources: ["finalize", "status"],
  ...namespaceRules,
});

export const Node = core<t.V1Node>({
  kind: "Node",
  plural: "nodes",
  cluster: true,
  shortNames: ["no"],
  subresources: [proxySubresource("Node"), "status"],
  ...nodeRules,
});

export const PersistentVolumeClaim = core<t.V1PersistentVolumeClaim>({
  kind: "PersistentVolumeClaim",
  plural: "persistentvolumeclaims",
  shortNames: ["pvc"],
  subresources: ["status"],
  ...persistentVolumeClaimRules,
});

export const PersistentVolume = core<t.V1PersistentVolume>({
  kind: "PersistentVolume",
  plural: "persistentvolumes",
  cluster: true,
  shortNames: ["pv"],
  subresources: ["status"],
  ...persistentVolumeRules,
});

export const Pod = core<t.V1Pod>({
  kind: "Pod",
  plural: "pods",
  shortNames: ["po"],
  categories: ["all"],
  subresources: [
    "attach",
    "binding",
    "ephemeralcontainers",
    "eviction",
    "exec",
    "log",
    "portforward",
    proxySubresource("Pod"),
    "resize",
    "status",
  ],
  generation: true,
  ...podRules,
});

export const PodTemplate = core<t.V1PodTemplate>({
  kind: "PodTemplate",
  plural: "podtemplates",
  generation: true,
  ...podTemplateRules,
});

export const ReplicationController = core<t.V1ReplicationController>({
  kind: "ReplicationController",
  plural: "replicationcontrollers",
  shortNames: ["rc"],
  categories: ["all"],
  subresources: ["scale", "status"],
  generation: true,
  ...replicationControllerRules,
});

export const ResourceQuota = core<t.V1ResourceQuota>({
  kind: "ResourceQuota",
  plural: "resourcequotas",
  shortNames: ["quota"],
  subresources: ["status"],
  ...resourceQuotaRules,
});

export const Secret = core<t.V1Secret>({
  kind: "Secret",
  plural: "secrets",
  ...secretRules,
});

export const ServiceAccount = core<t.V1ServiceAccount>({
  kind: "ServiceAccount",
  plural: "serviceaccounts",
  shortNames: ["sa"],
  subresources: ["token"],
  ...nameAndAge,
});

export const Service = core<t.V1Service>({
  kind: "Service",
  plural: "services",
  shortNames: ["svc"],
  categories: ["all"],
  subresources: [proxySubresource("Service"), "status"],
  createOnUpdate: true,
  ...serviceRules,
});
