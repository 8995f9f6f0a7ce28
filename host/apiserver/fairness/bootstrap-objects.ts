import {
  EVERYBODY,
  everything,
  MANDATORY_LEVELS,
  MANDATORY_SCHEMAS,
} from "../../api/flow-control/mandatory.ts";
import type * as t from "../../api/generated/types.ts";

/**
 * The priority levels and flow schemas a cluster begins with. Whoever may change the suggested ones does; the mandatory
 * ones are made again when they go. Source: api-policy 9.1.
 */
export const SUGGESTED_LEVELS: Readonly<Record<string, t.V1PriorityLevelConfigurationSpec>> = {
  system: queued(30, 33, 64),
  "node-high": queued(40, 25, 64),
  "leader-election": queued(10, 0, 16, 4),
  "workload-high": queued(40, 50, 128),
  "workload-low": queued(100, 90, 128),
  "global-default": queued(20, 50, 128),
};

function queued(
  nominalConcurrencyShares: number,
  lendablePercent: number,
  queues: number,
  handSize = 6,
): t.V1PriorityLevelConfigurationSpec {
  const limitResponse = { type: "Queue", queuing: { queues, handSize, queueLengthLimit: 50 } };
  return { type: "Limited", limited: { nominalConcurrencyShares, limitResponse, lendablePercent } };
}

const NODES: t.FlowcontrolV1Subject[] = [{ kind: "Group", group: { name: "system:nodes" } }];
const KUBE_SYSTEM: t.FlowcontrolV1Subject = {
  kind: "ServiceAccount",
  serviceAccount: { namespace: "kube-system", name: "*" },
};
const user = (name: string): t.FlowcontrolV1Subject => ({ kind: "User", user: { name } });

export const SUGGESTED_SCHEMAS: Readonly<Record<string, t.V1FlowSchemaSpec>> = {
  probes: schema("exempt", 2, undefined, {
    subjects: EVERYBODY,
    nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["/healthz", "/readyz", "/livez"] }],
  }),
  "system-leader-election": schema("leader-election", 100, "ByUser", {
    subjects: [user("system:kube-controller-manager"), user("system:kube-scheduler"), KUBE_SYSTEM],
    resourceRules: [leases(["get", "create", "update"])],
  }),
  "system-node-high": schema("node-high", 400, "ByUser", {
    subjects: NODES,
    resourceRules: [
      {
        verbs: ["*"],
        apiGroups: [""],
        resources: ["nodes", "nodes/status"],
        clusterScope: true,
        namespaces: ["*"],
      },
      leases(["*"]),
    ],
  }),
  "system-nodes": schema("system", 500, "ByUser", everything(NODES)),
  "kube-controller-manager": schema(
    "workload-high",
    800,
    "ByNamespace",
    everything([user("system:kube-controller-manager")]),
  ),
  "kube-scheduler": schema("workload-high", 800, "ByNamespace", everything([user("system:kube-scheduler")])),
  "kube-system-service-accounts": schema("workload-high", 900, "ByNamespace", everything([KUBE_SYSTEM])),
  "service-accounts": schema(
    "workload-low",
    9000,
    "ByUser",
    everything([{ kind: "Group", group: { name: "system:serviceaccounts" } }]),
  ),
  "global-default": schema("global-default", 9900, "ByUser", everything(EVERYBODY)),
};

function schema(
  level: string,
  matchingPrecedence: number,
  distinguisher: "ByUser" | "ByNamespace" | undefined,
  rule: t.V1PolicyRulesWithSubjects,
): t.V1FlowSchemaSpec {
  return {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence,
    ...(distinguisher === undefined ? {} : { distinguisherMethod: { type: distinguisher } }),
    rules: [rule],
  };
}

function leases(verbs: string[]): t.V1ResourcePolicyRule {
  return { verbs, apiGroups: ["coordination.k8s.io"], resources: ["leases"], namespaces: ["*"] };
}

export const BOOTSTRAP_LEVELS = { ...MANDATORY_LEVELS, ...SUGGESTED_LEVELS };
export const BOOTSTRAP_SCHEMAS = { ...MANDATORY_SCHEMAS, ...SUGGESTED_SCHEMAS };
