import { describe, expect, test } from "vitest";
import type * as t from "../generated/types.ts";
import { flowSchemaRules } from "./flow-schema.ts";
import { everything } from "./mandatory.ts";
import { priorityLevelRules } from "./priority-level.ts";

const inWords = (errors: readonly { field: string; message: string }[] | undefined) =>
  (errors ?? []).map(({ field, message }) => `${field}: ${message}`);

describe("PriorityLevelConfiguration", () => {
  const level = (spec: Partial<t.V1PriorityLevelConfigurationSpec>, name = "a") => {
    const object: t.V1PriorityLevelConfiguration = { metadata: { name }, spec: { type: "Limited", ...spec } };
    priorityLevelRules.defaults?.(object);
    return inWords(priorityLevelRules.validate?.(object));
  };
  const queued = (queuing: t.V1QueuingConfiguration) =>
    level({ limited: { limitResponse: { type: "Queue", queuing } } });
  const field = "spec.limited.limitResponse.queuing";

  test.each([
    ["defaults do", queued({}), []],
    ["nothing is said", level({}), ["spec.limited: Required value: must not be empty when type is Limited"]],
    [
      "another type",
      level({ type: "Sometimes" }),
      ['spec.type: Unsupported value: "Sometimes": supported values: "Exempt", "Limited"'],
    ],
    [
      "only one is exempt",
      level({ type: "Exempt" }),
      [`spec.type: Invalid value: "Exempt": type must be 'Exempt' if and only if name is 'exempt'`],
    ],
    [
      "both parts",
      level({ exempt: {}, limited: { limitResponse: { type: "Reject" } } }),
      ["spec.exempt: Forbidden: must be nil if the type is Limited"],
    ],
    [
      "a response that queues without queues",
      level({ limited: { limitResponse: { type: "Queue" } } }),
      [`${field}: Required value: must not be empty if limited.limitResponse.type is Limited`],
    ],
    [
      "a response that rejects, with queues",
      level({ limited: { limitResponse: { type: "Reject", queuing: {} } } }),
      [`${field}: Forbidden: must be nil if limited.limitResponse.type is not Limited`],
    ],
    [
      "shares and percents",
      level({
        limited: {
          nominalConcurrencyShares: -1,
          lendablePercent: 101,
          borrowingLimitPercent: -1,
          limitResponse: { type: "Reject" },
        },
      }),
      [
        "spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer",
        "spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive",
        "spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer",
      ],
    ],
    [
      "negative queues",
      queued({ queues: -1, handSize: -1, queueLengthLimit: -1 }),
      [
        `${field}.queueLengthLimit: Invalid value: -1: must be positive`,
        `${field}.queues: Invalid value: -1: must be positive`,
        `${field}.handSize: Invalid value: -1: must be positive`,
      ],
    ],
    [
      "a hand larger than the deck",
      queued({ queues: 4, handSize: 5 }),
      [`${field}.handSize: Invalid value: 5: should not be greater than queues (4)`],
    ],
    [
      "a hand that takes too many bits",
      queued({ queues: 512, handSize: 8 }),
      [
        `${field}.handSize: Invalid value: 8: required entropy bits of deckSize 512 and handSize 8 should not be greater than 60`,
      ],
    ],
    [
      "what must not change",
      level({ limited: { nominalConcurrencyShares: 6, limitResponse: { type: "Reject" } } }, "catch-all").map(
        (one) => one.replace(/\{.*\}/, "…"),
      ),
      ["spec: Invalid value: …: spec of 'catch-all' must equal the fixed value"],
    ],
    ["what of exempt may", level({ type: "Exempt", exempt: { nominalConcurrencyShares: 3 } }, "exempt"), []],
  ])("%s", (_name, errors, wants) => {
    expect(errors).toEqual(wants);
  });
});

describe("FlowSchema", () => {
  const schema = (spec: Partial<t.V1FlowSchemaSpec>, name = "a") => {
    const object: t.V1FlowSchema = {
      metadata: { name },
      spec: { priorityLevelConfiguration: { name: "system" }, ...spec },
    };
    flowSchemaRules.defaults?.(object);
    return inWords(flowSchemaRules.validate?.(object));
  };
  const group = { kind: "Group", group: { name: "g" } };
  const rule = (one: Partial<t.V1PolicyRulesWithSubjects>) =>
    schema({ rules: [{ ...everything([group]), ...one }] }).map((text) => text.replace("spec.rules[0]", "…"));
  const resource = (one: Partial<t.V1ResourcePolicyRule>) =>
    rule({
      resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], clusterScope: true, ...one }],
    });

  test.each([
    ["nothing but a level", schema({}), []],
    [
      "no level",
      schema({ priorityLevelConfiguration: { name: "" } }),
      ["spec.priorityLevelConfiguration.name: Required value: must reference a priority level"],
    ],
    [
      "precedence of the exempt one",
      schema({ matchingPrecedence: 1 }),
      [
        "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
      ],
    ],
    [
      "precedence above all",
      schema({ matchingPrecedence: 10_001 }),
      ["spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000"],
    ],
    [
      "distinguisher",
      schema({ distinguisherMethod: { type: "ByMoon" } }),
      [
        'spec.distinguisherMethod.type: Unsupported value: "ByMoon": supported values: "ByNamespace", "ByUser"',
      ],
    ],
    [
      "a rule for nobody",
      rule({ subjects: [] }),
      ["….subjects: Required value: subjects must contain at least one value"],
    ],
    [
      "a rule about nothing",
      rule({ resourceRules: [], nonResourceRules: [] }),
      ["…: Required value: at least one of resourceRules and nonResourceRules has to be non-empty"],
    ],
    [
      "a subject of another kind",
      rule({ subjects: [{ kind: "User", group: { name: "g" } }] }),
      [
        "….subjects[0].user: Required value: user is required when subject kind is 'User'",
        "….subjects[0].group: Forbidden: group is forbidden when subject kind is not 'Group'",
      ],
    ],
    [
      "a star beside others",
      resource({ verbs: ["*", "get"] }),
      [
        `….resourceRules[0].verbs: Invalid value: ["*","get"]: if '*' is present, must not specify other verbs`,
      ],
    ],
    [
      "nowhere",
      resource({ clusterScope: false }),
      [
        "….resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace",
      ],
    ],
    [
      "what must not change",
      schema({ matchingPrecedence: 9_999 }, "catch-all").map((one) => one.replace(/\{.*\}/, "…")),
      ["spec: Invalid value: …: spec of 'catch-all' must equal the fixed value"],
    ],
  ])("%s", (_name, errors, wants) => {
    expect(errors).toEqual(wants);
  });
});
