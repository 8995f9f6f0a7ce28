import { cronJobRules } from "./cron-job.ts";
import { daemonSetRules } from "./daemon-set.ts";
import { kindsOf } from "./define-kind.ts";
import { deploymentRules } from "./deployment.ts";
import type * as t from "./generated/types.ts";
import { autoscalerConversion, autoscalerRules, autoscalerV1Rules } from "./horizontal-pod-autoscaler.ts";
import { jobRules } from "./job.ts";
import { controllerRevisionRules, runtimeClassRules } from "./plain-columns.ts";
import { podDisruptionBudgetRules } from "./pod-disruption-budget.ts";
import { priorityClassRules } from "./priority-class.ts";
import { replicaSetRules } from "./replica-set.ts";
import { statefulSetRules } from "./stateful-set.ts";

/** The kinds that run and keep pods running: apps, batch, autoscaling, policy, scheduling, node. */
const apps = kindsOf("apps", "v1");
const batch = kindsOf("batch", "v1");
const autoscalingV1 = kindsOf("autoscaling", "v1");
const autoscalingV2 = kindsOf("autoscaling", "v2");
const policy = kindsOf("policy", "v1");
const scheduling = kindsOf("scheduling.k8s.io", "v1");
const node = kindsOf("node.k8s.io", "v1");

export const ControllerRevision = apps<t.V1ControllerRevision>({
  kind: "ControllerRevision",
  plural: "controllerrevisions",
  ...controllerRevisionRules,
});

export const DaemonSet = apps<t.V1DaemonSet>({
  kind: "DaemonSet",
  plural: "daemonsets",
  shortNames: ["ds"],
  categories: ["all"],
  subresources: ["status"],
  generation: true,
  ...daemonSetRules,
});

export const Deployment = apps<t.V1Deployment>({
  kind: "Deployment",
  plural: "deployments",
  shortNames: ["deploy"],
  categories: ["all"],
  subresources: ["scale", "status"],
  generation: true,
  ...deploymentRules,
});

export const ReplicaSet = apps<t.V1ReplicaSet>({
  kind: "ReplicaSet",
  plural: "replicasets",
  shortNames: ["rs"],
  categories: ["all"],
  subresources: ["scale", "status"],
  generation: true,
  ...replicaSetRules,
});

export const StatefulSet = apps<t.V1StatefulSet>({
  kind: "StatefulSet",
  plural: "statefulsets",
  shortNames: ["sts"],
  categories: ["all"],
  subresources: ["scale", "status"],
  generation: true,
  ...statefulSetRules,
});

export const CronJob = batch<t.V1CronJob>({
  kind: "CronJob",
  plural: "cronjobs",
  shortNames: ["cj"],
  categories: ["all"],
  subresources: ["status"],
  generation: true,
  ...cronJobRules,
});

export const Job = batch<t.V1Job>({
  kind: "Job",
  plural: "jobs",
  categories: ["all"],
  subresources: ["status"],
  generation: true,
  ...jobRules,
});

export const HorizontalPodAutoscaler = autoscalingV2<t.V2HorizontalPodAutoscaler>({
  kind: "HorizontalPodAutoscaler",
  plural: "horizontalpodautoscalers",
  shortNames: ["hpa"],
  categories: ["all"],
  subresources: ["status"],
  ...autoscalerRules,
});

export const HorizontalPodAutoscalerV1 = autoscalingV1<t.V1HorizontalPodAutoscaler>({
  kind: "HorizontalPodAutoscaler",
  plural: "horizontalpodautoscalers",
  shortNames: ["hpa"],
  categories: ["all"],
  subresources: ["status"],
  stored: { kind: HorizontalPodAutoscaler, ...autoscalerConversion },
  ...autoscalerV1Rules,
});

export const PodDisruptionBudget = policy<t.V1PodDisruptionBudget>({
  kind: "PodDisruptionBudget",
  plural: "poddisruptionbudgets",
  shortNames: ["pdb"],
  subresources: ["status"],
  requiresResourceVersion: true,
  generation: true,
  ...podDisruptionBudgetRules,
});

export const PriorityClass = scheduling<t.V1PriorityClass>({
  kind: "PriorityClass",
  plural: "priorityclasses",
  cluster: true,
  shortNames: ["pc"],
  generation: true,
  ...priorityClassRules,
});

export const RuntimeClass = node<t.V1RuntimeClass>({
  kind: "RuntimeClass",
  plural: "runtimeclasses",
  cluster: true,
  createOnUpdate: true,
  requiresResourceVersion: true,
  ...runtimeClassRules,
});
