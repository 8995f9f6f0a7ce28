import { forbiddenField, invalid, required } from "../apimachinery/field-error.ts";
import type { V1Pod } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { podColumns, podRowConditions } from "./pod-columns.ts";
import { defaultOwnPodSpec, defaultPodSpec } from "./pod-spec/defaults.ts";
import { mergeMatchLabelKeys } from "./pod-spec/match-label-keys.ts";
import { qualityOfService } from "./pod-spec/quality-of-service.ts";
import { validatePodSpec } from "./pod-spec/validate.ts";
import { nameWarnings, podSpecWarnings } from "./pod-spec/warnings.ts";
import { validatePodUpdate } from "./pod-update.ts";

/** Set by a kubelet on the mirror of a static pod. */
const MIRROR = "kubernetes.io/config.mirror";

const GATED = {
  type: "PodScheduled",
  status: "False",
  reason: "SchedulingGated",
  message: "Scheduling is blocked due to non-empty scheduling gates",
};

/** Source: api-policy 5.1, 6.4; api-wire 13, 20. */
export const podRules: KindRules<V1Pod> = {
  defaults(pod) {
    if (pod.spec !== undefined) {
      defaultOwnPodSpec(pod.spec);
      defaultPodSpec(pod.spec);
    }
    // The single address and the list of addresses are two views of one thing.
    if (pod.status?.podIP && !pod.status.podIPs?.length) pod.status.podIPs = [{ ip: pod.status.podIP }];
    if (pod.status?.hostIP && !pod.status.hostIPs?.length) pod.status.hostIPs = [{ ip: pod.status.hostIP }];
  },
  prepareCreate(pod) {
    const { spec } = pod;
    if (spec === undefined) return;
    if ((spec.terminationGracePeriodSeconds ?? 0) < 0) spec.terminationGracePeriodSeconds = 1;
    mergeMatchLabelKeys(spec, pod.metadata?.labels ?? {});
    pod.status = {
      phase: "Pending",
      qosClass: qualityOfService(spec),
      ...(spec.schedulingGates?.length ? { conditions: [GATED] } : {}),
    };
  },
  prepareStatusUpdate(pod, old) {
    const { qosClass } = old.status ?? {};
    if (qosClass !== undefined) pod.status = { ...pod.status, qosClass: pod.status?.qosClass || qosClass };
  },
  validate(pod) {
    const { spec, metadata } = pod;
    if (spec === undefined) return [required("spec.containers")];
    const errors = validatePodSpec("spec", spec);
    const mirror = metadata?.annotations?.[MIRROR];
    if (mirror !== undefined && !spec.nodeName) {
      const why = "must set spec.nodeName if mirror pod annotation is set";
      errors.unshift(invalid(`metadata.annotations[${MIRROR}]`, mirror, why));
    }
    return errors;
  },
  validateCreate: ({ spec }) =>
    spec?.ephemeralContainers?.length
      ? [forbiddenField("spec.ephemeralContainers", "cannot be set on create")]
      : [],
  warnings: (pod, old) => [
    ...nameWarnings(pod, old, "the Pod's hostname"),
    ...podSpecWarnings("spec", pod.spec),
  ],
  validateUpdate: validatePodUpdate,
  columns: podColumns,
  rowConditions: podRowConditions,
  selectableFieldNames: [
    "spec.nodeName",
    "spec.host",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.podIPs",
    "status.nominatedNodeName",
  ],
  selectableFields({ spec, status }) {
    const addresses = status?.podIPs ?? [];
    return {
      "spec.nodeName": spec?.nodeName ?? "",
      "spec.host": spec?.nodeName ?? "",
      "spec.restartPolicy": spec?.restartPolicy ?? "",
      "spec.schedulerName": spec?.schedulerName ?? "",
      "spec.serviceAccountName": spec?.serviceAccountName ?? "",
      "spec.hostNetwork": String(spec?.hostNetwork ?? false),
      "status.phase": status?.phase ?? "",
      "status.podIP": addresses[0]?.ip ?? status?.podIP ?? "",
      "status.podIPs": addresses[0]?.ip ?? status?.podIP ?? "",
      "status.nominatedNodeName": status?.nominatedNodeName ?? "",
    };
  },
};
