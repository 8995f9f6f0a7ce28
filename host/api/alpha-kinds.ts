import { kindsOf } from "./define-kind.ts";
import type * as t from "./generated/types.ts";
import type { Kind } from "./kind.ts";
import { podGroupRules, workloadRules } from "./pod-group.ts";

/** Kinds of versions that are served only when they are asked for, as Kubernetes' `--runtime-config` does. */
const scheduling = kindsOf("scheduling.k8s.io", "v1alpha2");

export const PodGroup = scheduling<t.V1alpha2PodGroup>({
  kind: "PodGroup",
  plural: "podgroups",
  subresources: ["status"],
  ...podGroupRules,
});

export const Workload = scheduling<t.V1alpha2Workload>({
  kind: "Workload",
  plural: "workloads",
  ...workloadRules,
});

/** By name, as in discovery. */
export const ALPHA_KINDS: readonly Kind[] = [PodGroup, Workload] as unknown as readonly Kind[];
