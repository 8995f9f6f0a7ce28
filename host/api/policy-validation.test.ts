import { expect, test } from "vitest";
import { parse } from "yaml";
import { validatingBindingErrors, validatingPolicyErrors } from "./policy-validation.ts";
import { inWords } from "./rule-rows.ts";

const MATCH =
  "matchConstraints: {resourceRules: [{operations: ['*'], apiGroups: [''], apiVersions: [v1], resources: [configmaps]}]}";

// Source of the texts: api-policy 4.8.
test.each([
  [`{validations: [{expression: 'true'}], ${MATCH}}`, []],
  [
    `{validations: [{expression: "'a'"}], ${MATCH}}`,
    [`spec.validations[0].expression: Invalid value: "'a'": must evaluate to bool but got string`],
  ],
  [
    `{validations: [{expression: "  foo == 1"}], ${MATCH}}`,
    [
      `spec.validations[0].expression: Invalid value: "  foo == 1": compilation failed: ERROR: <input>:1:3: undeclared reference to 'foo' (in container '')\n |   foo == 1\n | ..^`,
    ],
  ],
  [
    `{validations: [{expression: 'true', messageExpression: "1"}], ${MATCH}}`,
    ['spec.validations[0].messageExpression: Invalid value: "1": must evaluate to string but got int'],
  ],
  [
    `{validations: [{expression: 'true', reason: Unauthorized}], ${MATCH}}`,
    [
      'spec.validations[0].reason: Unsupported value: "Unauthorized": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"',
    ],
  ],
  [
    `{${MATCH}}`,
    [
      "spec.validations: Required value: validations or auditAnnotations must contain at least one item",
      "spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item",
    ],
  ],
  [
    `{auditAnnotations: [{key: a, valueExpression: "1"}], ${MATCH}}`,
    [
      'spec.auditAnnotations[0].valueExpression: Invalid value: "1": must evaluate to one of [string null_type] but got int',
    ],
  ],
  [
    `{validations: [{expression: 'true'}], variables: [{name: a-b, expression: '1'}], ${MATCH}}`,
    ['spec.variables[0].name: Invalid value: "a-b": must be a valid CEL identifier'],
  ],
  ["{validations: [{expression: 'true'}]}", ["spec.matchConstraints: Required value"]],
  [
    `{validations: [{expression: 'true'}], variables: [{name: b, expression: variables.a}, {name: a, expression: '1'}], ${MATCH}}`,
    [
      `spec.variables[0].expression: Invalid value: "variables.a": compilation failed: ERROR: <input>:1:10: undefined field 'a'\n | variables.a\n | .........^`,
    ],
  ],
  [
    `{validations: [{expression: 'true'}], matchConditions: [{name: a, expression: variables.a}], ${MATCH}}`,
    [
      `spec.matchConditions[0].expression: Invalid value: "variables.a": compilation failed: ERROR: <input>:1:1: undeclared reference to 'variables' (in container '')\n | variables.a\n | ^`,
    ],
  ],
])("a policy %s", (spec, wants) => {
  expect(inWords(validatingPolicyErrors({ spec: parse(spec) as object }))).toEqual(wants);
});

test("more conditions than anybody reads", () => {
  const matchConditions = Array.from({ length: 65 }, (_, i) => ({ name: `c${i}`, expression: "true" }));
  const spec = { ...(parse(`{validations: [{expression: 'true'}], ${MATCH}}`) as object), matchConditions };
  expect(inWords(validatingPolicyErrors({ spec }))).toEqual([
    "spec.matchConditions: Too many: 65: must have at most 64 items",
  ]);
});

test.each([
  ["{policyName: p, validationActions: [Deny, Audit]}", []],
  ["{validationActions: [Deny]}", ["spec.policyName: Required value"]],
  [
    "{policyName: p, validationActions: []}",
    ["spec.validationActions: Required value: at least one validation action is required"],
  ],
  [
    "{policyName: p, validationActions: [Deny, Warn]}",
    [
      'spec.validationActions: Invalid value: ["Deny","Warn"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
    ],
  ],
  [
    "{policyName: p, validationActions: [Deny], paramRef: {name: a}}",
    ["spec.paramRef.parameterNotFoundAction: Required value"],
  ],
  [
    "{policyName: p, validationActions: [Deny], paramRef: {name: a, selector: {}, parameterNotFoundAction: Deny}}",
    [
      "spec.paramRef.name: Forbidden: name and selector are mutually exclusive",
      "spec.paramRef.selector: Forbidden: name and selector are mutually exclusive",
    ],
  ],
])("a binding %s", (spec, wants) => {
  const binding = { spec: parse(spec) as { policyName: string; validationActions: string[] } };
  expect(inWords(validatingBindingErrors(binding))).toEqual(wants);
});
