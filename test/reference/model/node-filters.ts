import type { V1Node, V1Pod, V1Taint, V1Toleration } from "../../../host/api/generated/types.ts";
import { type Plugin, podsThen, refuse, refuseForNow, type Scores } from "./cycle.ts";
import { normalizeDefault } from "./normalize.ts";
import { remembered } from "./remember.ts";

/**
 * Reference model of NodeUnschedulable, NodeName, TaintToleration, NodePorts and NodeDeclaredFeatures, written from
 * shared/spec/scheduling.md 2.1 to 2.5, 2.14 and 3.3.
 */
export function tolerates(toleration: V1Toleration, taint: V1Taint): boolean {
  if ((toleration.effect ?? "") !== "" && toleration.effect !== taint.effect) return false;
  if ((toleration.key ?? "") !== "" && toleration.key !== taint.key) return false;
  if (toleration.operator === "Exists") return true;
  return (
    ["", "Equal", undefined].includes(toleration.operator) && (toleration.value ?? "") === (taint.value ?? "")
  );
}

const isTolerated = (pod: V1Pod, taint: V1Taint) =>
  (pod.spec!.tolerations ?? []).some((one) => tolerates(one, taint));

export function toleratesHardTaints(pod: V1Pod, node: V1Node): boolean {
  const hard = (node.spec?.taints ?? []).filter(({ effect }) => ["NoSchedule", "NoExecute"].includes(effect));
  return hard.every((taint) => isTolerated(pod, taint));
}

const CORDON: V1Taint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

export const nodeUnschedulable: Plugin = {
  filter: ({ pod }, { node }) =>
    node.spec?.unschedulable && !isTolerated(pod, CORDON) ? refuse("node(s) were unschedulable") : undefined,
};

export const nodeName: Plugin = {
  filter: ({ pod }, { node }) =>
    pod.spec!.nodeName && pod.spec!.nodeName !== node.metadata!.name
      ? refuse("node(s) didn't match the requested node name")
      : undefined,
};

export const taintToleration: Plugin = {
  filter: ({ pod }, { node }) =>
    toleratesHardTaints(pod, node) ? undefined : refuse("node(s) had untolerated taint(s)"),
  score: ({ pod }, feasible): Scores => {
    const able = (pod.spec!.tolerations ?? []).filter(
      (one) => !one.effect || one.effect === "PreferNoSchedule",
    );
    const raw = feasible.map(({ node }) => {
      const soft = (node.spec?.taints ?? []).filter((one) => one.effect === "PreferNoSchedule");
      return soft.filter((taint) => !able.some((one) => tolerates(one, taint))).length;
    });
    return [raw, normalizeDefault(raw, true)];
  },
};

export const hostPorts = remembered((pod: V1Pod): { ip: string; protocol: string; port: number }[] => {
  const sidecars = (pod.spec!.initContainers ?? []).filter((one) => one.restartPolicy === "Always");
  return [...pod.spec!.containers, ...sidecars]
    .flatMap((one) => one.ports ?? [])
    .map((one) => ({
      ip: one.hostIP || "0.0.0.0",
      protocol: one.protocol || "TCP",
      port: one.hostPort || (pod.spec!.hostNetwork ? one.containerPort : 0),
    }))
    .filter((one) => one.port > 0);
});

export const nodePorts: Plugin = {
  filter: ({ pod }, place, moved) => {
    const used = podsThen(place, moved).flatMap(hostPorts);
    const collides = hostPorts(pod).some((want) =>
      used.some(
        (use) =>
          want.port === use.port &&
          want.protocol === use.protocol &&
          (want.ip === use.ip || want.ip === "0.0.0.0" || use.ip === "0.0.0.0"),
      ),
    );
    return collides ? refuseForNow("node(s) didn't have free ports for the requested pod ports") : undefined;
  },
};

function requiredFeatures({ spec }: V1Pod): string[] {
  const rules = [...spec!.containers, ...(spec!.initContainers ?? [])].flatMap(
    (one) => one.restartPolicyRules ?? [],
  );
  return [
    ...(rules.some((rule) => rule.action === "RestartAllContainers")
      ? ["RestartAllContainersOnContainerExits"]
      : []),
    ...(spec!.hostNetwork && spec!.hostUsers === false ? ["UserNamespacesHostNetworkSupport"] : []),
  ];
}

export const nodeDeclaredFeatures: Plugin = {
  filter: ({ pod }, { node }) =>
    requiredFeatures(pod).every((one) => node.status?.declaredFeatures?.includes(one))
      ? undefined
      : refuse("node(s) didn't match Pod's required features"),
};
