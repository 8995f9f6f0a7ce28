import type * as t from "../generated/types.ts";

/** Names that always are there, whose spec nobody may change. Source: api-policy 9.1. */
export const EXEMPT = "exempt";
export const CATCH_ALL = "catch-all";

export const EVERYBODY: t.FlowcontrolV1Subject[] = [
  { kind: "Group", group: { name: "system:unauthenticated" } },
  { kind: "Group", group: { name: "system:authenticated" } },
];

/** One rule: these may be after anything. */
export function everything(subjects: t.FlowcontrolV1Subject[]): t.V1PolicyRulesWithSubjects {
  return {
    subjects,
    resourceRules: [
      { verbs: ["*"], apiGroups: ["*"], resources: ["*"], clusterScope: true, namespaces: ["*"] },
    ],
    nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
  };
}

export const MANDATORY_LEVELS: Readonly<Record<string, t.V1PriorityLevelConfigurationSpec>> = {
  [EXEMPT]: { type: "Exempt", exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  [CATCH_ALL]: {
    type: "Limited",
    limited: { nominalConcurrencyShares: 5, limitResponse: { type: "Reject" }, lendablePercent: 0 },
  },
};

export const MANDATORY_SCHEMAS: Readonly<Record<string, t.V1FlowSchemaSpec>> = {
  [EXEMPT]: {
    priorityLevelConfiguration: { name: EXEMPT },
    matchingPrecedence: 1,
    rules: [everything([{ kind: "Group", group: { name: "system:masters" } }])],
  },
  [CATCH_ALL]: {
    priorityLevelConfiguration: { name: CATCH_ALL },
    matchingPrecedence: 10_000,
    distinguisherMethod: { type: "ByUser" },
    rules: [everything(EVERYBODY)],
  },
};
