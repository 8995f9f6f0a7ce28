import { expect, test } from "vitest";
import { parse } from "yaml";
import type { V1MutatingWebhook } from "./generated/types.ts";
import { inWords } from "./rule-rows.ts";
import { webhookErrors } from "./webhook-validation.ts";

const GOOD: V1MutatingWebhook = {
  name: "a.b.c",
  clientConfig: { url: "https://h/p" },
  rules: [
    {
      operations: ["CREATE"],
      apiGroups: ["apps"],
      apiVersions: ["v1"],
      resources: ["deployments"],
      scope: "*",
    },
  ],
  sideEffects: "None",
  admissionReviewVersions: ["v1"],
};

const errors = (...webhooks: object[]) =>
  inWords(webhookErrors(webhooks.map((fields) => ({ ...GOOD, ...fields }))));

// Source of the texts: api-policy 4.9.
test.each([
  ["{}", []],
  [
    "name: foo",
    [
      'webhooks[0].name: Invalid value: "foo": should be a domain with at least three segments separated by dots',
    ],
  ],
  ["sideEffects: ''", ["webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun"]],
  [
    "sideEffects: Some",
    ['webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"'],
  ],
  [
    "admissionReviewVersions: []",
    ["webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1"],
  ],
  [
    "admissionReviewVersions: [v9]",
    ['webhooks[0].admissionReviewVersions: Invalid value: ["v9"]: must include at least one of v1, v1beta1'],
  ],
  [
    "timeoutSeconds: 31",
    ["webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds"],
  ],
  [
    "failurePolicy: X",
    ['webhooks[0].failurePolicy: Unsupported value: "X": supported values: "Fail", "Ignore"'],
  ],
  [
    "matchPolicy: X",
    ['webhooks[0].matchPolicy: Unsupported value: "X": supported values: "Equivalent", "Exact"'],
  ],
  [
    "clientConfig: {}",
    ["webhooks[0].clientConfig: Required value: exactly one of url or service is required"],
  ],
  [
    "clientConfig: {url: 'http://h/p'}",
    [
      `webhooks[0].clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]`,
    ],
  ],
  [
    "clientConfig: {url: 'https://u@h/p?q=1#f'}",
    [
      'webhooks[0].clientConfig.url: Invalid value: "u": user information is not permitted in the URL',
      'webhooks[0].clientConfig.url: Invalid value: "f": fragments are not permitted in the URL',
      'webhooks[0].clientConfig.url: Invalid value: "q=1": query parameters are not permitted in the URL',
    ],
  ],
  [
    "clientConfig: {service: {name: s, namespace: n, port: 70000, path: x}}",
    [
      "webhooks[0].clientConfig.service.port: Invalid value: 70000: port is not valid: must be between 1 and 65535, inclusive",
      `webhooks[0].clientConfig.service.path: Invalid value: "x": must start with a '/'`,
    ],
  ],
  [
    "rules: [{operations: ['*', CREATE, FOO], apiGroups: ['*', a], apiVersions: ['*', v1], resources: ['*/*', pods]}]",
    [
      `webhooks[0].rules[0].operations: Invalid value: ["*","CREATE","FOO"]: if '*' is present, must not specify other operations`,
      'webhooks[0].rules[0].operations[2]: Unsupported value: "FOO": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"',
      `webhooks[0].rules[0].apiGroups: Invalid value: ["*","a"]: if '*' is present, must not specify other API groups`,
      `webhooks[0].rules[0].apiVersions: Invalid value: ["*","v1"]: if '*' is present, must not specify other API versions`,
      `webhooks[0].rules[0].resources: Invalid value: ["*/*","pods"]: if '*/*' is present, must not specify other resources`,
    ],
  ],
  [
    "rules: [{operations: [CREATE], apiGroups: [''], apiVersions: [v1], resources: ['']}]",
    ["webhooks[0].rules[0].resources[0]: Required value"],
  ],
  [
    "matchConditions: [{name: a, expression: foo == 1}]",
    [
      `webhooks[0].matchConditions[0].expression: Invalid value: "foo == 1": compilation failed: ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo == 1\n | ^`,
    ],
  ],
  [
    "matchConditions: [{name: a, expression: \"'a'\"}]",
    [`webhooks[0].matchConditions[0].expression: Invalid value: "'a'": must evaluate to bool but got string`],
  ],
])("%s", (fields, wants) => {
  expect(errors(parse(fields) as object)).toEqual(wants);
});

test("two of one name", () => {
  expect(errors({}, {})).toEqual(['webhooks[1].name: Duplicate value: "a.b.c"']);
});
