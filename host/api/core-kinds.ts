import { kindsOf, proxySubresource } from "./define-kind.ts";
import type * as t from "./generated/types.ts";

/** The kinds of the core group. */
const core = kindsOf("", "v1");

export const Binding = core<t.V1Binding>({ kind: "Binding", plural: "bindings", verbs: ["create"] });

export const ComponentStatus = core<t.V1ComponentStatus>({
  kind: "ComponentStatus",
  plural: "componentstatuses",
  cluster: true,
  shortNames: ["cs"],
  verbs: ["get", "list"],
});

export const ConfigMap = core<t.V1ConfigMap>({ kind: "ConfigMap", plural: "configmaps", shortNames: ["cm"] });

export const Endpoints = core<t.V1Endpoints>({
  kind: "Endpoints",
  plural: "endpoints",
  shortNames: ["ep"],
  createOnUpdate: true,
});

export const Event = core<t.CoreV1Event>({
  kind: "Event",
  plural: "events",
  shortNames: ["ev"],
  createOnUpdate: true,
});

export const LimitRange = core<t.V1LimitRange>({
  kind: "LimitRange",
  plural: "limitranges",
  shortNames: ["limits"],
  createOnUpdate: true,
});

export const Namespace = core<t.V1Namespace>({
  kind: "Namespace",
  plural: "namespaces",
  cluster: true,
  shortNames: ["ns"],
  verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
  subresources: ["finalize", "status"],
});

export const Node = core<t.V1Node>({
  kind: "Node",
  plural: "nodes",
  cluster: true,
  shortNames: ["no"],
  subresources: [proxySubresource("Node"), "status"],
});

export const PersistentVolumeClaim = core<t.V1PersistentVolumeClaim>({
  kind: "PersistentVolumeClaim",
  plural: "persistentvolumeclaims",
  shortNames: ["pvc"],
  subresources: ["status"],
});

export const PersistentVolume = core<t.V1PersistentVolume>({
  kind: "PersistentVolume",
  plural: "persistentvolumes",
  cluster: true,
  shortNames: ["pv"],
  subresources: ["status"],
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
});

export const PodTemplate = core<t.V1PodTemplate>({ kind: "PodTemplate", plural: "podtemplates" });

export const ReplicationController = core<t.V1ReplicationController>({
  kind: "ReplicationController",
  plural: "replicationcontrollers",
  shortNames: ["rc"],
  categories: ["all"],
  subresources: ["scale", "status"],
});

export const ResourceQuota = core<t.V1ResourceQuota>({
  kind: "ResourceQuota",
  plural: "resourcequotas",
  shortNames: ["quota"],
  subresources: ["status"],
});

export const Secret = core<t.V1Secret>({ kind: "Secret", plural: "secrets" });

export const ServiceAccount = core<t.V1ServiceAccount>({
  kind: "ServiceAccount",
  plural: "serviceaccounts",
  shortNames: ["sa"],
  subresources: ["token"],
});

export const Service = core<t.V1Service>({
  kind: "Service",
  plural: "services",
  shortNames: ["svc"],
  categories: ["all"],
  subresources: [proxySubresource("Service"), "status"],
  createOnUpdate: true,
});
