import { type Environment, Optional } from "@marcbachmann/cel-js";
import { deepEqual, getOwn, isObject } from "../../apimachinery/copy.ts";
import { type FieldError, invalid, notSupported, required } from "../../apimachinery/field-error.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { COST_EXCEEDED } from "../cel/budget.ts";
import { celEnvironment, compileProblem, evaluationProblem, Program } from "../cel/program.ts";
import type { V1ValidationRule } from "../generated/types.ts";
import { type CelType, CelTypes } from "./cel-types.ts";
import { additionalOf, itemsOf, memberOf, propertyOf, type Structural } from "./structural-schema.ts";
import { correlatedItems } from "./validate.ts";

/** The `x-kubernetes-validations` of a schema, ready to be checked. Source: api-policy 7.3. */
export interface RuleSet {
  readonly isEmpty: boolean;
  /** @param old  undefined on a create */
  check(next: KubernetesObject, old: KubernetesObject | undefined): FieldError[];
}

interface Rule {
  readonly said: V1ValidationRule;
  readonly program: Program;
  readonly message: Program | undefined;
  /** It compares with what was: only asked where something was. */
  readonly usesOld: boolean;
}

interface Node {
  readonly schema: Structural;
  readonly type: CelType;
  readonly rules: readonly Rule[];
}

/** Source: apiextensions, the text of a rule that ran for too long. */
const OUT_OF_BUDGET =
  "validation failed due to running out of cost budget, no further validation rules will be run";

export function compileRules(schema: Structural): RuleSet {
  const nodes = new Map<Structural, Node>();
  if (!mentionsRules(schema)) return { isEmpty: true, check: () => [] };
  compileNode(schema, true, nodes);
  return { isEmpty: false, check: (next, old) => walk(nodes, schema, next, old, "") };
}

function mentionsRules(schema: Structural): boolean {
  return (
    (schema["x-kubernetes-validations"]?.length ?? 0) > 0 ||
    childrenOf(schema).some(({ child }) => mentionsRules(child))
  );
}

function childrenOf(schema: Structural): { child: Structural; at: string }[] {
  const properties = Object.entries(schema.properties ?? {}).map(([name, child]) => ({
    child,
    at: `.properties[${name}]`,
  }));
  const [items, additional] = [itemsOf(schema), additionalOf(schema)];
  return [
    ...properties,
    ...(items ? [{ child: items, at: ".items" }] : []),
    ...(additional ? [{ child: additional, at: ".additionalProperties" }] : []),
  ];
}

function compileNode(schema: Structural, isRoot: boolean, nodes: Map<Structural, Node>): void {
  const said = schema["x-kubernetes-validations"] ?? [];
  if (said.length > 0) {
    const { environments, type } = environmentsOf(schema, isRoot);
    nodes.set(schema, { schema, type, rules: said.map((one) => compileRule(one, environments)) });
  }
  for (const { child } of childrenOf(schema)) compileNode(child, false, nodes);
}

interface Environments {
  readonly plain: Environment;
  /** `oldSelf` is an optional there. */
  readonly optional: Environment;
}

function environmentsOf(schema: Structural, isRoot: boolean): { environments: Environments; type: CelType } {
  const base = celEnvironment();
  const types = new CelTypes(base);
  const type = types.of(schema, isRoot);
  base.registerVariable("self", type.name);
  const plain = base.clone().registerVariable("oldSelf", type.name);
  const optional = base.clone().registerVariable("oldSelf", `optional<${type.name}>`);
  return { environments: { plain, optional }, type };
}

function compileRule(said: V1ValidationRule, { plain, optional }: Environments): Rule {
  const environment = said.optionalOldSelf ? optional : plain;
  return {
    said,
    program: new Program(environment, said.rule),
    message: said.messageExpression ? new Program(environment, said.messageExpression) : undefined,
    usesOld: usesOldSelf(said.rule),
  };
}

function usesOldSelf(rule: string): boolean {
  return /\boldSelf\b/.test(rule);
}

function walk(
  nodes: ReadonlyMap<Structural, Node>,
  schema: Structural,
  value: unknown,
  old: unknown,
  path: string,
): FieldError[] {
  if (value === undefined || value === null) return [];
  const node = nodes.get(schema);
  const own = node === undefined ? [] : node.rules.flatMap((rule) => checkRule(rule, node, value, old, path));
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (items === undefined) return own;
    const before = correlatedItems(schema, Array.isArray(old) ? old : []);
    return [...own, ...value.flatMap((item, i) => walk(nodes, items, item, before(item), `${path}[${i}]`))];
  }
  if (!isObject(value)) return own;
  const inner = Object.entries(value).flatMap(([name, member]) => {
    const child = memberOf(schema, name);
    const before = isObject(old) ? getOwn(old, name) : undefined;
    return child === undefined
      ? []
      : walk(nodes, child, member, before, path === "" ? name : `${path}.${name}`);
  });
  return [...own, ...inner];
}

function checkRule(
  rule: Rule,
  { schema, type }: Node,
  value: unknown,
  old: unknown,
  path: string,
): FieldError[] {
  const { said, usesOld } = rule;
  const before = old === null ? undefined : old;
  if (usesOld && !said.optionalOldSelf && before === undefined) return [];
  // What an update leaves as it was is not held against it.
  if (!usesOld && before !== undefined && deepEqual(value, before)) return [];
  const oldSelf = before === undefined ? undefined : type.convert(before);
  const context = {
    self: type.convert(value),
    oldSelf: said.optionalOldSelf
      ? oldSelf === undefined
        ? Optional.none()
        : Optional.of(oldSelf)
      : oldSelf,
  };
  const field = path + (said.fieldPath ?? "");
  try {
    if (rule.program.evaluate(context) === true) return [];
    return [failed(said, messageOf(rule, context), field, value)];
  } catch (error) {
    const why = evaluationProblem(error);
    if (why === COST_EXCEEDED) {
      const message = `Invalid value: ${OUT_OF_BUDGET}`;
      return [{ reason: "FieldValueInvalid", field: path === "" ? "<nil>" : path, message }];
    }
    const what = `${why} evaluating rule: ${said.message?.trim() || said.rule.trim()}`;
    const shown = JSON.stringify(schema.type ?? "object");
    const message = `Invalid value: ${shown}: ${what}`;
    return [{ reason: "FieldValueInvalid", field: path === "" ? "<nil>" : path, message }];
  }
}

/** What the rule says of its failure: an expression that cannot be evaluated, or is no line of text, gives way to the plain message. */
function messageOf({ message, said }: Rule, context: Record<string, unknown>): string {
  const plain = said.message?.trim() || `failed rule: ${said.rule.trim()}`;
  if (message === undefined) return plain;
  try {
    const text = message.evaluate(context);
    return typeof text === "string" && text.trim() !== "" && !text.includes("\n") ? text.trim() : plain;
  } catch (error) {
    if (error instanceof Error) return plain;
    throw error;
  }
}

function failed(
  { reason = "FieldValueInvalid" }: V1ValidationRule,
  detail: string,
  path: string,
  value: unknown,
): FieldError {
  const field = path.replace(/^\./, "") || "<nil>";
  switch (reason) {
    case "FieldValueForbidden":
      return { reason, field, message: `Forbidden: ${detail}` };
    case "FieldValueRequired":
      return { reason, field, message: `Required value: ${detail}` };
    case "FieldValueDuplicate":
      return { reason, field, message: `Duplicate value: ${JSON.stringify(value)}` };
    default: {
      const isShown = typeof value !== "object";
      return isShown
        ? invalid(field, value, detail)
        : { reason: "FieldValueInvalid", field, message: `Invalid value: ${detail}` };
    }
  }
}

const REASONS = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

/** What is wrong with the rules themselves. Source: apiextensions validation; api-policy 7.3. */
export function ruleErrors(schema: Structural, path: string): FieldError[] {
  return nodeErrors(schema, path, true, true);
}

/** @param isCorrelatable  whether somebody can say what a value here was before */
function nodeErrors(
  schema: Structural,
  path: string,
  isRoot: boolean,
  isCorrelatable: boolean,
): FieldError[] {
  const said = schema["x-kubernetes-validations"] ?? [];
  const environments = said.length > 0 ? environmentsOf(schema, isRoot).environments : undefined;
  const own = said.flatMap((one, i) => {
    const at = `${path}.x-kubernetes-validations[${i}]`;
    return [
      ...shapeErrors(one, schema, at),
      ...expressionErrors(one, environments!, at, path, isCorrelatable),
    ];
  });
  const keepsItems = schema["x-kubernetes-list-type"] === "map";
  const inner = childrenOf(schema).flatMap(({ child, at }) => {
    const correlatable = isCorrelatable && (at !== ".items" || keepsItems);
    return nodeErrors(child, path + at, false, correlatable);
  });
  return [...own, ...inner];
}

function shapeErrors(
  { rule, message, reason, fieldPath, optionalOldSelf }: V1ValidationRule,
  schema: Structural,
  at: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (!rule?.trim()) errors.push(required(`${at}.rule`, "rule is not specified"));
  if (message?.includes("\n")) errors.push(invalid(`${at}.message`, message, "must not contain line breaks"));
  if (rule?.trim().includes("\n") && !message?.trim()) {
    errors.push(required(`${at}.message`, "message must be specified if rule contains line breaks"));
  }
  if (reason && !REASONS.includes(reason)) errors.push(notSupported(`${at}.reason`, reason, REASONS));
  if (fieldPath && !isFieldPath(fieldPath, schema))
    errors.push(invalid(`${at}.fieldPath`, fieldPath, "must be a valid path"));
  if (optionalOldSelf !== undefined && !usesOldSelf(rule ?? "")) {
    errors.push(
      invalid(`${at}.optionalOldSelf`, optionalOldSelf, "may not be set if oldSelf is not used in rule"),
    );
  }
  return errors;
}

function isFieldPath(path: string, schema: Structural): boolean {
  const names = path.match(/\.[^.[\]]+|\['[^']*'\]/g) ?? [];
  if (names.join("") !== path) return false;
  let at: Structural | undefined = schema;
  for (const name of names) {
    const member: string = name.startsWith(".") ? name.slice(1) : name.slice(2, -2);
    at = at && (propertyOf(at, member) ?? additionalOf(at));
  }
  return at !== undefined;
}

function expressionErrors(
  said: V1ValidationRule,
  { plain, optional }: Environments,
  at: string,
  path: string,
  isCorrelatable: boolean,
): FieldError[] {
  const environment = said.optionalOldSelf ? optional : plain;
  const errors: FieldError[] = [];
  const check = (field: string, expression: string, type: string, wrongType: string, value: unknown) => {
    const result = environment.check(expression);
    const problem = compileProblem(environment, expression);
    if (problem !== undefined) errors.push(invalid(field, value, problem));
    else if (result.type !== type && result.type !== "dyn") errors.push(invalid(field, value, wrongType));
  };
  if (said.rule?.trim()) {
    check(`${at}.rule`, said.rule, "bool", "cel expression must evaluate to a bool", inGo(said));
    if (usesOldSelf(said.rule) && !isCorrelatable) {
      const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${path}`;
      errors.push(invalid(`${at}.rule`, said.rule, why));
    }
  }
  if (said.messageExpression) {
    const field = `${at}.messageExpression`;
    check(field, said.messageExpression, "string", "messageExpression must evaluate to a string", inGo(said));
  }
  return errors;
}

/** The rule as Go shows it in an error. */
function inGo({
  rule,
  message = "",
  messageExpression = "",
  reason,
  fieldPath = "",
  optionalOldSelf,
}: V1ValidationRule) {
  return {
    Rule: rule,
    Message: message,
    MessageExpression: messageExpression,
    Reason: reason ?? null,
    FieldPath: fieldPath,
    OptionalOldSelf: optionalOldSelf ?? null,
  };
}
