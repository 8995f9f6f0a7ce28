import type { V1Pod } from "./generated/types.ts";
import type { KindRules } from "./kind.ts";
import { podColumns, podRowConditions } from "./pod-columns.ts";
import { defaultOwnPodSpec, defaultPodSpec } from "./pod-spec/defaults.ts";
import { mergeMatchLabelKeys } from "./pod-spec/match-label-keys.ts";
import { qualityOfService } from "./pod-spec/quality-of-service.ts";

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
