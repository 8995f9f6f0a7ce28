import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { compileRules, ruleErrors } from "./rules.ts";
import type { Structural } from "./structural-schema.ts";

const SPEC = `
  n: {type: integer}
  max: {type: integer}
  name: {type: string}
  big: {type: number}
  on: {type: boolean}
  when: {type: string, format: date-time}
  tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}
  ports: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [port], items: {type: object, properties: {port: {type: integer}, name: {type: string}}}}
  labels: {type: object, additionalProperties: {type: string}}
  size: {x-kubernetes-int-or-string: true}
  my-field: {type: integer}
`;

/** A schema whose spec has one rule: `{rule: …, message: …}`; `at` puts it at a property of the spec instead. */
function schema(rule: string, at?: string): Structural {
  const properties = parse(SPEC) as Record<string, Structural>;
  const rules = [parse(rule)] as NonNullable<Structural["x-kubernetes-validations"]>;
  if (at !== undefined) properties[at] = { ...properties[at], "x-kubernetes-validations": rules };
  const spec: Structural = {
    type: "object",
    properties,
    ...(at === undefined ? { "x-kubernetes-validations": rules } : {}),
  };
  return { type: "object", properties: { spec } };
}

/** What a change from one spec to another breaks. */
function told(of: Structural, next: string, old?: string): string[] {
  const object = (text: string) => ({ kind: "K", metadata: { name: "x" }, spec: parse(text) as unknown });
  return compileRules(of)
    .check(object(next), old === undefined ? undefined : object(old))
    .map(({ field, message }) => `${field}: ${message}`);
}

describe("rules (api-policy 7.3)", () => {
  test.each([
    ["{rule: self.n <= self.max}", "{n: 2, max: 1}", "spec: Invalid value: failed rule: self.n <= self.max"],
    ["{rule: self.n <= self.max}", "{n: 1, max: 1}", undefined],
    ["{rule: self.n <= self.max, message: n too big}", "{n: 2, max: 1}", "spec: Invalid value: n too big"],
    [
      "{rule: self.n <= self.max, message: n too big, fieldPath: .n}",
      "{n: 2, max: 1}",
      "spec.n: Invalid value: n too big",
    ],
    [
      "{rule: self.n <= self.max, reason: FieldValueForbidden, message: no}",
      "{n: 2, max: 1}",
      "spec: Forbidden: no",
    ],
    [
      "{rule: self.n <= self.max, messageExpression: '\"n is \" + string(self.n)'}",
      "{n: 2, max: 1}",
      "spec: Invalid value: n is 2",
    ],
    [
      "{rule: self.n <= self.max, message: m}",
      "{n: 2}",
      'spec: Invalid value: "object": no such key: max evaluating rule: m',
    ],
    ["{rule: has(self.max) || self.n < 3}", "{n: 2}", undefined],
    ["{rule: self.big > 1.5}", "{big: 1}", "spec: Invalid value: failed rule: self.big > 1.5"],
    [
      "{rule: 'self.when < timestamp(\"2025-01-01T00:00:00Z\")'}",
      "{when: '2024-01-01T00:00:00Z'}",
      undefined,
    ],
    [
      "{rule: 'self.tags.all(t, t.startsWith(\"a\"))'}",
      "{tags: [ab, ba]}",
      'spec: Invalid value: failed rule: self.tags.all(t, t.startsWith("a"))',
    ],
    ["{rule: 'self.ports.exists(p, p.port == 80)'}", "{ports: [{port: 80}]}", undefined],
    [
      "{rule: '\"a\" in self.labels'}",
      "{labels: {b: x}}",
      'spec: Invalid value: failed rule: "a" in self.labels',
    ],
    ["{rule: 'type(self.size) == int ? self.size < 3 : self.size == \"big\"'}", "{size: big}", undefined],
    ["{rule: self.my__dash__field == 1}", "{my-field: 1}", undefined],
    [
      "{rule: 'self.tags.isSorted() && self.ports.map(p, p.port).sum() == 3'}",
      "{tags: [a, b], ports: [{port: 1}, {port: 2}]}",
      undefined,
    ],
    ["{rule: 'quantity(self.name).isLessThan(quantity(\"1Gi\"))'}", "{name: 512Mi}", undefined],
    ['{rule: \'self.name.find("[0-9]+") == "42"\'}', "{name: a42b}", undefined],
  ])("%s of %s", (rule, spec, answer) => {
    expect(told(schema(rule), spec)).toEqual(answer === undefined ? [] : [answer]);
  });

  test("a scalar is shown; a rule of what is not there is not asked", () => {
    const of = schema("{rule: self < 5}", "n");
    expect(told(of, "{n: 7}")).toEqual(["spec.n: Invalid value: 7: failed rule: self < 5"]);
    expect(told(of, "{}")).toEqual([]);
  });

  test.each([
    [
      "a transition is only asked when there was something",
      "{rule: self.n >= oldSelf.n}",
      "{n: 1}",
      undefined,
      0,
    ],
    ["and then it is", "{rule: self.n >= oldSelf.n}", "{n: 1}", "{n: 2}", 1],
    [
      "an optional one on a create too",
      "{rule: 'oldSelf.hasValue() || self.n == 1', optionalOldSelf: true}",
      "{n: 2}",
      undefined,
      1,
    ],
    [
      "and with what was",
      "{rule: 'oldSelf.hasValue() && oldSelf.value().n == 2', optionalOldSelf: true}",
      "{n: 3}",
      "{n: 2}",
      0,
    ],
    ["what is left as it was is not held against an update", "{rule: self.n < 5}", "{n: 7}", "{n: 7}", 0],
    ["what is changed is", "{rule: self.n < 5}", "{n: 8}", "{n: 7}", 1],
  ])("%s", (_, rule, next, old, count) => {
    expect(told(schema(rule), next, old)).toHaveLength(count);
  });

  test("a pattern in a rule takes time that grows with its text alone, and a text that looks like a call stays one", () => {
    expect(told(schema(`{rule: "!self.name.matches('^(a+)+$')"}`), `{name: ${"a".repeat(4000)}!}`)).toEqual(
      [],
    );
    // However the call is written.
    for (const rule of ["!self.name.matches ('^(a+)+$')", "!self.name. matches('^(a+)+$')"])
      expect(told(schema(`{rule: "${rule}"}`), `{name: ${"a".repeat(4000)}!}`)).toEqual([]);
    expect(told(schema(`{rule: "self.name == '.matches('"}`), "{name: .matches(}")).toEqual([]);
  });

  test.each([
    [
      "a list",
      "self.tags.all(a, self.tags.all(b, self.tags.all(c, self.tags.all(d, a + b != c + d + 'z'))))",
    ],
    [
      "a map",
      "self.labels.all(a, self.labels.all(b, self.labels.all(c, self.labels.all(d, a + b != c + d + 'z'))))",
    ],
    [
      "what a function makes",
      "self.tags.map(t, t).all(a, self.name.split(',').all(b, self.tags.filter(t, true).all(c, a + b != c)))",
    ],
    ["a search in a list", "self.tags.all(a, self.tags.all(b, !('z' in self.tags)))"],
  ])("a rule that goes on for too long through %s is stopped", (_, rule) => {
    const tags = Array.from({ length: 200 }, (_, i) => `t${i}`);
    const labels = tags.map((tag) => `${tag}: v`);
    const many = `{tags: [${tags.join(", ")}], labels: {${labels.join(", ")}}, name: "${tags.join(",")}"}`;
    expect(told(schema(`{rule: "${rule}"}`), many)).toEqual([
      "spec: Invalid value: validation failed due to running out of cost budget, no further validation rules will be run",
    ]);
    expect(told(schema(`{rule: "${rule}"}`), "{tags: [a, b], labels: {a: b}, name: a}")).toEqual([]);
  });

  test("literals count like everything else", () => {
    const digits = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]";
    const nested = Array.from({ length: 9 }, (_, i) => `${digits}.all(v${i}, `).join("");
    expect(told(schema(`{rule: "${nested}self.n > 100${")".repeat(9)}"}`), "{n: 101}")).toHaveLength(1);
  });

  test("a duration is one", () => {
    const of: Structural = {
      type: "object",
      properties: {
        spec: {
          type: "object",
          properties: { d: { type: "string", format: "duration" } },
          "x-kubernetes-validations": [{ rule: 'self.d < duration("1h")' }],
        },
      },
    };
    expect(told(of, "{d: 30m}")).toEqual([]);
    expect(told(of, "{d: 90m}")).toHaveLength(1);
  });

  test("at the root only the name of the metadata is there", () => {
    const of = (rule: string): Structural => ({
      type: "object",
      properties: {},
      "x-kubernetes-validations": [{ rule }],
    });
    expect(told(of("self.metadata.name == 'x' && self.kind == 'K'"), "{}")).toEqual([]);
    expect(ruleErrors(of("self.metadata.labels == {}"), "s")[0]!.message).toContain(
      "undefined field 'labels'",
    );
  });

  test.each([
    [
      "{rule: \"self.zz == 'x'\"}",
      `s.properties[spec].x-kubernetes-validations[0].rule: Invalid value: {"Rule":"self.zz == 'x'","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: compilation failed: ERROR: <input>:1:5: undefined field 'zz'\n | self.zz == 'x'\n | ....^`,
    ],
    ["{rule: self.n + 1}", "cel expression must evaluate to a bool"],
    ["{rule: 'true', messageExpression: self.n}", "messageExpression must evaluate to a string"],
    [
      "{rule: ' '}",
      "s.properties[spec].x-kubernetes-validations[0].rule: Required value: rule is not specified",
    ],
    ['{rule: "true", message: "a\\nb"}', 'message: Invalid value: "a\\nb": must not contain line breaks'],
    [
      '{rule: "self.n\\n< 1"}',
      "message: Required value: message must be specified if rule contains line breaks",
    ],
    ["{rule: 'true', fieldPath: .zz}", 'fieldPath: Invalid value: ".zz": must be a valid path'],
    [
      "{rule: 'true', reason: Foo}",
      'reason: Unsupported value: "Foo": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"',
    ],
    [
      "{rule: 'true', optionalOldSelf: true}",
      "optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule",
    ],
  ])("%s cannot be a rule", (rule, why) => {
    const errors = ruleErrors(schema(rule), "s").map(({ field, message }) => `${field}: ${message}`);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(why);
  });

  test("nobody can say what an item of a set was before", () => {
    const of = schema("{rule: 'true'}");
    const tags = of.properties!["spec"]!.properties!["tags"]!;
    (tags.items as Structural)["x-kubernetes-validations"] = [{ rule: "self == oldSelf" }];
    expect(ruleErrors(of, "s").map(({ message }) => message)).toEqual([
      'Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within s.properties[spec].properties[tags].items',
    ]);
  });
});
